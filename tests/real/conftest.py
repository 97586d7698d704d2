"""What the tests of real boots share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmbox
from qbt_process import QEMU, World
from qemu_boot_time import host
from qemu_boot_time.doctor.probe_boot import boot as probe_boot
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import stock
from qemu_boot_time.sources import perf_event
from real_host import require


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give ``qbt`` a world of its own; it must leave no process and no temporary file."""
    require(shutil.which(QEMU) is not None, f"{QEMU} is not installed")
    with tempfile.TemporaryDirectory(prefix="qbtt-") as temporary:
        here = World(tmp_path, Path(temporary))
        yield here
        assert here.leftovers() == []


@pytest.fixture(scope="session")
def kvm_boots() -> bool:
    """Whether a tiny guest boots under KVM here."""
    return shutil.which(QEMU) is not None and host.kvm_device().ok and probe_boot(QEMU).ok


@pytest.fixture
def kvm(kvm_boots: bool) -> str:  # noqa: FBT001  # a fixture
    """Give KVM, where it boots a tiny guest."""
    require(kvm_boots, "no KVM that boots a tiny guest here")
    return "kvm"


@pytest.fixture
def perf(kvm: str) -> str:
    """Give KVM, where perf may record it."""
    require(host.perf_binary().ok, "no perf here")
    require(host.tracepoint_access().ok, "we may not record tracepoints here")
    return kvm


@pytest.fixture
def traced(kvm: str) -> str:
    """Give KVM, where we may record its tracepoints ourselves."""
    probe = perf_event.probe()
    require(probe.ok, probe.what)
    return kvm


@pytest.fixture(params=["tcg", "kvm"])
def accelerator(request: pytest.FixtureRequest, kvm_boots: bool) -> str:  # noqa: FBT001  # as above
    """Give an accelerator that boots a tiny guest here."""
    name = str(request.param)
    require(name == "tcg" or kvm_boots, "no KVM that boots a tiny guest here")
    return name


@pytest.fixture(scope="session")
def stock_kernel(tmp_path_factory: pytest.TempPathFactory) -> stock.StockKernel:
    """Give the stock kernel of the cache, else fetch one for this session."""
    if found := stock.find():
        return found
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            return stock.fetch()
        except HostError as error:
            require(condition=False, reason=f"no stock kernel: {error.what}")
            raise


@pytest.fixture(scope="session")
def box_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give this checkout as the KVM box's Python takes it; it takes ten seconds to make."""
    return kvmbox.site(tmp_path_factory.mktemp("site"))
