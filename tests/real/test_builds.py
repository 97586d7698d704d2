"""The pieces, built from the distribution's sources, and the bytes that each of them writes."""

from pathlib import Path

import pytest

from port_writes import PortWrites, boot
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import builds, init, initramfs
from qemu_boot_time.guest.builds import Built, Piece
from real_host import require

pytestmark = [pytest.mark.real, pytest.mark.build]


def built(piece: Piece) -> Built:
    """Build a piece, or take it from the cache."""
    try:
        return builds.build(piece)
    except HostError as error:
        require(condition=False, reason=f"{piece}: {error.what}")
        raise


@pytest.mark.parametrize("piece", [Piece.SEABIOS, Piece.OPTIONROM, Piece.QBOOT])
def test_builds_from_nothing(piece: Piece, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty cache the source is fetched and built, and the tools of the build are gone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    made = built(piece)

    home = made.directory.parent
    assert {made.directory.name, ".lock"} == {path.name for path in home.iterdir()}
    assert builds.cached(piece) == made


def linux_boot(tmp_path: Path, machine: str, kernel: str, *arguments: str) -> PortWrites:
    """Boot our Linux with our init."""
    archive = tmp_path / "initramfs"
    archive.write_bytes(initramfs.build())
    append = ("-append", " ".join(("console=ttyS0", "panic=-1", *init.ON_A_BUSY_HOST)))
    files = ("-kernel", str(built(Piece.LINUX).files[kernel]), "-initrd", str(archive))
    return boot(tmp_path, machine, *files, *append, *arguments)


@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize(("kernel", "jump"), [("bzImage", 3), ("vmlinux", 4)])
def test_seabios_and_option_rom(tmp_path: Path, machine: str, kernel: str, jump: int) -> None:
    """SeaBIOS begins and boots, the option ROM jumps (by PVH or not), Linux starts and runs init."""
    bios = built(Piece.SEABIOS).files["bios-256k.bin"]
    roms = built(Piece.OPTIONROM).directory

    seen = linux_boot(tmp_path, machine, kernel, "-bios", str(bios), "-L", str(roms))

    assert (b"\x01\x05", bytes([jump, 6, 7])) == (seen.firmware, seen.linux[:3]), seen.console


@pytest.mark.parametrize(("kernel", "jump"), [("bzImage", 3), ("vmlinux", 4)])
def test_qboot_on_microvm(tmp_path: Path, kernel: str, jump: int) -> None:
    """Qboot begins, loads the kernel and jumps to it, Linux starts and runs init."""
    bios = built(Piece.QBOOT).files["qboot.bin"]

    # With ACPI, Linux leaves microvm's PIT alone; where it cannot calibrate the TSC (TCG on a busy
    # host) it then has no clock at all and waits for ever.
    seen = linux_boot(tmp_path, "microvm,acpi=off", kernel, "-bios", str(bios))

    assert (b"\x01", bytes([jump, 6, 7])) == (seen.firmware, seen.linux[:3]), seen.console
