"""The guests that the benchmarks boot. Each ends QEMU by itself, through isa-debug-exit."""

from pathlib import Path

from qemu_boot_time.guest import init, initramfs, stock, tiny

QEMU = "qemu-system-x86_64"
EXITS = 30_000
_SECTOR = 512
_SIGNATURE = b"\x55\xaa"
_DISK_SECTORS = 2048


def exits(directory: Path, count: int = EXITS) -> tuple[str, ...]:
    """Give the command of a firmware that leaves to QEMU ``count`` times, and writes every mark."""
    bios = directory / f"exits-{count}.bin"
    first, *others = tiny.PROTOCOL
    steps = (*tiny.marks(first), tiny.Flood(count), *tiny.marks(*others), tiny.DebugExit())
    bios.write_bytes(tiny.image(*steps))
    return (QEMU, "-accel", "kvm", "-M", "pc", "-m", "16", *tiny.qemu_args(bios))


def seabios(directory: Path) -> tuple[str, ...]:
    """Give the command that boots QEMU's own SeaBIOS from a disk whose boot sector ends QEMU.

    So nothing needs to see a mark to end a boot, and all arms boot the same.
    """
    disk = directory / "end.img"
    sector = tiny.DebugExit().code().ljust(_SECTOR - len(_SIGNATURE), b"\0") + _SIGNATURE
    disk.write_bytes(sector.ljust(_DISK_SECTORS * _SECTOR, b"\0"))
    exit_device = f"isa-debug-exit,iobase={tiny.DEBUG_EXIT_PORT:#x},iosize=2"
    drive = f"file={disk},format=raw,if=ide,snapshot=on"
    quiet = ("-display", "none", "-nic", "none", "-serial", "none", "-monitor", "none")
    command = (QEMU, "-accel", "kvm", "-M", "pc", "-m", "256", *quiet)
    return (*command, "-drive", drive, "-device", exit_device)


def stock_linux(directory: Path) -> tuple[str, ...]:
    """Give the command of the distribution's own kernel under TCG, up to our init.

    Raises HostError where there is no such kernel to be had.
    """
    kernel = stock.find() or stock.fetch()
    archive = directory / "initramfs"
    archive.write_bytes(initramfs.build())
    ours = (*init.ON_A_BUSY_HOST, *init.parameters(end=init.End.DEBUG_EXIT))
    words = ("console=ttyS0", "quiet", "panic=-1", *ours)
    guest = ("-kernel", str(kernel.vmlinuz), "-initrd", str(archive), "-append", " ".join(words))
    exit_device = f"isa-debug-exit,iobase={tiny.DEBUG_EXIT_PORT:#x},iosize=2"
    quiet = ("-nodefaults", "-display", "none", "-serial", "null", "-device", exit_device)
    return (QEMU, "-accel", "tcg", "-M", "q35", "-m", "512", *quiet, *guest)
