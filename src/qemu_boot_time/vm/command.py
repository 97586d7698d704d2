"""What a QEMU command says, and what may be added to it. Pure.

The user's command is run as it is: wrappers, own monitors and all. We add only what a source or
the watch over the boot needs, always at its end, so that ``taskset``, ``sudo`` and scripts that
hand on ``"$@"`` pass it through.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time.errors import UsageError
from qemu_boot_time.protocol import PORTS

_QEMU = re.compile(r"^(?:qemu-system-(?P<arch>[\w-]+?)|qemu-kvm|kvm)$")
_OF_QEMU = re.compile(r"(qemu(-[\w.-]+)?|kvm): ")
_X86 = {"x86_64", "i386", "x86_64-microvm", "amd64"}
_IOBASE = re.compile(r"\biobase=(0x[0-9a-fA-F]+|[1-9]\d*)")
_DEBUGCON = re.compile(
    r"(?:driver=)?isa-debugcon(?:\.|,property=)iobase(?:=|,value=)(0x[0-9a-fA-F]+|[1-9]\d*)"
)
_DEBUGCON_PORT = 0xE9
"""Of ``-debugcon``, where no ``-global`` moves it (QEMU's hw/char/debugcon.c)."""
_FLAGS = {
    *("-h", "-help", "-version", "-usb", "-full-screen", "-no-fd-bootchk", "-no-acpi", "-no-hpet"),
    "-audio-help",
    *("-snapshot", "-nographic", "-alt-grab", "-ctrl-grab", "-portrait", "-win2k-hack", "-S", "-s"),
    *("-no-reboot", "-no-shutdown", "-daemonize", "-enable-kvm", "-enable-fips", "-mem-prealloc"),
    *("-nodefaults", "-no-user-config", "-preconfig", "-only-migratable", "-singlestep"),
    *("-one-insn-per-tb", "-semihosting", "-xen-attach", "-xen-domid-restrict", "-sdl", "-curses"),
}
"""QEMU's options without a value (qemu-options.hx, those without HAS_ARG)."""
_OWN_CONTROL = ("-qmp", "-qmp-pretty", "-monitor", "-mon", "-gdb")
_MACHINE_SMP = re.compile(r"\bsmp\.(\w+)=(\d+)")
_TOPOLOGY = ("sockets", "dies", "clusters", "cores", "threads")
_WRITABLE_DISK = {"-drive", "-hda", "-hdb", "-hdc", "-hdd", "-blockdev"}
_READ_ONLY = re.compile(r"read-?only(=on|\b(?!=))|\"read-only\":\s*true|snapshot=on|media=cdrom")
_NO_DISK = re.compile(r"\bif=pflash|driver=(null|host_device_ro)|file=\s*$")


@dataclass(frozen=True, slots=True)
class QemuCommand:
    """A command that starts a VM, as the user gave it."""

    argv: tuple[str, ...]
    at: int | None
    """Where in argv QEMU itself stands; None: behind a script, so nobody can see its options."""

    @property
    def program(self) -> str:
        """What to call the thing: QEMU's own name, else the script's."""
        return self.argv[self.at or 0]

    @property
    def is_wrapped(self) -> bool:
        """Whether the process we start is not (yet) QEMU."""
        return self.at != 0

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """QEMU's options as (``-name``, value); a value that is missing is empty."""
        return () if self.at is None else tuple(_options(self.argv[self.at + 1 :]))

    def has(self, *names: str) -> bool:
        """Whether one of these options (``-S``) is given."""
        return any(name in names for name, _ in self.options)

    def values(self, *names: str) -> tuple[str, ...]:
        """Give the values of all options of these names, in order."""
        return tuple(value for name, value in self.options if name in names)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pair options with their values: whatever follows one that takes a value is its value."""
    rest = iter(words)
    for word in rest:
        name = "-" + word.lstrip("-")
        if not word.startswith("-"):
            yield "-hda", word  # a word alone is the first disk
        elif name in _FLAGS:
            yield name, ""
        else:
            yield name, next(rest, "")


def is_said_by_qemu(line: str) -> bool:
    """Whether a line of a standard error begins with the name of QEMU, as its own do."""
    return _OF_QEMU.match(line) is not None


def parse(argv: Sequence[str]) -> QemuCommand:
    """Find QEMU in a command.

    Raises UsageError for what cannot be measured: nothing to run, another architecture, a QEMU
    that leaves us (``-daemonize``).
    """
    if not argv:
        raise UsageError(
            "no command to boot", hint="qbt run -n 20 -- qemu-system-x86_64 -kernel bzImage ..."
        )
    found = [i for i, word in enumerate(argv) if _name_of(word)]
    # "kvm" is also the name of a group and a user, in what may stand before QEMU.
    at = next((i for i in found if "qemu" in argv[i]), found[0] if found else None)
    command = QemuCommand(tuple(argv), at)
    name = _name_of(command.program)
    if name and name["arch"] and name["arch"] not in _X86:
        raise UsageError(
            f"{command.program}: only x86 guests write these trace points (I/O ports)",
            hint="use qemu-system-x86_64",
        )
    if command.has("-daemonize"):
        raise UsageError(
            "-daemonize takes QEMU out of our hands: its end could not be seen",
            hint="leave -daemonize out: qbt runs QEMU in the background anyway",
        )
    return command


def _name_of(word: str) -> re.Match[str] | None:
    return _QEMU.match(word.rpartition("/")[2])


def accelerators(command: QemuCommand) -> tuple[str, ...]:
    """Give the accelerators that the command asks for, in the order of trying; (): the default."""
    asked = [value.partition(",")[0] for value in command.values("-accel")]
    for value in command.values("-machine", "-M"):
        found = re.search(r"\baccel=([\w:]+)", value)
        asked += found[1].split(":") if found else []
    if command.has("-enable-kvm") or command.program.rpartition("/")[2] in {"kvm", "qemu-kvm"}:
        asked.append("kvm")
    return tuple(name.removeprefix("accel=") for name in asked)


def may_use_kvm(command: QemuCommand) -> bool:
    """Whether the guest may run under KVM: behind a script nobody can tell."""
    asked = accelerators(command)
    return command.at is None or next((a for a in asked if a in {"kvm", "tcg"}), "") == "kvm"


def escaped(path: Path) -> str:
    """Give a path as QEMU's options take it: a comma would end it, and is doubled."""
    return str(path).replace(",", ",,")


def vcpus(command: QemuCommand) -> int:
    """Give how many vCPUs the command asks for; 1 where it does not say, or nobody can see.

    QEMU's hw/core/machine-smp.c: ``cpus``, else what the topology comes to, else ``maxcpus``.
    """
    words = [word for value in command.values("-smp") for word in value.split(",")]
    asked = dict(word.partition("=")[::2] if "=" in word else ("cpus", word) for word in words)
    for value in command.values("-machine", "-M"):
        asked |= {m[1]: m[2] for m in _MACHINE_SMP.finditer(value)}
    numbers = {name: int(value) for name, value in asked.items() if value.isdecimal()}
    topology = math.prod(numbers.get(level, 1) for level in _TOPOLOGY)
    if not numbers.keys() & {"cpus", *_TOPOLOGY}:
        return numbers.get("maxcpus", 1)
    return numbers.get("cpus", topology)


def has_own_control(command: QemuCommand) -> bool:
    """Whether somebody else has a monitor or a debugger at this QEMU, and may let it go."""
    return command.has("-s") or any(value != "none" for value in command.values(*_OWN_CONTROL))


def taken_ports(command: QemuCommand) -> tuple[int, ...]:
    """Give those of the protocol's ports on which the command puts a device of its own."""
    ports = device_ports(command)
    return tuple(port for port in PORTS if port in ports)


def device_ports(command: QemuCommand) -> frozenset[int]:
    """Give the I/O ports at which the command says that a device is to be."""
    found = [m[1] for value in command.values("-device") for m in _IOBASE.finditer(value)]
    if command.has("-debugcon"):
        moved = [m[1] for value in command.values("-global") if (m := _DEBUGCON.match(value))]
        found += moved[-1:] or [hex(_DEBUGCON_PORT)]
    return frozenset(int(base, 0) for base in found)


def writable_disks(command: QemuCommand) -> tuple[str, ...]:
    """Give the disks that one boot may leave changed for the next, as the command names them."""
    if command.has("-snapshot"):
        return ()
    found = [value for name, value in command.options if name in _WRITABLE_DISK]
    return tuple(v for v in found if not _READ_ONLY.search(v) and not _NO_DISK.search(v))
