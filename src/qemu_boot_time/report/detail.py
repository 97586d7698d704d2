"""What a run tells a person beyond its table: lines that always follow it, tables for who asks."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Clock
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.parts import grid, ms, number, printable, unit
from qemu_boot_time.stats.detail import Detail, Details
from qemu_boot_time.stats.intervals import FEWEST, Interval, least_values
from qemu_boot_time.stats.likeness import listed
from qemu_boot_time.stats.modes import Modes
from qemu_boot_time.stats.oddities import Drift

_SHARES = {"p90": 0.90, "p95": 0.95, "p99": 0.99}
_SPREAD = ("sd", "CV", *_SHARES)
_INTERVALS = ("median", "from", "to", "mean", "from", "to")
_LEAST_P = 0.001


def detail_lines(details: Details) -> Iterator[str]:
    """Say what a reader of the table must know: how sure its total is, and what is odd about it."""
    total = details.phases.get(details.total) if details.total else None
    yield from _how_sure(total, details.clock)
    if total is not None:
        yield from _oddities(TOTAL, total, details.clock)
    yield from _separated(details)


def stats_lines(details: Details) -> Iterator[str]:
    """Say it of every mark and phase, and which percentiles so few boots do not tell."""
    total = details.phases.get(details.total) if details.total else None
    yield from _how_sure(total, details.clock)
    for name, detail in _rows(details):
        yield from _oddities(name, detail, details.clock)
    yield from _separated(details)
    most = max((detail.n for _, detail in _rows(details)), default=0)
    missing = [f"{p} {least_values(s)}" for p, s in _SHARES.items() if most < least_values(s)]
    if missing:
        if most < FEWEST:
            missing = [f"an interval {FEWEST}", *missing]
        yield f"note: boots that it takes to know {', '.join(missing)}"


def _rows(details: Details) -> Iterator[tuple[str, Detail]]:
    for name, detail in details.marks.items():
        yield printable(name), detail
    for place, detail in details.phases.items():
        yield printable(place.name), detail


def _how_sure(total: Detail | None, clock: Clock) -> Iterator[str]:
    if total and total.median_interval and clock is Clock.TIME:
        yield f"total: {_surely(total, total.median_interval)}"


def _surely(total: Detail, interval: Interval) -> str:
    words = f"median {ms(round(total.median))} ms"
    words += f", 95% interval [{ms(interval.low)}, {ms(interval.high)}]"
    return words + (f", deviation {total.cv:.1%}" if total.cv is not None else "")


def modes_in_words(modes: Modes, clock: Clock = Clock.TIME) -> str:
    """Say where they lie and how many boots each has."""
    each = ", ".join(f"{number(mode.at, clock)} ({mode.share:.0%})" for mode in modes.modes)
    p = f"p < {_LEAST_P}" if modes.p < _LEAST_P else f"p {modes.p:.3f}"
    return f"{len(modes.modes)}: {each} {unit(clock)}; {p}"


def _separated(details: Details) -> Iterator[str]:
    """Say which phase makes the total's modes."""
    if details.total is None or details.phases[details.total].modes is None:
        return
    if len(details.phases) == 1:  # a list of totals
        return
    separator = details.separator
    if separator is None:
        yield "modes: no phase alone parts them"
        return
    apart = _with_unit(number(separator.apart, details.clock), details.clock)
    yield f"modes: {printable(separator.place.name)} parts them: {apart}, {separator.share:.0%} of it"


def _drift_in_words(drift: Drift, clock: Clock) -> str:
    words = []
    if start := drift.start:
        boots = "the first boot" if start.boots == 1 else f"the first {start.boots} boots"
        longer = _with_unit(number(start.longer, clock), clock)
        words.append(f"of {boots} {longer} longer than of the rest: --warmup {start.boots}")
    if trend := drift.trend:
        low, high = (number(round(end), clock, sign="+") for end in trend.interval)
        slope = _with_unit(number(round(trend.slope), clock, sign="+"), clock)
        words.append(f"changes by {slope} a boot, 95% interval [{low}, {high}]")
    return "; ".join(words)


def detail_tables(details: Details) -> tuple[Table, ...]:
    """Give a table of intervals and one of spread, marks and phases in each."""
    intervals = grid(f"95% intervals ({unit(details.clock)})", _INTERVALS)
    spread = grid(f"spread ({unit(details.clock)})", _SPREAD)
    for name, detail in _rows(details):
        intervals.add_row(Text(name, style="cyan"), *_interval_cells(detail, details.clock))
        spread.add_row(Text(name, style="cyan"), *_spread_cells(detail, details.clock))
    return intervals, spread


def _oddities(name: str, detail: Detail, clock: Clock) -> Iterator[str]:
    if detail.modes:
        yield f"modes: {name} has {modes_in_words(detail.modes, clock)}"
    if detail.outliers:
        far = [f"{o.boot} ({number(o.far, clock, sign='+')})" for o in detail.outliers]
        yield f"outliers: {name} of boot {listed(far)}"
    if detail.drift:
        yield f"drift: {name} {_drift_in_words(detail.drift, clock)}"


def _with_unit(text: str, clock: Clock) -> str:
    return f"{text} {unit(clock)}"


def _interval_cells(detail: Detail, clock: Clock) -> Iterator[str]:
    centres = (detail.median, detail.mean)
    intervals = (detail.median_interval, detail.mean_interval)
    for centre, interval in zip(centres, intervals, strict=True):
        yield number(round(centre), clock)
        yield from (
            (number(interval.low, clock), number(interval.high, clock)) if interval else ("", "")
        )


def _spread_cells(detail: Detail, clock: Clock) -> Iterator[str]:
    yield "" if detail.sd is None else number(round(detail.sd), clock)
    yield "" if detail.cv is None else f"{detail.cv:.2%}"
    for name in _SHARES:
        value = getattr(detail, name)
        yield "" if value is None else number(value, clock)
