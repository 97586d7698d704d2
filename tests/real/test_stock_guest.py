"""An unpatched kernel under whatever KVM is here: every recorder sees its hand-over."""

import pytest

from qbt_process import QEMU, World
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import stock
from qemu_boot_time.guest.stock import StockKernel
from qemu_boot_time.sources.table import SOURCES
from real_host import require

pytestmark = [pytest.mark.real, pytest.mark.build]

_RECORDERS = [name for name, source in SOURCES.items() if source.recordings is not None]


@pytest.fixture(scope="module")
def kernel() -> StockKernel:
    """Take the distribution's kernel from the cache, or fetch it."""
    try:
        return stock.find() or stock.fetch()
    except HostError as error:
        require(condition=False, reason=f"no stock kernel: {error}; {error.hint}")
        raise


@pytest.mark.parametrize("source", _RECORDERS)
def test_the_hand_over_of_a_stock_kernel_ends_a_boot(
    world: World, kvm: str, kernel: StockKernel, source: str
) -> None:
    """Nothing in the guest is patched, and none of its writes wakes the reader of perf_event.

    Software KVM does not bring it to user space, but through its set-up code.
    """
    probe = SOURCES[source].probe()
    require(probe.ok, probe.what)
    qemu = (QEMU, "-accel", kvm, "-M", "q35", "-m", "256", "-nodefaults", "-display", "none")
    asked = ("--source", source, "--until", "linux_start_boot", "-n", "1")

    done = world.run(*asked, "--", *qemu, "-kernel", str(kernel.vmlinuz))

    (boot,) = done.document["boots"]
    last = boot["marks"][-1]
    assert (0, "reached") == (done.status, boot["outcome"])
    assert ["mark"] == [facts["ended_by"] for facts in world.facts()]
    assert ("linux_start_boot", "le", "kvm:kvm_pio 0xf1") == (
        last["name"],
        last["bound"],
        last["event"],
    )
