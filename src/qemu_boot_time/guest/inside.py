"""What is added to a guest that is looked into: a first process, a unit, words for the kernel.

The program (``inside.c``) goes into an archive that is appended to the guest's own initrd: Linux
unpacks one after the other (Documentation/driver-api/early-userspace/buffer-format.rst). It ties the
guest's clocks to the host's, leaves a child behind, and becomes the guest's own init. The child puts the
unit into /run, from where systemd takes it; the guest's disk is not touched.
"""

from importlib import resources
from pathlib import Path

from qemu_boot_time.formats import cpio
from qemu_boot_time.formats.handed_out import UNIT
from qemu_boot_time.guest import init, initramfs
from qemu_boot_time.model import Purpose

PROGRAM = "qbt-inside"

_HERE = resources.files("qemu_boot_time.guest")
_ALIGN = 4
_SYSTEM = "etc/systemd/system"
_TARGETS = ("multi-user.target", "default.target")
_WORDS: dict[Purpose, tuple[str, ...]] = {
    Purpose.INITCALLS: (
        *("initcall_debug", "log_buf_len=16M"),
        *("trace_event=initcall:initcall_start,initcall:initcall_finish", "trace_clock=x86-tsc"),
    ),
    Purpose.UNITS: (),
}


def source() -> str:
    """Give the C source, with what it shares with our other programs."""
    return init.shared() + _HERE.joinpath("inside.c").read_text(encoding="utf-8")


def binary() -> bytes:
    """Give the program that comes with the package: x86-64 ELF, static."""
    return _HERE.joinpath("prebuilt", "inside").read_bytes()


def build(output: Path, *, compiler: str = "gcc") -> None:
    """Make the program from its source; see :func:`init.compile_program`."""
    init.compile_program(source(), output, compiler=compiler)


def archive() -> bytes:
    """Make the archive to append: the program, the way to the kernel's log, the unit.

    The unit lies in /etc, too: where the initramfs is the whole system, systemd is there before
    /run is.
    """
    unit = _HERE.joinpath("inside.service").read_bytes()
    extra = (
        cpio.character_device("qbt-kmsg", 1, 11),
        cpio.directory("qbt-trace"),
        cpio.file(UNIT, unit),
        cpio.file(f"{_SYSTEM}/{UNIT}", unit),
        *(cpio.symlink(f"{_SYSTEM}/{target}.wants/{UNIT}", f"../{UNIT}") for target in _TARGETS),
    )
    return initramfs.build(program=binary(), name=PROGRAM, extra=extra)


def extended(initrd: bytes) -> bytes:
    """Append our archive to the guest's own initrd, which may be empty."""
    return initrd + bytes(-len(initrd) % _ALIGN) + archive()


def parameters(purpose: Purpose, program: str) -> tuple[str, ...]:
    """Give the words for the kernel's command line; ``program`` is the init that comes after ours."""
    ours = (f"rdinit=/{PROGRAM}", f"qbt_next={program}", f"qbt_inside={purpose}")
    # Else the kernel drops what comes fast from user space, our stamps too.
    return (*_WORDS[purpose], "printk.devkmsg=on", *ours)
