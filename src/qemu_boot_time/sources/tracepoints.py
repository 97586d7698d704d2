"""Which tracepoints are recorded, and what the kernel leaves out of them before it costs anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.tracing import EventFormat, parse_format
from qemu_boot_time.formats.tracing_data import TracingFiles
from qemu_boot_time.protocol import PORTS
from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.kvm_trace import Vmm

_REQUIRED = frozenset({kvm_trace.PIO, kvm_trace.EXEC})
_FIELD_NEEDED = {kvm_trace.ENTRY: "rip"}
"""Without it the event cannot be filtered, and would come with every exit of the guest: not at all."""


class Enabled(Enum):
    """When a tracepoint is enabled: one that fires at each exit of the guest costs even if filtered."""

    ALWAYS = "always"
    UNTIL_MARK = "until mark"
    """From before the exec until the guest has written its first mark."""
    ONCE = "once"
    """From the exec on, until it fires, which the kernel sees to itself."""


@dataclass(frozen=True, slots=True)
class Tracepoint:
    """One tracepoint to record."""

    format: EventFormat
    text: bytes
    """The format as the kernel writes it."""
    condition: str
    """The kernel's filter; empty: none."""
    enabled: Enabled

    @property
    def id(self) -> int:
        """The number that the running kernel has for it."""
        return self.format.id

    @property
    def wakes(self) -> bool:
        """Whether the reader must be told at once: it is a mark, or the exec.

        To wake a reader takes an interrupt, and that makes a guest which is about to be entered leave
        again before its next instruction: a kvm_entry that wakes causes another one, on and on.
        """
        return self.format.full_name in _REQUIRED


_ENABLED = {kvm_trace.ENTRY: Enabled.UNTIL_MARK, kvm_trace.FPU: Enabled.ONCE}


def _conditions(vmm: Vmm) -> Mapping[str, str]:
    ports = "||".join(f"port=={port:#x}" for port in PORTS)
    return {
        kvm_trace.PIO: f"rw==1&&({ports})",
        kvm_trace.EXEC: vmm.exec_filter(),
        kvm_trace.ENTRY: f"rip=={kvm_trace.RESET_VECTOR_RIP:#x}",
        kvm_trace.MASTER_CLOCK: "",
        kvm_trace.FPU: "load==1",
    }


def find_tracepoints(tracefs: Path, vmm: Vmm) -> tuple[Tracepoint, ...]:
    """Look the tracepoints up in the running kernel; the stand-ins that it lacks are left out.

    Raises HostError where one lacks that nothing can stand in for.
    """
    found: list[Tracepoint] = []
    for event, condition in _conditions(vmm).items():
        try:
            tracepoint = _tracepoint(tracefs, event, condition)
        except HostError:
            if event in _REQUIRED:
                raise
            continue
        needed = _FIELD_NEEDED.get(event)
        if needed is None or any(field.name == needed for field in tracepoint.format.fields):
            found.append(tracepoint)
    return tuple(found)


def find_forks(tracefs: Path, condition: str) -> Tracepoint:
    """Look up the tracepoint of new processes and threads. Raises HostError where there is none."""
    return _tracepoint(tracefs, kvm_trace.FORK, condition)


def _tracepoint(tracefs: Path, event: str, condition: str) -> Tracepoint:
    system, _, name = event.partition(":")
    try:
        text = (tracefs / "events" / system / name / "format").read_bytes()
    except OSError as error:
        what = f"the kernel's event {event}: {error.strerror}"
        raise HostError(what, hint="qbt doctor; or --source debugcon") from error
    parsed = parse_format(text.decode(), system=system)
    return Tracepoint(parsed, text, condition, _ENABLED.get(event, Enabled.ALWAYS))


def tracing_files(tracefs: Path, tracepoints: Iterable[Tracepoint]) -> TracingFiles:
    """Gather what a recording must carry of tracefs for others to read it. Raises OSError."""
    formats: dict[str, list[bytes]] = {}
    for tracepoint in tracepoints:
        formats.setdefault(tracepoint.format.system, []).append(tracepoint.text)
    events = tracefs / "events"
    return TracingFiles(
        (events / "header_page").read_bytes(), (events / "header_event").read_bytes(), formats
    )
