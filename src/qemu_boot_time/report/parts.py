"""What every table for a person is made of."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Column, Table
from rich.text import Text

from qemu_boot_time.model import Clock
from qemu_boot_time.report.folding import Name

_BYTE = 0xFF
_UNDECODED = range(0xDC80, 0xDD00)
"""What Python makes of bytes that are no UTF-8 (PEP 383)."""
_NS_PER_MS = 1_000_000
_WIDTH = 80
_LEAST_NAME = 16
"""Columns that a name that folds is left, before a table grows."""
_PADDING = 2
"""Between columns."""
BLOCKS = "█▌▐▏"
"""What a picture needs of an encoding."""


class Signs(Enum):
    """What a picture in characters is made of."""

    BLOCKS = "blocks"
    """Unicode's block elements (:data:`BLOCKS`), to half a column."""
    ASCII = "ascii"


@dataclass(frozen=True, slots=True)
class Screen:
    """What text is shown on."""

    width: int = _WIDTH
    """Columns, 80 at the least; numbers that need more have more."""
    signs: Signs = Signs.BLOCKS
    colour: bool = False


PIPE = Screen()
"""Whatever is no terminal."""


def fitting_width(*tables: Table, screen: Screen = PIPE) -> int:
    """Give the width that these need: the screen's, or more where numbers are longer than that."""
    return max((screen.width, *map(_needed, tables)))


def roomy(wide: Callable[[], Table], usual: Callable[[], Table], screen: Screen) -> Table:
    """Give the wide table where the screen has room for it, no name folded."""
    table = wide()
    fits = sum(map(_column_unfolded, table.columns)) - _PADDING <= screen.width
    return table if fits else usual()


def _column_unfolded(column: Column) -> int:
    return _PADDING + max(column.min_width or 0, *map(cell_len, _texts(column)))


def _needed(table: Table) -> int:
    return sum(_PADDING + _column_needs(column) for column in table.columns) - _PADDING


def _column_needs(column: Column) -> int:
    """Give the longest of what may not fold; of what may, the least that is kept for it."""
    return max(map(cell_len, _texts(column))) if column.no_wrap else _LEAST_NAME


def _texts(column: Column) -> list[str]:
    return [str(cell) for cell in (column.header, *column.cells)]


def rendered(parts: Iterable[RenderableType], width: int, screen: Screen) -> str:
    """Render what rich can, with colour only where the screen has it."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=screen.colour,
        no_color=not screen.colour,
        highlight=False,
    )
    console.print(Group(*parts), soft_wrap=False)
    return stream.getvalue()


def ms(time_ns: int) -> str:
    """Render nanoseconds as milliseconds, to the microsecond."""
    return f"{time_ns / _NS_PER_MS:.3f}"


def number(value: int, clock: Clock, *, sign: str = "") -> str:
    """Render a number of a clock: nanoseconds as milliseconds, counts as they are."""
    if clock is Clock.TIME:
        return f"{value / _NS_PER_MS:{sign}.3f}"
    return f"{value:{sign},}"


def unit(clock: Clock) -> str:
    """Name the unit that numbers of a clock are shown in."""
    return "ms" if clock is Clock.TIME else "instructions"


def counted(boots: int, failed: int = 0) -> str:
    """Say how many boots there are, and how many of them failed: ``1 boot``, ``20 boots, 2 failed``."""
    return f"{boots} boot{'s' * (boots != 1)}" + (f", {failed} failed" if failed else "")


def what_settles(more: int | None, *, has_interval: bool) -> str:
    """Say how many more boots a side would decide; without an interval, so many must be there to show anything."""
    if more is not None and not has_interval:
        return f"{more} more a side are the fewest that could show anything"
    if more is None:
        return "no number of boots that anybody would wait for settles it"
    return f"about {more} more boot{'s' * (more != 1)} a side would settle it"


def printable(text: str) -> str:
    """Make text from a guest, a file or a program safe for a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\x{_code(c):02x}" for c in text)


def _code(character: str) -> int:
    """Give the code of a character; of one that stands for a byte that is no UTF-8, the byte."""
    code = ord(character)
    return code & _BYTE if code in _UNDECODED else code


class _Grid(Table):
    """A table whose first column holds names."""

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        """Add a row as any table does."""
        name, *others = cells
        super().add_row(Name.of(name) if isinstance(name, str | Text) else name, *others, **how)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Narrow the names before a number is cut."""
        names = self.columns[0]
        left = options.max_width - _needed(self) + _LEAST_NAME
        names.min_width = min(names.min_width or 0, max(_LEAST_NAME, left))
        return super().__rich_console__(console, options)


def grid(title: str, columns: Iterable[str]) -> Table:
    """Make a table of a column of names that fold, and columns of numbers that do not."""
    table = _Grid(box=None, pad_edge=False, header_style="bold", padding=(0, _PADDING, 0, 0))
    table.add_column(Name.of(title), no_wrap=False, overflow="fold", min_width=24)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
