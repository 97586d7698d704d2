"""The familiar form of the original perf script: a block a boot, then Avg, Min and Max.

Standard library only: perf's own Python imports this. The same numbers as ``qbt analyze``: here
too, what stands in brackets is a statistic of each boot's own delta.
"""

from collections.abc import Callable, Iterable, Iterator

from qemu_boot_time.model import Boot, Mark
from qemu_boot_time.stats.summary import MarkSummary, Stats, Summary

_NS_PER_MS = 1_000_000
_SECTIONS: dict[str, Callable[[Stats], int]] = {
    "Avg": lambda stats: stats.mean,
    "Min": lambda stats: stats.min,
    "Max": lambda stats: stats.max,
}


def to_classic(boots: Iterable[Boot], summary: Summary) -> str:
    """Render boots, in milliseconds since the exec of QEMU."""
    lines: list[str] = []
    for boot in boots:
        suspect = f" ({', '.join(boot.suspect)})" if boot.suspect else ""
        lines += [f"{boot.index + 1}) pid {boot.pid}{suspect}", *_marks(boot.marks), ""]
    for title, pick in _SECTIONS.items():
        lines += [title, *(_row(row, pick) for row in summary.marks), ""]
    return "\n".join(lines)


def _marks(marks: Iterable[Mark]) -> Iterator[str]:
    before_ns: int | None = None
    for mark in marks:
        delta_ns = None if before_ns is None else mark.time_ns - before_ns
        yield _line(mark.name, mark.time_ns, delta_ns)
        before_ns = mark.time_ns


def _row(row: MarkSummary, pick: Callable[[Stats], int]) -> str:
    has_delta = row.delta is not None and row.delta_from
    return _line(row.name, pick(row.at), pick(row.delta) if row.delta and has_delta else None)


def _line(name: str, time_ns: int, delta_ns: int | None) -> str:
    delta = "" if delta_ns is None else f" ({delta_ns / _NS_PER_MS:+.6f})"
    return f" {name}: {time_ns / _NS_PER_MS:.6f}{delta}"
