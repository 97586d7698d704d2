"""The one opener of whatever holds boots: a run, a recording, a table, a list of samples."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.formats.table import Row, Table, read_table
from qemu_boot_time.model import EXEC, Boot, Event, EventKind, Mark, Outcome, Phase, Run
from qemu_boot_time.phases import TOTAL, Rules, boot_of_marks, boots_of
from qemu_boot_time.sources.kvm_trace import Vmm, left_out

_BOOT_COLUMN = "boot"
_MAIN_PART = "data"
_SNIFF_BYTES = 4096
_AGAIN = "copy it again, whole, or record it again"
_COLUMN_SPECIFICATION_PARTS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How to read what is given."""

    unit: str = "ms"
    """Of numbers from elsewhere; one of ``formats.table.UNITS``."""
    rules: Rules = field(default_factory=Rules)
    vmm: Vmm = field(default_factory=Vmm)


def open_input(name: str, options: Options) -> Run:
    """Open a run (path, id, ``last``), a recording, a CSV of marks or a list of samples.

    ``FILE:COLUMN:UNIT`` takes one column of a table as the total. Raises InputError for what is
    missing, unreadable or corrupt, UsageError for a unit or a column that is not there.
    """
    try:
        return _open(name, options)
    except OSError as error:
        raise InputError(f"{error.filename or name}: {error.strerror}") from error


def _open(name: str, options: Options) -> Run:
    path = Path(name)
    if path.is_file() or _is_recording_directory(path):
        return _open_file(path, options)
    column = _column_of(name)
    if column is not None:
        return _open_column(*column)
    from qemu_boot_time.store.facts import find_run
    from qemu_boot_time.store.load import load_run

    return load_run(find_run(name))


def _is_recording_directory(path: Path) -> bool:
    """Whether perf made this directory (``--threads``)."""
    return (path / _MAIN_PART).is_file()


def _open_file(path: Path, options: Options) -> Run:
    with (path / _MAIN_PART if path.is_dir() else path).open("rb") as stream:
        head = stream.read(_SNIFF_BYTES)
    if not head:
        raise InputError(f"{path}: empty", hint="was the recording ended in order?")
    for magic, opener in _BY_MAGIC.items():
        if head.startswith(magic):
            return opener(path, options)
    if any(magic.startswith(head) for magic in _BY_MAGIC):
        raise InputError(f"{path}: cut off at byte {len(head)}", hint=_AGAIN)
    if b"\0" in head:
        raise InputError(
            f"{path}: neither a perf.data nor a table",
            hint="qbt analyze perf.data | trace.dat | TABLE.csv",
        )
    return _open_table(path, options)


# --- recordings -------------------------------------------------------------------------------


def _open_perfdata(path: Path, options: Options) -> Run:
    from qemu_boot_time.sources.perfdata_trace import events_in

    found = events_in(path, "perf", options.vmm)
    notes = []
    if found.killed:
        notes.append("perf was killed before it ended this recording: the last boot may lack marks")
    clock = found.header.clock
    if clock:
        notes.append(f"clock of the recording: {clock}")
    return _recorded(path, "perf", found, notes, options)


def _open_tracedat(path: Path, options: Options) -> Run:
    from qemu_boot_time.sources.tracedat_trace import events_in

    found = events_in(path, "trace-cmd", options.vmm)
    return _recorded(path, "trace-cmd", found, found.notes, options, doubt=found.doubt)


class _Found(Protocol):
    """What a recording holds, whoever made it."""

    @property
    def events(self) -> Sequence[Event]: ...
    @property
    def unclaimed(self) -> Counter[str]: ...
    @property
    def damage(self) -> str: ...


def _recorded(
    path: Path,
    source: str,
    found: _Found,
    notes: Sequence[str],
    options: Options,
    *,
    doubt: str = "",
) -> Run:
    notes = (*notes, *filter(None, [left_out(found.unclaimed)]))
    boots = boots_of(found.events, options.rules)
    if not boots and found.damage:
        raise InputError(found.damage, hint=f"{_AGAIN}; nothing before the damage is a boot")
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
    )


def _what_is_there(events: Sequence[Event]) -> str:
    execs = sum(event.kind is EventKind.EXEC for event in events)
    return f"{execs} execs of QEMU, no port write" if execs else "no exec of QEMU, no port write"


# --- tables -----------------------------------------------------------------------------------


def _open_table(path: Path, options: Options) -> Run:
    table = read_table(path)
    if table.columns:
        marks = [_marks(table, row, options.unit) for row in table.rows]
        boots = [boot_of_marks(row, index=i, rules=options.rules) for i, row in enumerate(marks)]
    else:
        boots = _samples(_only_column(table, options.unit))
    return Run(path.name, tuple(boots), path=str(path))


def _only_column(table: Table, unit: str) -> list[int]:
    for line, cells in table.rows:
        if len(cells) > 1:
            raise UsageError(
                f"{table.path}: line {line}: {len(cells)} columns, and no header that names them",
                hint=f"say which one and its unit: {table.path}:1:us",
            )
    return [table.nanoseconds(row, 0, unit) for row in table.rows]


def _marks(table: Table, row: Row, unit: str) -> list[Mark]:
    return [
        Mark(name, table.nanoseconds(row, place, unit), "table")
        for place, (name, cell) in enumerate(zip(table.columns, row.cells, strict=False))
        if name not in {"", _BOOT_COLUMN} and cell
    ]


def _samples(values_ns: Iterable[int]) -> list[Boot]:
    """Give boots of which only the total is known."""
    return [
        Boot(
            index=i,
            pid=0,
            outcome=Outcome.REACHED,
            phases=(Phase(TOTAL, EXEC, "end", 0, value_ns),),
            exec_ns=0,
        )
        for i, value_ns in enumerate(values_ns)
    ]


def _column_of(name: str) -> tuple[Path, str, str] | None:
    parts = name.rsplit(":", _COLUMN_SPECIFICATION_PARTS - 1)
    if len(parts) == _COLUMN_SPECIFICATION_PARTS and Path(parts[0]).is_file():
        return Path(parts[0]), parts[1], parts[2]
    return None


def _open_column(path: Path, column: str, unit: str) -> Run:
    """Take one column, by its name or by its number from 1, as the total."""
    table = read_table(path)
    place = table.place(column)
    filled = [row for row in table.rows if place < len(row.cells) and row.cells[place]]
    values = [table.nanoseconds(row, place, unit) for row in filled]
    if not values:
        raise InputError(f"{path}: nothing in column {column!r}")
    return Run(f"{path.name}:{column}", tuple(_samples(values)), path=str(path))


_BY_MAGIC: dict[bytes, Callable[[Path, Options], Run]] = {
    b"PERFILE2": _open_perfdata,
    b"2ELIFREP": _open_perfdata,
    b"PERFFILE": _open_perfdata,
    b"\x17\x08\x44tracing": _open_tracedat,
}
"""What a binary recording begins with."""
