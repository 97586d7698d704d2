"""Text for Prometheus and others: OpenMetrics 1.0, all of it gauges, times in seconds.

Statistics are of the boots that count; ``qbt_boots`` counts the others too, by outcome. A percentile
that so few boots do not show is not there. The form: https://prometheus.io/docs/specs/om/open_metrics_spec/.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from qemu_boot_time.model import Clock, Run
from qemu_boot_time.report.exports.parts import S_DIGITS, decimal
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.intervals import median_interval, percentile
from qemu_boot_time.stats.quantities import mark_times, named_lengths
from qemu_boot_time.stats.summary import stats_of

_ByName = Mapping[str, Mapping[int, int]]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_PERCENTILES = {"p90": 0.90, "p95": 0.95, "p99": 0.99}
_INFO = "# TYPE qbt_run info\n# HELP qbt_run What was measured, and on what."
_BOOTS = "# TYPE qbt_boots gauge\n# HELP qbt_boots Boots, by how they ended."


class _Family(NamedTuple):
    """What runs have statistics of."""

    stem: str
    """Of the name of its metrics; in lower case it is a label, too."""
    clock: Clock
    help: str
    values: Callable[[Run], _ByName]


_FAMILIES = (
    _Family(
        "phase",
        Clock.TIME,
        "How long a phase takes.",
        lambda run: named_lengths(run.boots, Clock.TIME),
    ),
    _Family(
        "mark",
        Clock.TIME,
        "When a mark is seen, since the exec of QEMU.",
        lambda run: mark_times(run.boots, Clock.TIME),
    ),
    _Family(
        "phase",
        Clock.INSTRUCTIONS,
        "Instructions of the guest in a phase.",
        lambda run: named_lengths(run.boots, Clock.INSTRUCTIONS),
    ),
)


def export(runs: Sequence[Run]) -> str:
    """Render runs as one exposition."""
    lines = [_INFO, *map(_info, runs), _BOOTS]
    lines += [line for run in runs for line in _boots(run)]
    for family in _FAMILIES:
        lines += _family(family, runs)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _info(run: Run) -> str:
    known = {
        "run": run.name,
        "command": " ".join(run.command),
        "accelerator": run.accelerator,
        "sources": ",".join(run.sources),
        "created": run.created,
    }
    return _sample("qbt_run_info", known, "1")


def _boots(run: Run) -> Iterator[str]:
    outcomes = [boot.outcome for boot in run.boots]
    for outcome in dict.fromkeys(outcomes):
        labels = {"run": run.name, "outcome": outcome}
        yield _sample("qbt_boots", labels, str(outcomes.count(outcome)))


def _family(family: _Family, runs: Sequence[Run]) -> Iterator[str]:
    unit = "seconds" if family.clock is Clock.TIME else "instructions"
    metric = f"qbt_{family.stem}_{unit}"
    samples = [
        _sample(metric, {"run": run.name, family.stem: name, "statistic": statistic}, value)
        for run in runs
        for name, by_boot in family.values(run).items()
        for statistic, value in _statistics(list(by_boot.values()), family.clock)
    ]
    if samples:
        yield f"# TYPE {metric} gauge\n# UNIT {metric} {unit}\n# HELP {metric} {family.help}"
        yield from samples


def _statistics(values: Sequence[int], clock: Clock) -> Iterator[tuple[str, str]]:
    stats, interval = stats_of(values), median_interval(values)
    found = {"median": stats.median, "mean": stats.mean, "min": stats.min, "max": stats.max}
    if interval is not None:
        found |= {"median_low": interval.low, "median_high": interval.high}
    for name, share in _PERCENTILES.items():
        value = percentile(values, share)
        found |= {} if value is None else {name: value}
    for name, value in found.items():
        yield name, decimal(value, S_DIGITS) if clock is Clock.TIME else str(value)


def _sample(metric: str, labels: Mapping[str, str], value: str) -> str:
    pairs = (f'{name}="{_escaped(text)}"' for name, text in labels.items() if text)
    return f"{metric}{{{','.join(pairs)}}} {value}"


def _escaped(text: str) -> str:
    return printable(text).translate(_ESCAPES)
