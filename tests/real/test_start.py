"""QEMU's own start, made longer on purpose: the part that is to be longer is, and the others are not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from qbt_process import World, tiny_qemu
from qemu_boot_time.guest import stock, tiny

pytestmark = pytest.mark.real

_MUCH_NS = 60_000_000
_KERNEL_BYTES = 400 << 20
_BOOTS = 5
_DEVICES = tuple(
    word
    for slot in range(4, 30)
    for function in range(8)
    for word in (
        "-device",
        f"virtio-rng-pci,addr={slot:#x}.{function},multifunction={'off' if function else 'on'}",
    )
)


@pytest.fixture
def bios(world: World) -> Path:
    """Give a guest that does not look at its kernel."""
    return world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit())


def grown(kernel: Path, directory: Path) -> Path:
    """Give a kernel that takes long to read: a hole follows it, which takes no room on the disk."""
    big = directory / "bigImage"
    big.write_bytes(kernel.read_bytes())
    with big.open("r+b") as stream:
        stream.truncate(_KERNEL_BYTES)
    return big


def parts(world: World, *words: str, wrapper: Sequence[str] = ()) -> dict[str, int]:
    """Boot; give the median of each part of QEMU's start that most boots have.

    On a busy host one of our stamps may come too late to be of use, and its boot has other parts.
    """
    done = world.qbt("run", "--json", "-n", str(_BOOTS), "--warmup", "1", "--", *wrapper, *words)
    assert 0 == done.status, done.stderr
    rows = done.document["summary"]["parts"]
    return {row["name"]: row["median_ns"] for row in rows if 2 * row["n"] > _BOOTS}


def longer(plain: dict[str, int], other: dict[str, int]) -> list[str]:
    """Give the parts that are much longer in the other."""
    assert plain.keys() == other.keys()
    return [name for name in plain if other[name] > plain[name] + _MUCH_NS]


def test_the_part_that_was_made_longer_is_longer(
    traced: str, world: World, bios: Path, stock_kernel: stock.StockKernel
) -> None:
    """A large kernel, many devices, and a script that waits before it becomes QEMU."""
    qemu = tiny_qemu(bios, accelerator=traced)
    kernel = ("-kernel", str(stock_kernel.vmlinuz))
    big = ("-kernel", str(grown(stock_kernel.vmlinuz, world.directory)))
    waits = world.script('sleep 0.3; exec "$@"')

    plain = parts(world, *qemu, *kernel)

    assert [
        "qemu_libraries",
        "qemu_options",
        "qemu_backends",
        "qemu_board",
        "qemu_kernel",
        "qemu_devices",
        "qemu_reset",
    ] == list(plain)
    assert ["qemu_kernel"] == longer(plain, parts(world, *qemu, *big))
    assert "qemu_devices" in longer(plain, parts(world, *qemu, *kernel, *_DEVICES))
    assert [] == longer(plain, parts(world, *qemu, *kernel, wrapper=(waits,)))


def test_without_rights_and_kvm_the_start_is_parted_too(
    world: World, bios: Path, stock_kernel: stock.StockKernel
) -> None:
    """What the monitor and the kernel's files tell needs neither; the rest is one with its neighbours."""
    qemu = (*tiny_qemu(bios), "-kernel")

    plain = parts(world, *qemu, str(stock_kernel.vmlinuz))
    large = parts(world, *qemu, str(grown(stock_kernel.vmlinuz, world.directory)))

    expected = [
        "exec..qemu_monitor",
        "qemu_backends",
        "qemu_board",
        "qemu_kernel",
        "kernel_read..fw_start",
    ]
    assert expected == list(plain)
    assert ["qemu_kernel"] == longer(plain, large)
