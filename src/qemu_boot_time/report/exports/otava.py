"""CSV for Apache Otava, which looks for change points: a row a run, a column a phase.

The columns ``time``, ``run`` and ``boots`` are for ``time_column`` and ``attributes``; the others
are metrics, the phases' medians in ms. Otava takes no empty cell, so only those phases are in it
that all runs have. The form: Otava's docs/CSV.md and its importer.
"""

from collections.abc import Sequence

from qemu_boot_time.errors import InputError
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.report.exports.csv import written
from qemu_boot_time.report.exports.parts import MS_DIGITS, decimal, require_any
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.quantities import named_lengths
from qemu_boot_time.stats.summary import stats_of

_OTHERS = ("time", "run", "boots")


def export(runs: Sequence[Run]) -> str:
    """Render runs in the order of their times.

    Raises InputError where nobody knows when one was made, and where no phase is in all of them.
    """
    for run in runs:
        if not run.created:
            raise InputError(
                f"{run.name}: nobody knows when it was measured, and Otava sorts by time",
                hint="give runs that were kept, or their --json documents",
            )
    medians = {run.name: _medians(run) for run in runs}
    common = {
        name: None
        for name in medians[runs[0].name]
        if all(name in each for each in medians.values()) and name not in _OTHERS
    }
    require_any(common, runs)
    ordered = sorted(runs, key=lambda run: run.created)
    rows = [[*_about(run), *(medians[run.name][name] for name in common)] for run in ordered]
    return written([[*_OTHERS, *map(printable, common)], *rows])


def _about(run: Run) -> list[object]:
    return [printable(run.created), printable(run.name), sum(boot.ok for boot in run.boots)]


def _medians(run: Run) -> dict[str, str]:
    lengths = named_lengths(run.boots, Clock.TIME)
    return {
        name: decimal(stats_of(list(by_boot.values())).median, MS_DIGITS)
        for name, by_boot in lengths.items()
    }
