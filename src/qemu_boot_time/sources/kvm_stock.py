"""What a guest that nobody has patched does anyway, and KVM tells: where its boot is by then.

A few writes to I/O ports and model-specific registers, and the first interrupt from CPU to CPU, each
made by one place of the kernel. They are :data:`SIGNS`, a table; what it needs of KVM's events is
what :data:`PORTS`, :data:`MSRS` and :data:`INIT_COMMANDS` name. Pure, and standard library only:
perf's own Python imports this.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from qemu_boot_time.model import Bound, EventKind
from qemu_boot_time.protocol import (
    DECOMPRESS_END,
    DECOMPRESS_START,
    LINUX_SMP_INIT,
    LINUX_START_BOOT,
    LINUX_START_KERNEL,
    LINUX_START_USER,
    POWER_OFF,
)
from qemu_boot_time.sources import kvm_console

PIO = "kvm:kvm_pio"
MSR = "kvm:kvm_msr"
IPI = "kvm:kvm_apic_ipi"

EFER = 0xC0000080
UCODE_REV = 0x8B
KVMCLOCK = 0x4B564D01
MSRS = (EFER, UCODE_REV, KVMCLOCK)
"""Those that tell something. KVM sees each access of a guest to them on Intel's and on AMD's
hardware (``vmx_possible_passthrough_msrs``, ``direct_access_msrs``), unless the guest's registers
are encrypted: GS base and the like pass KVM by."""

INIT_COMMANDS = (0x4500, 0xC500)
"""An INIT in the low word of the interrupt command register, edge or level, asserted, to one CPU
(Intel SDM volume 3, 11.6.1). A firmware's goes to all but itself."""

COPROCESSOR_PORTS = (0xF0, 0xF1)
PM1_CONTROL_PORTS = (0x604, 0xB004)
"""PM1a_CNT as QEMU's FADT has it: where SeaBIOS (all machines with a PCI host bridge) and OVMF (q35)
put the block, and where OVMF puts it on pc (``PIIX4_PMBA_VALUE``)."""
SLEEP_BIT = 1 << 13
_SLEEP_TYPE = 7 << 10
KEYBOARD_PORT, PULSE_RESET = 0x64, 0xFE
RESET_CONTROL_PORT, RESET_CPU_BIT = 0xCF9, 1 << 2
PORTS = (*COPROCESSOR_PORTS, *PM1_CONTROL_PORTS, KEYBOARD_PORT, RESET_CONTROL_PORT)

_EFER_SCE, _EFER_LME = 1 << 0, 1 << 8
_ABOVE_FIRMWARE = 1 << 20
_COPROCESSOR, _LONG_MODE, _SYSCALLS, _RESET = "coprocessor", "long mode", "system calls", "reset"
_KERNEL = (
    *(DECOMPRESS_START, DECOMPRESS_END, _SYSCALLS),
    *(LINUX_START_KERNEL, LINUX_SMP_INIT, LINUX_START_USER),
)
_ALL = (_COPROCESSOR, LINUX_START_BOOT, *_KERNEL, POWER_OFF)

Fields = Mapping[str, object]
_KEYS = {PIO: "port", MSR: "ecx", IPI: "icr_low"}


class Sign(NamedTuple):
    """One thing that a guest does, and the trace point that it gives away."""

    name: str
    """The trace point; or what else has come to pass by then, which is told to nobody."""
    event: str
    key: int
    """The port, the register or the command."""
    fits: Callable[[Fields], bool]
    after: str = ""
    """What must have come to pass before, so that it means this."""
    since: str = ""
    """The place lies after that, and near it: that is given, and how far off it may be."""
    forgets: tuple[str, ...] = ()
    """What is still to come, whatever came to pass before. Such a sign may come again."""
    kind: EventKind | None = EventKind.PASSED
    bound: Bound = Bound.LE


def _writes(name: str, accepted: Callable[[int], bool]) -> Callable[[Fields], bool]:
    """Accept a write of values such as these, which are in the field ``name``."""
    flag = {"val": "rw", "data": "write"}[name]

    def fits(fields: Fields) -> bool:
        value = fields.get(name)
        return bool(fields.get(flag)) and isinstance(value, int) and accepted(value)

    return fits


def _long_mode_alone(value: int) -> bool:
    return value & (_EFER_LME | _EFER_SCE) == _EFER_LME


def _powers_off(value: int) -> bool:
    """QEMU's S5 is sleep type 0 (``_S5`` in its DSDT, ``acpi_pm1_cnt_write()``)."""
    return value & (SLEEP_BIT | _SLEEP_TYPE) == SLEEP_BIT


_ZERO = _writes("val", lambda value: value == 0)
_TO_LONG_MODE = _writes("data", _long_mode_alone)
_ALLOWS_SYSCALLS = _writes("data", lambda value: bool(value & _EFER_SCE))

SIGNS = (
    # The kernel's set-up code, just before protected mode: reset_coprocessor(), arch/x86/boot/pm.c.
    Sign(_COPROCESSOR, PIO, 0xF0, _ZERO, forgets=(_COPROCESSOR,), kind=None),
    Sign(LINUX_START_BOOT, PIO, 0xF1, _ZERO, after=_COPROCESSOR, forgets=(_COPROCESSOR, *_KERNEL)),
    # The first CPU of a kernel goes to long mode: startup_32 of arch/x86/boot/compressed/head_64.S,
    # whose entry is the next that go_to_protected_mode() does; PVH: arch/x86/platform/pvh/head.S.
    # Other CPUs get all of EFER at once (arch/x86/realmode/rm/trampoline_64.S).
    Sign(_LONG_MODE, MSR, EFER, _TO_LONG_MODE, forgets=_KERNEL, kind=None),
    Sign(DECOMPRESS_START, MSR, EFER, _TO_LONG_MODE, LINUX_START_BOOT, since=LINUX_START_BOOT),
    # The decompressed kernel: secondary_startup_64, arch/x86/kernel/head_64.S.
    Sign(_SYSCALLS, MSR, EFER, _ALLOWS_SYSCALLS, kind=None),
    Sign(DECOMPRESS_END, MSR, EFER, _ALLOWS_SYSCALLS, DECOMPRESS_START),
    # setup_arch(), arch/x86/kernel/setup.c: the revision of the microcode in early_cpu_init()
    # (kernel/cpu/{amd,hygon,intel}.c), later kvmclock_init(); firmware has its clock below 1 MiB.
    Sign(LINUX_START_KERNEL, MSR, UCODE_REV, lambda _: True, DECOMPRESS_END, since=_SYSCALLS),
    Sign(
        LINUX_START_KERNEL,
        MSR,
        KVMCLOCK,
        _writes("data", lambda address: address >= _ABOVE_FIRMWARE),
        after=_SYSCALLS,
        since=_SYSCALLS,
    ),
    # wakeup_secondary_cpu_via_init(), arch/x86/kernel/smpboot.c, first called below smp_init().
    *(
        Sign(LINUX_SMP_INIT, IPI, command, lambda _: True, after=LINUX_START_KERNEL)
        for command in INIT_COMMANDS
    ),
    *(
        Sign(POWER_OFF, PIO, port, _writes("val", _powers_off), bound=Bound.EXACT)
        for port in PM1_CONTROL_PORTS
    ),
    # hw/input/pckbd.c and hw/isa/lpc_ich9.c, hw/pci-host/i440fx.c of QEMU.
    Sign(
        _RESET,
        PIO,
        KEYBOARD_PORT,
        _writes("val", lambda value: value == PULSE_RESET),
        forgets=_ALL,
        kind=EventKind.RESET,
    ),
    Sign(
        _RESET,
        PIO,
        RESET_CONTROL_PORT,
        _writes("val", lambda value: bool(value & RESET_CPU_BIT)),
        forgets=_ALL,
        kind=EventKind.RESET,
    ),
)
"""In the order of a boot."""

NAMES = frozenset(sign.name for sign in SIGNS if sign.kind is EventKind.PASSED)
"""The trace points that they give away; the console's are others (:data:`kvm_console.SHOWS`)."""

_BY_KEY: dict[tuple[str, object], list[Sign]] = {}
for _sign in SIGNS:
    _BY_KEY.setdefault((_sign.event, _sign.key), []).append(_sign)


class Seen(NamedTuple):
    """What a sign tells: an event without its VM."""

    time_ns: int
    kind: EventKind
    fields: dict[str, int | str]


@dataclass(slots=True)
class StockBoot:
    """One VM so far: what has come to pass."""

    _passed: dict[str, tuple[int, str]] = field(default_factory=dict)
    """When, and by which event, by name."""
    _console: kvm_console.SerialPort = field(default_factory=kvm_console.SerialPort)

    def feed(self, time_ns: int, event: str, fields: Fields) -> Iterator[Seen]:
        """Take one event of KVM; give what it tells. Events come in the order of their times."""
        if event == PIO and fields.get("port") in kvm_console.PORTS:
            yield from self._read(time_ns, fields)
        for sign in _BY_KEY.get((event, fields.get(_KEYS[event])), ()):
            if self._is_due(sign) and sign.fits(fields):
                for name in sign.forgets:
                    self._passed.pop(name, None)
                self._passed[sign.name] = seen = time_ns, f"{event} {sign.key:#x}"
                if sign.kind is EventKind.PASSED:
                    yield self._place(sign, *seen)
                elif sign.kind is not None:
                    yield Seen(time_ns, sign.kind, {"event": seen[1]})

    def _read(self, time_ns: int, fields: Fields) -> Iterator[Seen]:
        """Read what the guest writes to its console."""
        port, value = fields["port"], fields.get("val")
        if fields.get("rw") and isinstance(port, int) and isinstance(value, int):
            for line in self._console.write(time_ns, port, value):
                seen = line.time_ns, f"{PIO} {port:#x}"
                for name in kvm_console.shown_by(line):
                    if self._passed.setdefault(name, seen) is seen:
                        yield _passed(name, *seen, Bound.LE)

    def _is_due(self, sign: Sign) -> bool:
        is_new = sign.name not in self._passed or bool(sign.forgets)
        return is_new and (not sign.after or sign.after in self._passed)

    def _place(self, sign: Sign, time_ns: int, event: str) -> Seen:
        since = self._passed.get(sign.since)
        if since is None:
            return _passed(sign.name, time_ns, event, sign.bound)
        return _passed(sign.name, *since, Bound.GE, error_ns=time_ns - since[0])


def _passed(name: str, time_ns: int, event: str, bound: Bound, *, error_ns: int = 0) -> Seen:
    fields: dict[str, int | str] = {"name": name, "event": event, "bound": bound.value}
    return Seen(time_ns, EventKind.PASSED, fields | {"error_ns": error_ns})
