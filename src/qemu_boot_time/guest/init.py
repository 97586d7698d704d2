"""Our init: its source, the program made of it, and what tells it what to do.

The program comes with the package, so that a guest needs no compiler; :func:`build` makes it again.
"""

from enum import StrEnum
from importlib import resources
from pathlib import Path

from qemu_boot_time import process

_HERE = resources.files("qemu_boot_time.guest")

FLAGS = (
    *("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror"),
    *("-static", "-nostdlib", "-ffreestanding", "-fno-pic", "-no-pie"),
    *("-march=x86-64", "-mtune=generic", "-mgeneral-regs-only"),
    # What compilers switch on by themselves, and distributions differ in.
    *("-fcf-protection=none", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
    *("-fno-tree-loop-distribute-patterns", "-fno-ident"),
    *("-Wl,--build-id=none", "-Wl,-z,norelro", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack"),
    "-s",
)
"""Freestanding, nothing that is not asked for, no trace of the compiler's version."""

ON_A_BUSY_HOST = ("no_timer_check",)
"""Words for the kernel's command line. Without KVM Linux counts the timer's ticks in a moment's loop, too few where
the host has no CPU for the guest, and panics: "IO-APIC + timer doesn't work!" (check_timer() in
arch/x86/kernel/apic/io_apic.c). Under KVM it leaves that out by itself (arch/x86/kernel/kvm.c)."""


class End(StrEnum):
    """What init does where it is told of no program to become: ``qbt_end=``."""

    POWER_OFF = "poweroff"
    """ACPI S5: QEMU leaves with status 0."""
    REBOOT = "reboot"
    """QEMU leaves with status 0 under ``-no-reboot``; needs no ACPI, but the kernel's ``reboot=t``."""
    DEBUG_EXIT = "debug-exit"
    """A write to ``-device isa-debug-exit,iobase=0x501``: status 1, and the fastest."""
    HALT = "halt"
    """QEMU stays."""


def parameters(
    *, mark: int | None = None, program: str = "", end: End = End.POWER_OFF
) -> tuple[str, ...]:
    """Give the words for the kernel command line that tell init what to do.

    ``mark`` (1 to 255) is written to port 0xf4 before anything else: 7 where the kernel does not
    do so itself. ``program`` is what init becomes afterwards; where there is none, or it cannot be
    run, init ends the machine.

    A reboot takes ``reboot=t`` too: where there is neither ACPI nor a keyboard controller, Linux would
    jump to the firmware before it tries a triple fault (``native_machine_emergency_restart`` in
    arch/x86/kernel/reboot.c), and the guest may boot again without any reset that QEMU could see.
    """
    asked = {
        "reboot": "t" if end is End.REBOOT else "",
        "qbt_mark": "" if mark is None else str(mark),
        "qbt_init": program,
        "qbt_end": "" if end is End.POWER_OFF else end,
    }
    return tuple(f"{name}={value}" for name, value in asked.items() if value)


def shared() -> str:
    """Give the C source that our programs for the guest share; it comes before their own."""
    return _HERE.joinpath("guest.h").read_text(encoding="utf-8")


def source() -> str:
    """Give the C source."""
    return shared() + _HERE.joinpath("init.c").read_text(encoding="utf-8")


def binary() -> bytes:
    """Give the program that comes with the package: x86-64 ELF, static."""
    return _HERE.joinpath("prebuilt", "init").read_bytes()


def build(output: Path, *, compiler: str = "gcc") -> None:
    """Make the program from its source; see :func:`compile_program`."""
    compile_program(source(), output, compiler=compiler)


def compile_program(text: str, output: Path, *, compiler: str = "gcc") -> None:
    """Make a program for the guest of its C source.

    Debian 12's gcc 12.2 and binutils 2.40 give the very bytes that come with the package. Raises
    HostError without a compiler, ProgramError when it fails.
    """
    process.run(
        [compiler, *FLAGS, "-x", "c", "-", "-o", str(output)],
        stdin=text.encode(),
        hint="sudo apt-get install gcc",
    )
