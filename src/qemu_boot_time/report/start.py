"""The parts of QEMU's own start, for a terminal."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Boot
from qemu_boot_time.report.parts import grid, ms, printable
from qemu_boot_time.stats.start import PartSummary, summarise_parts

_COLUMNS = ("n", "median", "mean", "min", "max", "share")


def start_tables(boots: Iterable[Boot]) -> Iterator[Table]:
    """Give a table for each phase that has parts: there is more than one only where boots differ."""
    for of, rows in groupby(summarise_parts(boots), key=lambda row: row.of):
        table = grid(f"part of {printable(of)} (ms)", _COLUMNS)
        for row in rows:
            table.add_row(Text(printable(row.name), style="cyan"), *_cells(row))
        yield table


def _cells(row: PartSummary) -> Iterator[str]:
    length = row.length
    yield str(length.n)
    yield from (ms(value) for value in (length.median, length.mean, length.min, length.max))
    yield f"{length.mean / row.whole.mean:.1%}" if row.whole.mean else ""
