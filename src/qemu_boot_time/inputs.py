"""The one opener of whatever holds boots: a run, a recording, a table, a list of samples."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.model import EXEC, Boot, Event, EventKind, Mark, Outcome, Phase, Run
from qemu_boot_time.phases import TOTAL, Rules, boot_of_marks, boots_of
from qemu_boot_time.sources.kvm_trace import Vmm

UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
"""Nanoseconds in each unit that a number from elsewhere may have."""

_BOOT_COLUMN = "boot"
_SNIFF_BYTES = 4096
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
    """Open a run (path, id, ``last``), a perf.data, a CSV of marks or a list of samples.

    ``FILE:COLUMN:UNIT`` takes one column of a table as the total. Raises InputError for what is
    missing, unreadable or corrupt, UsageError for a unit or a column that is not there.
    """
    from qemu_boot_time.store.facts import RUN_FILE, find_run

    path = Path(name)
    if path.is_file() or _is_recording_directory(path):
        return _open_file(path, options)
    column = _column_of(name)
    if column is not None:
        return _open_column(*column, options.rules)
    from qemu_boot_time.store.load import load_run

    directory = find_run(name)
    if not os.access(directory / RUN_FILE, os.R_OK):
        raise InputError(f"{directory / RUN_FILE}: not readable", hint="whose run is it?")
    return load_run(directory)


def _is_recording_directory(path: Path) -> bool:
    """Whether perf made this directory (``--threads``)."""
    return (path / "header").is_file()


def _open_file(path: Path, options: Options) -> Run:
    try:
        with (path / "header" if path.is_dir() else path).open("rb") as stream:
            head = stream.read(_SNIFF_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if not head:
        raise InputError(f"{path}: empty", hint="was the recording ended in order?")
    for magic, opener in _BY_MAGIC.items():
        if head.startswith(magic):
            return opener(path, options)
    if b"\0" in head:
        raise InputError(
            f"{path}: neither a perf.data nor a table", hint="qbt analyze perf.data | TABLE.csv"
        )
    return _open_table(path, options)


# --- recordings -------------------------------------------------------------------------------


def _open_perfdata(path: Path, options: Options) -> Run:
    from qemu_boot_time.sources.perfdata_trace import events_in

    found = events_in(path, "perf", options.vmm)
    notes = []
    if found.killed:
        notes.append("perf was killed before it ended this recording: the last boot may lack marks")
    if found.unclaimed:
        names = ", ".join(f"{name} ({n})" for name, n in found.unclaimed.most_common(3))
        notes.append(f"marks of processes that are no known VM left out: {names}; see --comm")
    clock = found.header.clock
    if clock:
        notes.append(f"clock of the recording: {clock}")
    boots = boots_of(found.events, options.rules)
    if not boots and found.damage:
        raise InputError(found.damage, hint="record again; nothing before the damage is a boot")
    if not boots:
        raise InputError(
            f"{path}: no VM in this recording ({_what_is_there(found.events)})",
            hint="record at least -e kvm:kvm_pio -e sched:sched_process_exec; for another VMM "
            "than QEMU say --comm NAME",
        )
    return Run(
        path.name,
        tuple(boots),
        ("perf",),
        path=str(path),
        notes=tuple(notes),
        damage=found.damage,
    )


def _what_is_there(events: Sequence[Event]) -> str:
    execs = sum(event.kind is EventKind.EXEC for event in events)
    return f"{execs} execs of QEMU, no port write" if execs else "no exec of QEMU, no port write"


# --- tables -----------------------------------------------------------------------------------


def _open_table(path: Path, options: Options) -> Run:
    rows = _rows(path)
    header = rows[0][1]
    if any(_number(cell) is None for cell in header):
        marks = [_row_of_marks(path, header, row, options) for row in rows[1:]]
        boots = [boot_of_marks(row, index=i, rules=options.rules) for i, row in enumerate(marks)]
    else:
        boots = _samples(_only_column(path, rows, options.unit))
    if not boots:
        raise InputError(f"{path}: a header and no boot below it")
    return Run(path.name, tuple(boots), path=str(path))


def _only_column(path: Path, rows: Sequence[tuple[int, list[str]]], unit: str) -> list[int]:
    for line, row in rows:
        if len(row) > 1:
            raise UsageError(
                f"{path}: line {line}: {len(row)} columns, and no header that names them",
                hint=f"say which one and its unit: {path}:1:us",
            )
    return [_value(path, line, row[0], unit) for line, row in rows]


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Give (line number, cells) of each line that is not empty; commas, else blanks, part cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start}: not text") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    lines = [(i, line) for i, line in enumerate(io.StringIO(text), 1) if line.strip()]
    has_commas = any("," in line for _, line in lines[:1])
    parse = _by_comma if has_commas else str.split
    rows = [(i, parse(line)) for i, line in lines if not line.lstrip().startswith("#")]
    if not rows:
        raise InputError(f"{path}: empty")
    return rows


def _by_comma(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line]))]


def _row_of_marks(
    path: Path, header: Sequence[str], row: tuple[int, list[str]], options: Options
) -> list[Mark]:
    line, cells = row
    if len(cells) > len(header):
        raise InputError(f"{path}: line {line}: {len(cells)} cells, the header has {len(header)}")
    return [
        Mark(name, _value(path, line, cell, options.unit), "table")
        for name, cell in zip(header, cells, strict=False)
        if name != _BOOT_COLUMN and cell
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
    value = _number(text)
    if value is None:
        raise InputError(f"{path}: line {line}: {text!r} is not a number")
    value_ns = value * _scale(unit)
    if not 0 <= value_ns <= _LONGEST_NS:
        raise InputError(
            f"{path}: line {line}: {text} {unit} is no boot time", hint="which unit is it? --unit"
        )
    return int(value_ns.to_integral_value())


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _scale(unit: str) -> int:
    if unit not in UNITS:
        raise UsageError(f"{unit!r} is no unit", hint=f"one of {', '.join(UNITS)}")
    return UNITS[unit]


def _column_of(name: str) -> tuple[Path, str, str] | None:
    parts = name.rsplit(":", _COLUMN_SPECIFICATION_PARTS - 1)
    if len(parts) == _COLUMN_SPECIFICATION_PARTS and Path(parts[0]).is_file():
        return Path(parts[0]), parts[1], parts[2]
    return None


def _open_column(path: Path, column: str, unit: str, rules: Rules) -> Run:
    """Take one column, by its name or by its number from 1, as the total."""
    del rules  # a column of totals has no marks
    rows = _rows(path)
    header = rows[0][1]
    named = column in header
    place = header.index(column) if named else int(column) - 1 if column.isdigit() else -1
    if not 0 <= place < len(header):
        raise UsageError(
            f"{path}: no column {column!r}", hint=f"there are: {', '.join(header)}, or 1, 2..."
        )
    body = rows[1:] if named else rows
    values = [_value(path, line, row[place], unit) for line, row in body if place < len(row)]
    return Run(f"{path.name}:{column}", tuple(_samples(values)), path=str(path))


_BY_MAGIC: dict[bytes, Callable[[Path, Options], Run]] = {
    b"PERFILE2": _open_perfdata,
    b"2ELIFREP": _open_perfdata,
    b"PERFFILE": _open_perfdata,
}
"""What a binary recording begins with."""
