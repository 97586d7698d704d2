"""What every table for a person is made of."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.table import Column, Table

from qemu_boot_time.model import Clock

_NS_PER_MS = 1_000_000
_WIDTH = 80
_LEAST_NAME = 16
"""Columns that a name that folds is left, before a table grows."""
_PADDING = 2
"""Between columns."""


def fitting_width(*tables: Table) -> int:
    """Give the width that these need: 80 columns, or more where numbers are longer than that."""
    return max((_WIDTH, *map(_needed, tables)))


def _needed(table: Table) -> int:
    return sum(_PADDING + _column_needs(column) for column in table.columns) - _PADDING


def _column_needs(column: Column) -> int:
    """Give the longest of what may not fold; of what may, the least that is kept for it."""
    if not column.no_wrap:
        return _LEAST_NAME
    return max(cell_len(str(cell)) for cell in (column.header, *column.cells))


def ms(time_ns: int) -> str:
    """Render nanoseconds as milliseconds, to the microsecond."""
    return f"{time_ns / _NS_PER_MS:.3f}"


def number(value: int, clock: Clock, *, sign: str = "") -> str:
    """Render a number of a clock: nanoseconds as milliseconds, counts as they are."""
    if clock is Clock.TIME:
        return f"{value / _NS_PER_MS:{sign}.3f}"
    return f"{value:{sign},}"


def more_boots(more: int | None) -> str:
    """Say how many more boots a side would settle what is undecided; None: nobody waits for so many."""
    if more is None:
        return "no number of boots that anybody would wait for settles it"
    return f"about {more} more boot{'s' * (more != 1)} a side would settle it"


def printable(text: str) -> str:
    """Make text from a guest, a file or a program safe for a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def grid(title: str, columns: Iterable[str]) -> Table:
    """Make a table of a column of names that fold, and columns of numbers that do not."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _PADDING, 0, 0))
    table.add_column(title, no_wrap=False, overflow="fold", min_width=24)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
