"""One run as a table: a row a boot that counts, a column a mark, in ms to the nanosecond.

It is the table that ``qbt analyze`` reads. Such a table cannot say that a boot failed, so those are
not in it; the column ``boot`` keeps the numbers of the others. A run of totals alone is a list of
totals.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from qemu_boot_time.errors import InputError
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.report.exports.parts import MS_DIGITS, decimal, totals_of
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.quantities import mark_times
from qemu_boot_time.stats.summary import stats_of

BOOT = "boot"
"""The column that is no mark."""


def export(runs: Sequence[Run]) -> str:
    """Render one run. Raises InputError where a mark has the name of the column ``boot``."""
    (run,) = runs
    times = mark_times(run.boots, Clock.TIME)
    if not times:
        return "".join(f"{decimal(total, MS_DIGITS)}\n" for total in totals_of(run))
    if BOOT in times:
        raise InputError(
            f"{run.name}: a mark is called {BOOT!r}, like the column that counts boots",
            hint="--parquet keeps marks of any name",
        )
    numbers = sorted({number for by_boot in times.values() for number in by_boot})
    names = sorted(times, key=lambda name: stats_of(list(times[name].values())).median)
    rows = ([number, *(_cell(times[name].get(number)) for name in names)] for number in numbers)
    return written([[BOOT, *map(printable, names)], *rows])


def written(rows: Iterable[Sequence[object]]) -> str:
    """Render rows as CSV: quoted where it takes quotes, lines end in a newline alone."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _cell(time_ns: int | None) -> str:
    return "" if time_ns is None else decimal(time_ns, MS_DIGITS)
