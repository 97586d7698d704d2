"""Recordings that somebody else made: perf.data, trace.dat."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qemu_boot_time.errors import InputError
from qemu_boot_time.inputs.options import AGAIN, Options
from qemu_boot_time.model import Event, EventKind, Kind, Run
from qemu_boot_time.phases import boots_of
from qemu_boot_time.sources.vmm import left_out

if TYPE_CHECKING:
    from qemu_boot_time.sources.base import Recording

MAIN_PART = "data"
"""Of a recording that is a directory."""


def is_recording(directory: Path) -> bool:
    """Whether perf made this directory (``--threads``)."""
    return (directory / MAIN_PART).is_file()


def open_perfdata(path: Path, options: Options) -> Run:
    """Read a perf.data, a file or a directory. Raises InputError where no boot is in it."""
    from qemu_boot_time.sources.perfdata_trace import events_in

    found = events_in(path, "perf", options.vmm)
    notes = []
    if found.killed:
        notes.append("perf was killed before it ended this recording: the last boot may lack marks")
    clock = found.header.clock
    if clock:
        notes.append(f"clock of the recording: {clock}")
    return _recorded(path, "perf", found, notes, options)


def open_tracedat(path: Path, options: Options) -> Run:
    """Read a trace.dat. Raises InputError where no boot is in it."""
    from qemu_boot_time.sources.tracedat_trace import events_in

    found = events_in(path, "trace-cmd", options.vmm)
    return _recorded(path, "trace-cmd", found, found.notes, options, doubt=found.doubt)


def _recorded(
    path: Path,
    source: str,
    found: "Recording",
    notes: Sequence[str],
    options: Options,
    *,
    doubt: str = "",
) -> Run:
    notes = (*notes, *filter(None, [left_out(found.unclaimed)]))
    boots = boots_of(found.events, options.rules)
    if not boots and found.damage:
        raise InputError(found.damage, hint=f"{AGAIN}; nothing before the damage is a boot")
    if not boots and doubt:
        raise InputError(f"{path}: {doubt}", hint="record it again with what tells them apart")
    if not boots:
        raise InputError(
            f"{path}: no VM in this recording ({_what_is_there(found.events)})",
            hint="record at least -e kvm:kvm_pio -e sched:sched_process_exec; for another VMM "
            "than QEMU say --comm NAME",
        )
    return Run(
        path.name,
        tuple(boots),
        (source,),
        path=str(path),
        notes=tuple(notes),
        damage=found.damage,
        kind=Kind.RECORDING,
        definitions=options.definitions(),
    )


def _what_is_there(events: Sequence[Event]) -> str:
    execs = sum(event.kind is EventKind.EXEC for event in events)
    return f"{execs} execs of QEMU, no port write" if execs else "no exec of QEMU, no port write"
