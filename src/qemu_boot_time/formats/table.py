"""Tables and lists of numbers as text: CSV, tabs or blanks, with or without a header."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from qemu_boot_time.errors import InputError, UsageError

UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
"""Nanoseconds in each unit that a number may have."""

_LONGEST_NS = 10**9 * 86_400 * 365
_READ = "qbt analyze perf.data | trace.dat | TABLE.csv"


class Row(NamedTuple):
    """One line of a table."""

    line: int
    """From 1."""
    cells: Sequence[str]
    """Those at the end may be missing where a comma or a tab parts them."""


@dataclass(frozen=True, slots=True)
class Table:
    """At least one row, and what its columns are called."""

    path: Path
    columns: tuple[str, ...]
    """Empty: it has no header. One column may have no name, but no two have the same."""
    rows: tuple[Row, ...]

    def place(self, column: str) -> int:
        """Find a column by its name, or by its number from 1; give its place from 0.

        Raises UsageError where there is none.
        """
        width = len(self.columns or self.rows[0].cells)
        number = int(column) - 1 if column.isdecimal() else -1
        place = self.columns.index(column) if column in self.columns else number
        if not 0 <= place < width:
            known = ", ".join(filter(None, self.columns))
            hint = f"there are: {known}; or its number" if known else f"its number: 1 to {width}"
            raise UsageError(f"{self.path}: no column {column!r}", hint=hint)
        return place

    def nanoseconds(self, row: Row, place: int, unit: str) -> int:
        """Give the time in a cell. Raises InputError for what is none, UsageError for no unit."""
        text = row.cells[place]
        value, scale = _number(text), _scale(unit)
        if value is None or not value.is_finite():
            raise InputError(f"{self.path}: line {row.line}: {text!r} is not a number")
        if not 0 <= value <= _LONGEST_NS // scale:
            raise InputError(
                f"{self.path}: line {row.line}: {text} {unit} is below 0 or above a year",
                hint=f"which unit is it in? --unit {'|'.join(UNITS)}",
            )
        return int((value * scale).to_integral_value())


def read_table(path: Path) -> Table:
    """Read a table. Raises InputError for what is none, or has no row below its header."""
    rows = _rows(path)
    first, *rest = rows
    if _holds_numbers(first):
        return Table(path, (), tuple(rows))
    names = [name for name in first.cells if name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are called {twice!r}")
    if not rest:
        raise InputError(f"{path}: a header and nothing below it")
    return Table(path, tuple(first.cells), tuple(rest))


def _rows(path: Path) -> list[Row]:
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
        rows = [Row(i, _cells(line, delimiter)) for i, line in lines]
    except csv.Error as error:
        raise InputError(f"{path}: no table: {error}") from error
    found = next(_misfits(rows, may_lack=delimiter is not None), "")
    if found and not any(map(_holds_numbers, rows)):
        raise InputError(f"{path}: neither a recording nor a table: {found}", hint=_READ)
    if found:
        raise InputError(f"{path}: {found}")
    return rows


def _misfits(rows: Sequence[Row], *, may_lack: bool) -> Iterator[str]:
    """Tell of cells without a column; where blanks part them, nobody knows which one is missing."""
    wanted = len(rows[0].cells)
    for line, cells in rows:
        if len(cells) > wanted or (len(cells) < wanted and not may_lack):
            yield f"line {line}: {len(cells)} cells, the first line has {wanted}"


def _holds_numbers(row: Row) -> bool:
    """Whether there is nothing else in a row: any text may hold some."""
    return all(cell == "" or _number(cell) is not None for cell in row.cells)


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [
        cell.strip()
        for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    ]


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
