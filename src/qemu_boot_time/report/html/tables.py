"""The numbers of the page, as a template takes them: text is printable, escaping is the template's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, groupby
from typing import NamedTuple

from qemu_boot_time.model import Clock, Inside, Run
from qemu_boot_time.report.detail import detail_lines
from qemu_boot_time.report.exits import COLUMNS as _OF_EXITS
from qemu_boot_time.report.exits import address_range, phase_heading, row_cells, row_name
from qemu_boot_time.report.facts import facts_of
from qemu_boot_time.report.inside import MOST, parted
from qemu_boot_time.report.parts import number, printable, unit
from qemu_boot_time.report.troubles import failure_lines, suspect_lines
from qemu_boot_time.stats.compare import Change
from qemu_boot_time.stats.detail import Detail, Details
from qemu_boot_time.stats.exits import ExitRow, ExitSummary
from qemu_boot_time.stats.intervals import Interval, median_interval, percentile
from qemu_boot_time.stats.moves import Moves
from qemu_boot_time.stats.quantities import mark_times, names_of
from qemu_boot_time.stats.start import PartSummary, summarise_parts
from qemu_boot_time.stats.summary import Stats, stats_of

COLUMNS = ("n", "median", "from", "to", "mean", "min", "max", "p95")
"""Of a quantity; from and to are the median's 95 % interval."""
CHANGE_COLUMNS = ("first", "second", "shift", "from", "to", "%", "verdict")
PART_COLUMNS = ("n", "median", "mean", "min", "max")
SPAN_COLUMNS = ("begin", "end", "length")
EXIT_COLUMNS = (*_OF_EXITS, "addresses")
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
    """Those of which some row knows something: so few boots have no interval, and no percentile."""
    rows: tuple[Row, ...]


def _table(title: str, columns: Sequence[str], rows: Iterable[Row]) -> Table:
    rows = tuple(rows)
    known = [any(row.cells[i].text for row in rows) for i in range(len(columns))]
    shown = (Row(row.name, tuple(compress(row.cells, known))) for row in rows)
    return Table(title, tuple(compress(columns, known)), tuple(shown))


def phase_table(run: Run, details: Details) -> Table:
    """Give the numbers of each phase."""
    names = names_of(details.phases)
    rows = [
        Row(printable(names[place]), tuple(_numbers(detail, run.clock)))
        for place, detail in details.phases.items()
    ]
    return _table(f"phase ({unit(run.clock)})", COLUMNS, rows)


def mark_table(run: Run) -> Table:
    """Give the numbers of each mark, in the order of a boot."""
    times = mark_times(run.boots, run.clock)
    rows = [
        Row(printable(name), tuple(_numbers_of(list(by_boot.values()), run.clock)))
        for name, by_boot in times.items()
    ]
    since = " since exec" if run.clock is Clock.TIME else ""
    return _table(f"mark ({unit(run.clock)}{since})", COLUMNS, rows)


def overview(runs: Sequence[Run], details: Sequence[Details]) -> Table:
    """Give the totals of several runs, without a verdict."""
    rows = [
        Row(printable(run.name), tuple(_numbers(each.phases[each.total], run.clock)))
        for run, each in zip(runs, details, strict=True)
        if each.total
    ]
    units = dict.fromkeys(unit(run.clock) for run in runs)
    return _table(f"total ({', '.join(units)})", COLUMNS, rows)


def change_table(moves: Moves) -> Table:
    """Give what moved."""
    rows = [Row(printable(each.name), tuple(_change(each, moves.clock))) for each in moves.phases]
    return _table(f"phase ({unit(moves.clock)})", CHANGE_COLUMNS, rows)


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
    return _table(f"{inside.purpose}, {of} (ms since exec)", SPAN_COLUMNS, rows)


def part_tables(run: Run) -> list[Table]:
    """Give the parts of QEMU's own start, a table for each phase that has parts."""
    parted = groupby(summarise_parts(run.boots), key=lambda row: row.of)
    return [
        _table(f"part of {printable(of)} (ms)", PART_COLUMNS, map(_part, rows))
        for of, rows in parted
    ]


def exit_tables(summary: ExitSummary) -> list[Table]:
    """Give the exits of the boots that were profiled, a table a phase, as the terminal has them."""
    return [
        _table(f"exits in {phase_heading(phase)}", EXIT_COLUMNS, map(_exit, phase.rows))
        for phase in summary.phases
    ]


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


def _part(row: PartSummary) -> Row:
    length = row.length
    times = (length.median, length.mean, length.min, length.max)
    cells = (Cell(str(length.n), length.n), *(_cell(ns, Clock.TIME) for ns in times))
    return Row(printable(row.name), cells)


def _exit(row: ExitRow) -> Row:
    numbers = (row.exits, row.accesses, row.outside_ns, None)
    cells = [
        Cell(text, number.median if text and number else None)
        for text, number in zip(row_cells(row), numbers, strict=True)
    ]
    addresses = "" if row.addresses is None else address_range(*row.addresses)
    return Row(printable(row_name(row)), (*cells, Cell(addresses)))
