"""Which tracepoints are recorded, and what the kernel leaves out of them before it costs anything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.tracing import EventFormat, parse_format
from qemu_boot_time.formats.tracing_data import TracingFiles
from qemu_boot_time.protocol import PORTS
from qemu_boot_time.sources import kvm_console, kvm_exits, kvm_stock, kvm_trace
from qemu_boot_time.sources.vmm import Vmm

_FIELD_NEEDED = {kvm_trace.ENTRY: "rip"}
"""Without it the event cannot be filtered, and would come with every exit of the guest: not at all."""


class Enabled(Enum):
    """When a tracepoint is enabled: one that fires at each exit of the guest costs even if filtered."""

    ALWAYS = "always"
    UNTIL_MARK = "until mark"
    """From before the exec until the guest has written its first mark."""


@dataclass(frozen=True, slots=True)
class Tracepoint:
    """One tracepoint to record."""

    format: EventFormat
    text: bytes
    """The format as the kernel writes it."""
    condition: str
    """The kernel's filter; empty: none."""
    enabled: Enabled
    wakes: bool = False
    """Whether the reader must be told at once: it is a mark, or the exec.

    To wake a reader takes an interrupt, and that makes a guest which is about to be entered leave
    again before its next instruction: a kvm_entry that wakes causes another one, on and on.
    """

    @property
    def id(self) -> int:
        """The number that the running kernel has for it."""
        return self.format.id


class _Wanted(NamedTuple):
    """What is asked of the running kernel."""

    event: str
    condition: str
    enabled: Enabled = Enabled.ALWAYS
    required: bool = False
    """Whether nothing can stand in for it: then it wakes, too."""


def _one_of(field: str, values: Iterable[int]) -> str:
    return "||".join(f"{field}=={value:#x}" for value in values)


def _port_writes() -> str:
    """Give the filter of the writes that are marks, or show where an unpatched guest is.

    One filter, not two: each costs every exit of the guest that writes a port.
    """
    kinds = (
        _one_of("port", PORTS),
        f"(val==0&&({_one_of('port', kvm_stock.COPROCESSOR_PORTS)}))",
        f"(val&{kvm_stock.SLEEP_BIT:#x}&&({_one_of('port', kvm_stock.PM1_CONTROL_PORTS)}))",
        f"(port=={kvm_stock.KEYBOARD_PORT:#x}&&val=={kvm_stock.PULSE_RESET:#x})",
        f"(port=={kvm_stock.RESET_CONTROL_PORT:#x}&&val&{kvm_stock.RESET_CPU_BIT:#x})",
    )
    return f"rw==1&&({'||'.join(kinds)})"


def _wanted(vmm: Vmm, *, console: bool) -> tuple[_Wanted, ...]:
    read_too = f"ecx=={kvm_stock.UCODE_REV:#x}"
    written = _one_of("ecx", (kvm_stock.EFER, kvm_stock.KVMCLOCK))
    at_reset = f"rip=={kvm_trace.RESET_VECTOR_RIP:#x}"
    text = _Wanted(kvm_stock.PIO, f"rw==1&&({_one_of('port', kvm_console.PORTS)})")
    return (
        _Wanted(kvm_trace.PIO, _port_writes(), required=True),
        _Wanted(kvm_trace.EXEC, vmm.exec_filter(), required=True),
        _Wanted(kvm_trace.ENTRY, at_reset, Enabled.UNTIL_MARK),
        _Wanted(kvm_trace.MASTER_CLOCK, ""),
        _Wanted(kvm_trace.TSC, "vcpu_id==0"),
        _Wanted(kvm_stock.MSR, f"{read_too}||(write==1&&({written}))"),
        _Wanted(kvm_stock.IPI, _one_of("icr_low", kvm_stock.INIT_COMMANDS)),
        *((text,) if console else ()),
    )


def find_tracepoints(tracefs: Path, vmm: Vmm, *, console: bool = False) -> tuple[Tracepoint, ...]:
    """Look the tracepoints up in the running kernel; what it lacks is left out.

    ``console`` asks for what guests write to their first serial port as well: thousands of records a
    boot, of an event that is there already and wakes the reader, so it comes a second time. Raises
    HostError where one lacks that nothing can stand in for.
    """
    found: list[Tracepoint] = []
    for wanted in _wanted(vmm, console=console):
        try:
            tracepoint = _tracepoint(tracefs, wanted)
        except HostError:
            if wanted.required:
                raise
            continue
        needed = _FIELD_NEEDED.get(wanted.event)
        if needed is None or any(field.name == needed for field in tracepoint.format.fields):
            found.append(tracepoint)
    return tuple(found)


def find_exits(tracefs: Path) -> tuple[Tracepoint, ...]:
    """Look up what tells of each exit of a guest, unfiltered; none of them wakes its reader.

    What the running kernel lacks is left out. Raises HostError where port accesses are.
    """
    found: list[Tracepoint] = []
    for event, told in kvm_exits.EVENTS.items():
        try:
            found.append(_tracepoint(tracefs, _Wanted(event, told.condition)))
        except HostError:
            if event == kvm_trace.PIO:
                raise
    return tuple(found)


def each_event_once(found: Sequence[Tracepoint]) -> tuple[Tracepoint, ...]:
    """Join the filters of those with one event, where it can be had with one filter alone."""
    joined: dict[str, Tracepoint] = {}
    for each in found:
        first = joined.setdefault(each.format.full_name, each)
        if first is not each:
            either = f"({first.condition})||({each.condition})"
            joined[each.format.full_name] = replace(first, condition=either)
    return tuple(joined.values())


def find_forks(tracefs: Path, condition: str) -> Tracepoint:
    """Look up the tracepoint of new processes and threads. Raises HostError where there is none."""
    return _tracepoint(tracefs, _Wanted(kvm_trace.FORK, condition))


def _tracepoint(tracefs: Path, wanted: _Wanted) -> Tracepoint:
    system, _, name = wanted.event.partition(":")
    try:
        text = (tracefs / "events" / system / name / "format").read_bytes()
    except OSError as error:
        what = f"the kernel's event {wanted.event}: {error.strerror}"
        raise HostError(what, hint="qbt doctor; or --source debugcon") from error
    parsed = parse_format(text.decode(), system=system)
    return Tracepoint(parsed, text, wanted.condition, wanted.enabled, wakes=wanted.required)


def tracing_files(tracefs: Path, tracepoints: Iterable[Tracepoint]) -> TracingFiles:
    """Gather what a recording must carry of tracefs for others to read it. Raises OSError."""
    formats: dict[str, list[bytes]] = {}
    for tracepoint in each_event_once(tuple(tracepoints)):
        formats.setdefault(tracepoint.format.system, []).append(tracepoint.text)
    events = tracefs / "events"
    return TracingFiles(
        (events / "header_page").read_bytes(), (events / "header_event").read_bytes(), formats
    )
