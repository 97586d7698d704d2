"""The symbols of real kernels, against what nm(1) says and against what the kernel says itself."""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.formats import kernel
from qemu_boot_time.guest import builds, init, initramfs, stock
from real_host import require

pytestmark = pytest.mark.real

QEMU = "qemu-system-x86_64"
BUSYBOX = Path("/bin/busybox")
DEADLINE_S = 180.0
SCRIPT = b"""#!/bin/busybox sh
/bin/busybox mkdir /proc
/bin/busybox mount -t proc proc /proc
echo "symbols: $(/bin/busybox awk 'NF == 3 && $2 ~ /^[tTwW]$/ { print $1, $3 }' /proc/kallsyms |
    /bin/busybox sort -u | /bin/busybox sha256sum)"
/bin/busybox poweroff -f
"""


@pytest.fixture(scope="module")
def built() -> Mapping[str, Path]:
    """Give our own Linux: its vmlinux has a symbol table, its bzImage has kallsyms alone."""
    try:
        return builds.build(builds.Piece.LINUX).files
    except HostError as error:
        require(condition=False, reason=f"linux: {error.what}")
        raise


def symbols(path: Path) -> kernel.Symbols:
    """Read the symbols of a kernel."""
    return kernel.symbols_of(path.read_bytes(), str(path))


def nm(path: Path) -> dict[str, tuple[int, ...]]:
    """Give the code that binutils list, by name."""
    require(shutil.which("nm") is not None, "nm is not installed")
    found = defaultdict(set)
    for line in process.run(["nm", str(path)]).stdout.splitlines():
        address, letter, name = line.split()
        if letter in "tTwW":
            found[name].add(int(address, 16))
    return {name: tuple(sorted(addresses)) for name, addresses in found.items()}


def test_stock_header_names_the_release(stock_kernel: stock.StockKernel) -> None:
    """As uname says it in the guest."""
    header = kernel.read_header(stock_kernel.vmlinuz.read_bytes(), "vmlinuz")

    assert stock_kernel.release == header.kernel_version.split()[0]


@pytest.mark.build
def test_a_symbol_table_is_what_nm_lists(built: Mapping[str, Path]) -> None:
    """Each name, each address, and no more."""
    assert nm(built["vmlinux"]) == symbols(built["vmlinux"]).addresses


@pytest.mark.build
def test_the_kernel_out_of_a_bzimage_is_the_one_that_went_in(built: Mapping[str, Path]) -> None:
    """It is stripped on its way; its code is where it was."""
    inside = kernel.vmlinux_of(built["bzImage"].read_bytes(), "bzImage")
    segments = built["vmlinux"].read_bytes()[0x200000:0x300000]

    assert segments == inside[0x200000:0x300000]


@pytest.mark.build
def test_kallsyms_is_what_nm_lists_of_its_ranges(built: Mapping[str, Path]) -> None:
    """The table of a kernel has no .exit.text, which never runs (scripts/kallsyms.c)."""
    found = symbols(built["bzImage"])
    end = found.address_of("_einittext")
    at_the_end_of_text = "__static_call_text_end"

    expected = {
        name: addresses
        for name, addresses in nm(built["vmlinux"]).items()
        if name != at_the_end_of_text and (name == "_einittext" or addresses[-1] < end)
    }
    assert expected == found.addresses


def test_a_booted_stock_kernel_says_the_same(
    stock_kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """Its /proc/kallsyms, without KASLR, has the same code at the same addresses, to the last one."""
    require(shutil.which(QEMU) is not None, f"{QEMU} is not installed")
    require(BUSYBOX.is_file(), "busybox-static is not installed")
    archive = tmp_path / "initramfs"
    busybox = initramfs.host_file(BUSYBOX, "bin/busybox")
    archive.write_bytes(initramfs.build(program=SCRIPT, extra=(busybox,)))
    command = [QEMU, "-accel", "tcg", "-M", "q35", "-m", "256", "-nodefaults", "-no-reboot"]
    command += ["-display", "none", "-serial", "stdio", "-kernel", str(stock_kernel.vmlinuz)]
    words = ("console=ttyS0", "quiet", "panic=-1", "nokaslr", *init.ON_A_BUSY_HOST)
    command += ["-initrd", str(archive), "-append", " ".join(words)]

    said = process.run(command, timeout_s=DEADLINE_S).stdout

    lines = sorted(
        f"{address:016x} {name}\n"
        for name, addresses in symbols(stock_kernel.vmlinuz).addresses.items()
        for address in addresses
    )
    ours = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert [f"symbols: {ours}  -"] == [
        line for line in said.splitlines() if line.startswith("symbols: ")
    ]
