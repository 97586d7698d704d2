"""Names that are longer than their column: where they are parted, and how they go on."""

import re
from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.containers import Lines
from rich.text import Text

_PLACES = re.compile(r"(?<=\.\.)(?=\S)|(?<=\S)(?=\s)")
"""After the dots between two marks, and before a blank."""
_SET_IN = 2
"""Columns by which a name that goes on is set in, further than where it began."""


class Name(Text):
    """A name in a table: parted between marks and words first, and anywhere only where a part is too long."""

    @classmethod
    def of(cls, cell: str | Text) -> "Name":
        """Take what a table is given for a cell; a plain string is markup, as everywhere in a table."""
        text = Text.from_markup(cell, emoji=False) if isinstance(cell, str) else cell
        return cls(text.plain, text.style, spans=text.spans)

    def wrap(self, console: object, width: int, **more: Any) -> Lines:
        """Part it into lines of so many columns; how else lines are made is no matter of a name."""
        del console, more
        begun = len(self.plain) - len(self.plain.lstrip())
        hang = min(begun + _SET_IN, width // 2)
        first, *others = self.divide(list(_places(self.plain, width, hang)))
        return Lines([first, *(Text(" " * hang) + _stripped(line) for line in others)])


def _stripped(line: Text) -> Text:
    return line[len(line.plain) - len(line.plain.lstrip()) :]


def _places(text: str, width: int, hang: int) -> Iterator[int]:
    """Give where a text is parted, so that its first line has so many columns, and all others less by ``hang``."""
    at = used = 0
    room = width
    for piece in _PLACES.split(text):
        left = piece
        if used and used + cell_len(left) > room:
            yield at
            left = piece.lstrip()
            at, used, room = at + len(piece) - len(left), 0, width - hang
        while cell_len(left) > room:
            taken = max(1, len(set_cell_size(left, room).rstrip()))
            at, left, room = at + taken, left[taken:], width - hang
            yield at
        at, used = at + len(left), used + cell_len(left)
