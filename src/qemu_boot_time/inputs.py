"""The one opener of whatever holds boots: a run, a recording, a table, a list of samples."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple, Protocol

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.model import EXEC, Boot, Event, EventKind, Mark, Outcome, Phase, Run
from qemu_boot_time.phases import TOTAL, Rules, boot_of_marks, boots_of
from qemu_boot_time.sources.kvm_trace import Vmm, left_out

UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
"""Nanoseconds in each unit that a number from elsewhere may have."""

_BOOT_COLUMN = "boot"
_MAIN_PART = "data"
_SNIFF_BYTES = 4096
_AGAIN = "copy it again, whole, or record it again"
_LONGEST_NS = 10**9 * 86_400 * 365
_COLUMN_SPECIFICATION_PARTS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How to read what is given."""

    unit: str = "ms"
    """Of numbers from elsewhere; one of ``UNITS``."""
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


class _Row(NamedTuple):
    """One line of a table."""

    line: int
    """From 1."""
    cells: list[str]


def _open_table(path: Path, options: Options) -> Run:
    header, rows = _table(path)
    if header:
        marks = [_marks(path, header, row, options.unit) for row in rows]
        boots = [boot_of_marks(row, index=i, rules=options.rules) for i, row in enumerate(marks)]
    else:
        boots = _samples(_only_column(path, rows, options.unit))
    return Run(path.name, tuple(boots), path=str(path))


def _table(path: Path) -> tuple[list[str], list[_Row]]:
    """Read a table: the names of its columns (none: it has no header) and at least one row."""
    first, *rest = rows = _rows(path)
    if all(cell == "" or _number(cell) is not None for cell in first.cells):
        return [], rows
    names = [name for name in first.cells if name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are called {twice!r}")
    if not rest:
        raise InputError(f"{path}: a header and no boot below it")
    return first.cells, rest


def _rows(path: Path) -> list[_Row]:
    """Give each line that holds something; commas, else tabs, else blanks part its cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start}: not text") from error
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    lines = [(i, line) for i, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        raise InputError(f"{path}: empty")
    _, first = lines[0]
    delimiter = next((character for character in ",\t" if character in first), None)
    try:
        rows = [_Row(i, _cells(line, delimiter)) for i, line in lines]
    except csv.Error as error:
        raise InputError(f"{path}: no table: {error}") from error
    for line, cells in rows:
        _check_width(path, line, len(cells), len(rows[0].cells), may_lack=delimiter is not None)
    return rows


def _check_width(path: Path, line: int, found: int, wanted: int, *, may_lack: bool) -> None:
    """Refuse cells without a column; where blanks part them, nobody knows which one is missing."""
    if found > wanted or (found < wanted and not may_lack):
        raise InputError(f"{path}: line {line}: {found} cells, the first line has {wanted}")


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [
        cell.strip()
        for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    ]


def _only_column(path: Path, rows: Sequence[_Row], unit: str) -> list[int]:
    for line, cells in rows:
        if len(cells) > 1:
            raise UsageError(
                f"{path}: line {line}: {len(cells)} columns, and no header that names them",
                hint=f"say which one and its unit: {path}:1:us",
            )
    return [_value(path, line, cells[0], unit) for line, cells in rows]


def _marks(path: Path, header: Sequence[str], row: _Row, unit: str) -> list[Mark]:
    return [
        Mark(name, _value(path, row.line, cell, unit), "table")
        for name, cell in zip(header, row.cells, strict=False)
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


def _value(path: Path, line: int, text: str, unit: str) -> int:
    value, scale = _number(text), _scale(unit)
    if value is None or not value.is_finite():
        raise InputError(f"{path}: line {line}: {text!r} is not a number")
    if not 0 <= value <= _LONGEST_NS // scale:
        raise InputError(
            f"{path}: line {line}: {text} {unit} is no boot time",
            hint=f"which unit is it in? --unit {'|'.join(UNITS)}",
        )
    return int((value * scale).to_integral_value())


def _number(text: str) -> Decimal | None:
    """Read a number, also one that is not finite; None where the text is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _scale(unit: str) -> int:
    if unit not in UNITS:
        raise UsageError(
            f"{unit!r} is no unit of the numbers that are read", hint=f"one of {', '.join(UNITS)}"
        )
    return UNITS[unit]


def _column_of(name: str) -> tuple[Path, str, str] | None:
    parts = name.rsplit(":", _COLUMN_SPECIFICATION_PARTS - 1)
    if len(parts) == _COLUMN_SPECIFICATION_PARTS and Path(parts[0]).is_file():
        return Path(parts[0]), parts[1], parts[2]
    return None


def _open_column(path: Path, column: str, unit: str) -> Run:
    """Take one column, by its name or by its number from 1, as the total."""
    header, rows = _table(path)
    width = len(header or rows[0].cells)
    place = header.index(column) if column in header else _place(column)
    if not 0 <= place < width:
        known = ", ".join(filter(None, header)) or f"1 to {width}"
        raise UsageError(f"{path}: no column {column!r}", hint=f"there are: {known}; or its number")
    cells = [(row.line, row.cells[place]) for row in rows if place < len(row.cells)]
    values = [_value(path, line, cell, unit) for line, cell in cells if cell]
    if not values:
        raise InputError(f"{path}: nothing in column {column!r}")
    return Run(f"{path.name}:{column}", tuple(_samples(values)), path=str(path))


def _place(column: str) -> int:
    return int(column) - 1 if column.isdecimal() else -1


_BY_MAGIC: dict[bytes, Callable[[Path, Options], Run]] = {
    b"PERFILE2": _open_perfdata,
    b"2ELIFREP": _open_perfdata,
    b"PERFFILE": _open_perfdata,
    b"\x17\x08\x44tracing": _open_tracedat,
}
"""What a binary recording begins with."""
