"""The table that a person reads: marks and their deltas, phases, what failed, what to know."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Boot, Bound, Clock, Mark, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.detail import detail_lines, detail_tables, stats_lines
from qemu_boot_time.report.exits import exits_parts
from qemu_boot_time.report.inside import inside_parts
from qemu_boot_time.report.parts import (
    PIPE,
    Screen,
    counted,
    fitting_width,
    grid,
    ms,
    number,
    printable,
    rendered,
    roomy,
)
from qemu_boot_time.report.start import start_tables
from qemu_boot_time.report.timeline import Timeline, timeline_parts
from qemu_boot_time.report.troubles import failure_lines, suspect_lines, without_result
from qemu_boot_time.report.waterfall import waterfall
from qemu_boot_time.stats.detail import Detail, Details, details_of
from qemu_boot_time.stats.exact import sameness
from qemu_boot_time.stats.likeness import listed
from qemu_boot_time.stats.quantities import Place, names_of
from qemu_boot_time.stats.summary import Stats, Summary, summarise

__all__ = ["ms", "printable", "to_text"]

_NS_PER_MS = 1_000_000
_FROM, _TO, _SD = "95% from", "95% to", "sd"
"""Columns of :class:`Detail`: the ends of the median's interval, and the deviation."""
_ALL = ("n", "median", "mean", "min", "max")
_EXTREMES = ("n", "median", "min", "max")
_ROOMY = ("n", "median", _FROM, _TO, "mean", _SD, "min", "max")


class _Form(NamedTuple):
    """How numbers of one clock are shown."""

    unit: str
    columns: tuple[str, ...]
    """Names of Stats' fields, and of what a Detail has."""
    clock: Clock


_FORMS: Mapping[Clock, _Form] = {
    Clock.TIME: _Form("ms", _ALL, Clock.TIME),
    # A mean of counts that are the same, or should be, says nothing; four of them do not fit.
    Clock.INSTRUCTIONS: _Form("instructions", _EXTREMES, Clock.INSTRUCTIONS),
}
_ROOMY_FORMS: Mapping[Clock, _Form] = {
    **_FORMS,
    Clock.TIME: _Form("ms", _ROOMY, Clock.TIME),
}
"""Where there is room for more."""
_SINCE_MARK = "  since the mark before"
_BOUND_WORDS = {Bound.GE: "the true time is at or after it", Bound.LE: "the true time is before it"}


@dataclass(frozen=True, slots=True)
class Showing:
    """What is shown of a run besides its table."""

    every_boot: bool = False
    stats: bool = False
    """Intervals, spread and oddities of every mark and phase."""
    waterfall: bool = False
    """A picture of the phases, below the tables."""
    screen: Screen = PIPE
    timelines: Sequence[Timeline] = ()
    """Of single boots, all that was seen."""


_PLAIN = Showing()


def to_text(run: Run, showing: Showing = _PLAIN) -> str:
    """Render a run for the screen that it is shown on, in milliseconds or in instructions."""
    summary, details = summarise(run.boots, run.clock), details_of(run.boots, run.clock)
    tables = list(_tables(run, summary, details, showing.screen))
    tables += start_tables(run.boots) if run.clock is Clock.TIME else ()
    tables += detail_tables(details) if showing.stats else ()
    parts: list[RenderableType] = [_headline(run, summary), Text()]
    if showing.every_boot:
        parts += [part for boot in run.boots for part in _one_boot(boot)]
    parts += [part for table in tables for part in (table, Text())]
    if showing.waterfall and (drawn := waterfall(run.boots, summary, showing.screen)):
        parts += [*drawn, Text()]
    parts += [part for each in showing.timelines for part in timeline_parts(each)]
    parts += [part for inside in run.inside for part in inside_parts(inside)]
    parts += exits_parts(run)
    told = stats_lines if showing.stats else detail_lines
    remarks = (
        *told(details),
        *failure_lines(run.boots),
        *suspect_lines(run.boots),
        *_footnotes(run),
    )
    parts += [Text(line) for line in remarks]
    shown = rendered(parts, fitting_width(*tables, screen=showing.screen), showing.screen)
    # A path is there to be copied: it stays on one line, however long.
    lines = [*shown.rstrip().splitlines(), *([printable(run.path)] if run.path else [])]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _headline(run: Run, summary: Summary) -> Text:
    tried = [counted(summary.boots), *without_result(run.boots)]
    words = [
        run.name,
        ", ".join(tried),
        *(f"{_looked(run)} {source}" for source in run.sources),
        run.accelerator,
    ]
    return Text(printable(" · ".join(word for word in words if word)), style="bold")


def _looked(run: Run) -> str:
    """Say of a source that it saw the boots, where anything was seen of them."""
    return "seen by" if any(boot.marks for boot in run.boots) else "watched by"


def _tables(run: Run, summary: Summary, details: Details, screen: Screen) -> Iterator[Table]:
    """Give the two tables, each with what more there is room for."""
    forms = (_ROOMY_FORMS[summary.clock], _FORMS[summary.clock])
    zero = _zero_of(run.boots)
    if summary.marks:
        wide, usual = (partial(_marks_table, summary, details, zero, form) for form in forms)
        yield roomy(wide, usual, screen)
    if summary.phases:
        wide, usual = (partial(_phases_table, summary, details, form) for form in forms)
        yield roomy(wide, usual, screen)


def _cells(
    stats: Stats, form: _Form, detail: Detail | None = None, sign: str = ""
) -> Iterator[str]:
    more = _more(detail)
    yield str(stats.n)
    for column in form.columns[1:]:
        value = more[column] if column in more else getattr(stats, column)
        yield "" if value is None else number(value, form.clock, sign=sign)


def _more(detail: Detail | None) -> Mapping[str, int | None]:
    """Give the columns for which a table needs room; None: so few boots do not tell."""
    interval = detail.median_interval if detail else None
    sd = detail.sd if detail else None
    return {
        _FROM: interval.low if interval else None,
        _TO: interval.high if interval else None,
        _SD: None if sd is None else round(sd),
    }


def _zero_of(boots: Iterable[Boot]) -> str:
    """Say from where times count: from the first mark of each boot, where no exec was seen at all."""
    return "exec" if any(boot.exec_ns is not None for boot in boots if boot.ok) else "first"


def _marks_table(summary: Summary, details: Details, zero: str, form: _Form) -> Table:
    since = f" since {zero}" if summary.clock is Clock.TIME else ""
    table = grid(f"mark ({form.unit}{since})", form.columns)
    for row in summary.marks:
        cells = _cells(row.at, form, details.marks.get(row.name))
        table.add_row(Text(printable(row.name), style="cyan"), *cells)
        if row.delta:
            table.add_row(_SINCE_MARK, *_cells(row.delta, form, sign="+"), style="dim")
    return table


def _phases_table(summary: Summary, details: Details, form: _Form) -> Table:
    rows = {Place(row.name, row.begin, row.end): row for row in summary.rows}
    names = names_of(rows)
    table = grid(f"phase ({form.unit})", (*form.columns, "share"))
    for place, row in rows.items():
        cells = _cells(row.length, form, details.phases.get(place))
        share = "" if row.share is None else f"{row.share:.1%}"
        table.add_row(Text(printable(names[place]), style="cyan"), *cells, share)
    return table


def _one_boot(boot: Boot) -> Iterator[RenderableType]:
    pid = f", pid {boot.pid}" if boot.pid else ""
    title = f"boot {boot.number}{pid}: {boot.outcome}"
    if not boot.marks:
        total = next((f" {ms(p.duration_ns)} ms" for p in boot.phases if p.name == TOTAL), "")
        yield Text(f"{title}{total}")
        return
    table = grid(title, ("ms", "delta"))
    table.add_column("seen by", no_wrap=True)
    before_ns = 0
    for mark in boot.marks:
        table.add_row(
            Text(printable(mark.name), style="cyan"),
            ms(mark.time_ns),
            f"{(mark.time_ns - before_ns) / _NS_PER_MS:+.3f}",
            Text(printable(f"{mark.source} {mark.event}".strip())),
        )
        before_ns = mark.time_ns
    yield from (table, Text())


def _footnotes(run: Run) -> Iterator[str]:
    stand_ins: dict[tuple[str, Bound], dict[tuple[str, str], list[tuple[int, Mark]]]] = {}
    for boot in run.boots:
        for mark in boot.marks:
            if mark.bound is not Bound.EXACT:
                seen = stand_ins.setdefault((mark.source, mark.bound), {})
                seen.setdefault((mark.name, mark.event), []).append((boot.number, mark))
    several = sum(map(len, stand_ins.values())) > len(
        {name for seen in stand_ins.values() for name, _ in seen}
    )
    for (source, bound), seen in stand_ins.items():
        names = dict.fromkeys(name for name, _ in seen)
        if len(names) > 1:
            places = ", ".join(f"{name}{_reach(seen, name)}" for name in names)
            yield printable(f"note: {source} only bounds {places}: {_BOUND_WORDS[bound]}")
            continue
        for (name, event), marks in seen.items():
            where = f" in boot {listed([boot for boot, _ in marks])}" if several else ""
            words = f"{_BOUND_WORDS[bound]}{_reach(seen, name)}"
            yield printable(f"note: {name} is a stand-in{where}, {event}: {words}")
    for note in (*_sameness(run.boots), *run.notes):
        yield f"note: {printable(note)}"


def _reach(seen: Mapping[tuple[str, str], Sequence[tuple[int, Mark]]], name: str) -> str:
    """Say how long after its stamps one place may lie at most, where the source knows.

    The error of a stamp that comes after its place is another one: how late it may be.
    """
    found = (mark for (bounded, _), marks in seen.items() for _, mark in marks if bounded == name)
    off_ns = max((mark.error_ns for mark in found if mark.bound is Bound.GE), default=0)
    return f" (by {ms(off_ns)} ms at most)" if off_ns else ""


def _sameness(boots: Iterable[Boot]) -> Iterator[str]:
    """Say whether boots that were counted are the same, and if not, where two of them part."""
    found = sameness(boots)
    if found is None:
        return
    parting = found.parting
    if parting is None:
        yield f"instructions: the same at each of {found.marks} marks in {found.boots} boots"
        return
    where = f"between {parting.after} and {parting.at}" if parting.after else f"at {parting.at}"
    one, other = (f"{count:,}" for count in parting.counts)
    yield f"instructions: boots {parting.first} and {parting.second} part {where}: {one} and {other}"
