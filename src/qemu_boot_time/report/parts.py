"""What every table for a person is made of."""

from collections.abc import Iterable

from rich.table import Table

_NS_PER_MS = 1_000_000


def ms(time_ns: int) -> str:
    """Render nanoseconds as milliseconds, to the microsecond."""
    return f"{time_ns / _NS_PER_MS:.3f}"


def printable(text: str) -> str:
    """Make text from a guest, a file or a program safe for a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def grid(title: str, columns: Iterable[str]) -> Table:
    """Make a table of a column of names that fold, and columns of numbers that do not."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(title, no_wrap=False, overflow="fold", min_width=24)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
