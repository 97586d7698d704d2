"""Numbers from elsewhere: a table of marks, a list of totals, one column of a table."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.formats.table import Row, Table, read_table
from qemu_boot_time.inputs.options import Options
from qemu_boot_time.model import EXEC, Boot, Definitions, Kind, Mark, Outcome, Phase, Run
from qemu_boot_time.phases import TOTAL, boot_of_marks

_BOOT_COLUMN = "boot"
_ONLY_COLUMN = 0
_COLUMN_SPECIFICATION_PARTS = 3


class Column(NamedTuple):
    """``FILE:COLUMN:UNIT``."""

    path: Path
    column: str
    """Its name, or its number from 1."""
    unit: str


def open_table(path: Path, options: Options) -> Run:
    """Read a table of marks, or a list of totals where it has no header.

    Raises InputError for what is neither, UsageError where a column or a unit must be said.
    """
    table = read_table(path)
    if not table.columns:
        return _list(
            path.name, table, _only_column(table, options.unit), _ONLY_COLUMN, options.unit
        )
    marks = [_marks(table, row, options.unit) for row in table.rows]
    boots = [boot_of_marks(row, index=i, rules=options.rules) for i, row in enumerate(marks)]
    return Run(
        path.name,
        tuple(boots),
        path=str(path),
        kind=Kind.TABLE,
        definitions=options.definitions(unit=options.unit),
    )


def column_of(name: str) -> Column | None:
    """Read ``FILE:COLUMN:UNIT``; None where it names no column of a file."""
    parts = name.rsplit(":", _COLUMN_SPECIFICATION_PARTS - 1)
    if len(parts) == _COLUMN_SPECIFICATION_PARTS and Path(parts[0]).is_file():
        return Column(Path(parts[0]), parts[1], parts[2])
    return None


def open_column(wanted: Column) -> Run:
    """Take one column as the total. Raises UsageError where it is not there."""
    path, column, unit = wanted
    table = read_table(path)
    place = table.place(column)
    filled = [row for row in table.rows if place < len(row.cells) and row.cells[place]]
    values = [table.nanoseconds(row, place, unit) for row in filled]
    if not values:
        raise InputError(f"{path}: nothing in column {column!r}")
    return _list(f"{path.name}:{column}", table, values, place, unit)


def _list(name: str, table: Table, values_ns: Iterable[int], place: int, unit: str) -> Run:
    """Make a run of totals; by its name or by its number, a column is the same one."""
    column = (table.columns[place] if table.columns else "") or str(place + 1)
    return Run(
        name,
        tuple(_samples(values_ns)),
        path=str(table.path),
        kind=Kind.LIST,
        definitions=Definitions(column=column, unit=unit),
    )


def _only_column(table: Table, unit: str) -> list[int]:
    for line, cells in table.rows:
        if len(cells) > 1:
            raise UsageError(
                f"{table.path}: line {line}: {len(cells)} columns, and no header that names them",
                hint=f"say which one and its unit: {table.path}:1:us",
            )
    return [table.nanoseconds(row, _ONLY_COLUMN, unit) for row in table.rows]


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
