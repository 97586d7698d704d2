"""What nested VMs are made of, and boxes in which they run."""

from collections.abc import Mapping
from pathlib import Path

from kvmbox.box import Box, BoxResult
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import builds, initramfs, stock
from qemu_boot_time.guest.builds import Piece
from real_host import require

QEMU = "qemu-system-x86_64 -accel kvm -m 256 -nodefaults -display none -no-reboot"
INSTRUMENTED = "-bios /in/bios-256k.bin -L /in/optionrom -kernel /in/bzImage -initrd /in/initramfs"
"""Options that boot :func:`instrumented`."""
STOCK = "-kernel /in/vmlinuz -initrd /in/initramfs"
"""Options that boot :func:`distributed`."""


def instrumented(scratch: Path) -> dict[str, Path]:
    """Build firmware, option ROM and kernel with marks, or take them from the cache, or skip."""
    try:
        seabios, optionrom, linux = (
            builds.build(piece) for piece in (Piece.SEABIOS, Piece.OPTIONROM, Piece.LINUX)
        )
    except HostError as error:
        require(condition=False, reason=f"no instrumented pieces: {error}; {error.hint}")
        raise
    return {
        "bios-256k.bin": seabios.files["bios-256k.bin"],
        "optionrom": optionrom.directory,
        "bzImage": linux.files["bzImage"],
        "initramfs": _archive(scratch),
    }


def distributed(scratch: Path) -> dict[str, Path]:
    """Take the distribution's kernel as it is from the cache, or fetch it, or skip."""
    try:
        kernel = stock.find() or stock.fetch()
    except HostError as error:
        require(condition=False, reason=f"no stock kernel: {error}; {error.hint}")
        raise
    return {"vmlinuz": kernel.vmlinuz, "initramfs": _archive(scratch)}


def _archive(scratch: Path) -> Path:
    archive = scratch / "initramfs"
    archive.write_bytes(initramfs.build())
    return archive


def run_twice(box: Box, job: str, files: Mapping[str, Path], *, deadline_s: float) -> BoxResult:
    """Run a job that ends with status 0; where the box never ends, once more.

    Nested guests in emulated SVM lock up now and then (docs/kvm-box.md); the second box that does
    fails the test.
    """
    result = box.run(job, files, deadline_s=deadline_s)
    if result.exit_status is None:
        result = box.run(job, files, deadline_s=deadline_s)
    assert result.exit_status == 0, result.console
    return result
