"""The numbers of the page, as a template takes them: text is printable, escaping is the template's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from qemu_boot_time.exits import Counter
from qemu_boot_time.model import Clock, Inside, Run
from qemu_boot_time.report.detail import detail_lines
from qemu_boot_time.report.facts import facts_of
from qemu_boot_time.report.inside import MOST, parted
from qemu_boot_time.report.parts import number, printable
from qemu_boot_time.report.rows import place_name
from qemu_boot_time.report.troubles import failure_lines, suspect_lines
from qemu_boot_time.stats.compare import Change
from qemu_boot_time.stats.detail import Detail, Details
from qemu_boot_time.stats.intervals import Interval, median_interval, percentile
from qemu_boot_time.stats.moves import Moves
from qemu_boot_time.stats.quantities import mark_times
from qemu_boot_time.stats.summary import Stats, stats_of

COLUMNS = ("n", "median", "from", "to", "mean", "min", "max", "p95")
"""Of a quantity; from and to are the median's 95 % interval."""
CHANGE_COLUMNS = ("first", "second", "shift", "from", "to", "%", "verdict")
SPAN_COLUMNS = ("begin", "end", "length")
MOST_SPANS = 3 * MOST
"""So many spans of a boot that looked inside are in the table."""


class Cell(NamedTuple):
    """One number."""

    text: str
    value: int | None = None
    """The number itself, in ns or instructions; None: nobody knows, or it is no such number."""


class Row(NamedTuple):
    """One line of a table."""

    name: str
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """One table."""

    title: str
    """Also of its first column."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def phase_table(run: Run, details: Details) -> Table:
    """Give the numbers of each phase."""
    names = [place.name for place in details.phases]
    rows = [
        Row(place_name(place, names), tuple(_numbers(detail, run.clock)))
        for place, detail in details.phases.items()
    ]
    return Table(f"phase ({unit(run.clock)})", COLUMNS, tuple(rows))


def mark_table(run: Run) -> Table:
    """Give the numbers of each mark, in the order of their medians."""
    times = mark_times(run.boots, run.clock)
    values = {printable(name): list(by_boot.values()) for name, by_boot in times.items()}
    ordered = sorted(values, key=lambda name: stats_of(values[name]).median)
    rows = [Row(name, tuple(_numbers_of(values[name], run.clock))) for name in ordered]
    since = " since exec" if run.clock is Clock.TIME else ""
    return Table(f"mark ({unit(run.clock)}{since})", COLUMNS, tuple(rows))


def overview(runs: Sequence[Run], details: Sequence[Details]) -> Table:
    """Give the totals of several runs, without a verdict."""
    rows = [
        Row(printable(run.name), tuple(_numbers(each.phases[each.total], run.clock)))
        for run, each in zip(runs, details, strict=True)
        if each.total
    ]
    units = dict.fromkeys(unit(run.clock) for run in runs)
    return Table(f"total ({', '.join(units)})", COLUMNS, tuple(rows))


def change_table(moves: Moves) -> Table:
    """Give what moved."""
    rows = [Row(printable(each.name), tuple(_change(each, moves.clock))) for each in moves.phases]
    return Table(f"phase ({unit(moves.clock)})", CHANGE_COLUMNS, tuple(rows))


def span_table(inside: Inside) -> Table:
    """Give what the guest told of: its stages and targets, then the slowest of all others."""
    stages, targets, others = parted(inside)
    slowest = sorted(others, key=lambda span: -span.duration_ns)[:MOST_SPANS]
    rows = [
        Row(
            printable(span.name),
            tuple(_cell(ns, Clock.TIME) for ns in (span.begin_ns, span.end_ns, span.duration_ns)),
        )
        for span in [*stages, *targets, *slowest]
    ]
    of = f"the {len(slowest)} slowest of {len(others)}" if len(slowest) < len(others) else "all"
    return Table(f"{inside.purpose}, {of} (ms since exec)", SPAN_COLUMNS, tuple(rows))


def counter_table(counters: Sequence[Counter]) -> Table:
    """Give the exits of one boot, by phase, kind and device."""
    columns = ("kind", "region", "addresses", "exits", "accesses", "outside, ms")
    return Table("phase: device", columns, tuple(map(_counter, counters)))


def unit(clock: Clock) -> str:
    """Name the unit that a table shows."""
    return "ms" if clock is Clock.TIME else "instructions"


def lines_of(run: Run, details: Details) -> list[str]:
    """Say what a reader of the numbers must know: failures, doubts, oddities, notes."""
    found = [
        *failure_lines(run.boots),
        *suspect_lines(run.boots),
        *([f"damage: {printable(run.damage)}"] if run.damage else ()),
        *detail_lines(details),
        *(f"note: {printable(note)}" for note in run.notes),
    ]
    return list(map(printable, found))


def facts(run: Run) -> dict[str, str]:
    """Say what was measured, when, on what."""
    found = {**facts_of(run), "begun": run.created, "kept at": run.path, "clock": run.clock}
    return {name: printable(str(value)) for name, value in found.items() if value}


def host_facts(run: Run) -> dict[str, str]:
    """Give all that is known of the host, as it is kept."""
    return {
        printable(name): printable(text)
        for name, value in run.host.items()
        if (text := _in_words(value))
    }


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {each}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _numbers_of(values: Sequence[int], clock: Clock) -> Iterator[Cell]:
    stats, interval = stats_of(values), median_interval(values)
    return _number_cells(stats, interval, percentile(values, 0.95), clock)


def _numbers(detail: Detail, clock: Clock) -> Iterator[Cell]:
    median, mean = round(detail.median), round(detail.mean)
    stats = Stats(detail.n, median, mean, detail.min, detail.max)
    return _number_cells(stats, detail.median_interval, detail.p95, clock)


def _number_cells(
    stats: Stats, interval: Interval | None, p95: int | None, clock: Clock
) -> Iterator[Cell]:
    yield Cell(str(stats.n), stats.n)
    ends = (interval.low, interval.high) if interval else (None, None)
    values = (stats.median, *ends, stats.mean, stats.min, stats.max, p95)
    yield from (_cell(value, clock) for value in values)


def _cell(value: int | None, clock: Clock, sign: str = "") -> Cell:
    return Cell("", None) if value is None else Cell(number(value, clock, sign=sign), value)


def _change(change: Change, clock: Clock) -> Iterator[Cell]:
    for median in change.medians:
        yield _cell(None if median is None else round(median), clock)
    interval = change.interval
    ends = (interval.low, interval.high) if interval else (None, None)
    yield from (_cell(value, clock, "+") for value in (change.shift, *ends))
    percent = None if change.shift is None else change.percent(change.shift)
    yield Cell("" if percent is None else f"{percent:+.2f}")
    yield Cell(str(change.verdict))


def _counter(counter: Counter) -> Row:
    outside = Cell("") if counter.outside_ns is None else _cell(counter.outside_ns, Clock.TIME)
    ends = "" if counter.addresses is None else "-".join(f"{each:#x}" for each in counter.addresses)
    cells = (
        Cell(str(counter.kind)),
        Cell(printable(counter.region)),
        Cell(ends),
        Cell(f"{counter.exits:,}", counter.exits),
        Cell(f"{counter.accesses:,}", counter.accesses),
        outside,
    )
    device = counter.device or counter.reason or "nobody's"
    return Row(printable(f"{counter.phase}: {device}"), cells)
