"""JSON for Bencher: each phase is a benchmark, with the median and its 95 % interval.

``latency`` is in nanoseconds, as Bencher's built-in measure of that name; ``instructions`` where
they were counted. Few boots have no interval, and boots that failed are not in it. The form:
https://bencher.dev/docs/reference/bencher-metric-format.
"""

from collections.abc import Sequence

from qemu_boot_time.model import Clock, Run
from qemu_boot_time.report.exports.parts import counted, label, require_any
from qemu_boot_time.report.json import dump, plain
from qemu_boot_time.stats.intervals import median_interval
from qemu_boot_time.stats.summary import stats_of

_MEASURES = {Clock.TIME: "latency", Clock.INSTRUCTIONS: "instructions"}


def export(runs: Sequence[Run]) -> str:
    """Render runs as one document. Raises InputError where no boot that counts has a phase."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for clock, measure in _MEASURES.items():
        for run, name, values in counted(runs, clock):
            found.setdefault(plain(label(runs, run, name)), {})[measure] = _metric(values)
    require_any(found, runs)
    return dump(found) + "\n"


def _metric(values: Sequence[int]) -> dict[str, int]:
    interval = median_interval(values)
    ends = {} if interval is None else {"lower_value": interval.low, "upper_value": interval.high}
    return {"value": stats_of(values).median, **ends}
