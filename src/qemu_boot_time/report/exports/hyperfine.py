"""JSON as ``hyperfine --export-json`` writes it: one result a run, its times the totals in seconds.

``user`` and ``system`` are 0 and mean nothing: a boot's CPU time is known as a whole alone, and
readers refuse a result without numbers there (Bencher's does; hyperfine's own scripts read neither).
Nor is the exit status of each boot known: ``exit_codes`` holds null, as it does for a command that a
signal has ended. Boots that failed are not in it, nor those that end at another mark than most. The
form: hyperfine, src/benchmark/benchmark_result.rs.
"""

import shlex
from collections.abc import Sequence
from statistics import fmean, median, stdev
from typing import Any

from qemu_boot_time.model import Run
from qemu_boot_time.report.exports.parts import seconds, totals_of
from qemu_boot_time.report.json import dump, plain


def export(runs: Sequence[Run]) -> str:
    """Render runs as one document."""
    return dump({"results": [_result(run) for run in runs]}) + "\n"


def _result(run: Run) -> dict[str, Any]:
    times = [seconds(total) for total in totals_of(run)]
    return {
        "command": plain(shlex.join(run.command) or run.name),
        "mean": fmean(times),
        "stddev": stdev(times) if len(times) > 1 else None,
        "median": median(times),
        "user": 0.0,
        "system": 0.0,
        "min": min(times),
        "max": max(times),
        "times": times,
        "exit_codes": [None] * len(times),
        "parameters": {"run": plain(run.name)},
    }
