"""The table that a person reads: marks and their deltas, phases, what failed, what to know."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Boot, Bound, Clock, Mark, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.detail import detail_lines, detail_tables, stats_lines
from qemu_boot_time.report.exits import exits_parts
from qemu_boot_time.report.inside import inside_parts
from qemu_boot_time.report.parts import fitting_width, grid, ms, number, printable
from qemu_boot_time.report.troubles import (
    FAILED,
    INTERRUPTED,
    failure_lines,
    suspect_lines,
    verdict,
)
from qemu_boot_time.stats.detail import details_of
from qemu_boot_time.stats.exact import sameness
from qemu_boot_time.stats.likeness import listed
from qemu_boot_time.stats.quantities import UNACCOUNTED
from qemu_boot_time.stats.summary import Stats, Summary, summarise

__all__ = ["ms", "printable", "to_text"]

_NS_PER_MS = 1_000_000
_ALL = ("n", "median", "mean", "min", "max")
_EXTREMES = ("n", "median", "min", "max")


class _Form(NamedTuple):
    """How numbers of one clock are shown."""

    unit: str
    columns: tuple[str, ...]
    """Names of Stats' fields."""
    clock: Clock


_FORMS: Mapping[Clock, _Form] = {
    Clock.TIME: _Form("ms", _ALL, Clock.TIME),
    # A mean of counts that are the same, or should be, says nothing; four of them do not fit.
    Clock.INSTRUCTIONS: _Form("instructions", _EXTREMES, Clock.INSTRUCTIONS),
}
_SINCE_MARK = "  since the mark before"
_BOUND_WORDS = {Bound.GE: "the true time is at or after it", Bound.LE: "the true time is before it"}


@dataclass(frozen=True, slots=True)
class Showing:
    """What is shown of a run besides its table."""

    every_boot: bool = False
    stats: bool = False
    """Intervals, spread and oddities of every mark and phase."""
    colour: bool = False


_PLAIN = Showing()


def to_text(run: Run, showing: Showing = _PLAIN) -> str:
    """Render a run for a terminal of 80 columns, in milliseconds or in instructions."""
    summary, details = summarise(run.boots, run.clock), details_of(run.boots, run.clock)
    tables = [_marks_table(summary, _zero_of(run.boots))] if summary.marks else []
    tables += [_phases_table(summary)] if summary.phases else []
    tables += detail_tables(details) if showing.stats else ()
    parts: list[RenderableType] = [_headline(run, summary), Text()]
    if showing.every_boot:
        parts += [part for boot in run.boots for part in _one_boot(boot)]
    parts += [part for table in tables for part in (table, Text())]
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
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=fitting_width(*tables),
        force_terminal=showing.colour,
        no_color=not showing.colour,
        highlight=False,
    )
    console.print(Group(*parts), soft_wrap=False)
    # A path is there to be copied: it stays on one line, however long.
    lines = [*stream.getvalue().rstrip().splitlines(), *([printable(run.path)] if run.path else [])]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _headline(run: Run, summary: Summary) -> Text:
    counted = [f"{summary.boots} boot{'s' * (summary.boots != 1)}"]
    verdicts = Counter(verdict(boot) for boot in run.boots if not boot.ok)
    counted += [f"{verdicts[word]} {word}" for word in (FAILED, INTERRUPTED) if verdicts[word]]
    words = [
        run.name,
        ", ".join(counted),
        *(f"seen by {source}" for source in run.sources),
        run.accelerator,
    ]
    return Text(printable(" · ".join(word for word in words if word)), style="bold")


def _cells(stats: Stats, form: _Form, sign: str = "") -> Iterator[str]:
    yield str(stats.n)
    for column in form.columns[1:]:
        yield number(getattr(stats, column), form.clock, sign=sign)


def _zero_of(boots: Iterable[Boot]) -> str:
    """Say from where times count: from the first mark of each boot, where no exec was seen at all."""
    return "exec" if any(boot.exec_ns is not None for boot in boots if boot.ok) else "first"


def _marks_table(summary: Summary, zero: str) -> Table:
    form = _FORMS[summary.clock]
    since = f" since {zero}" if summary.clock is Clock.TIME else ""
    table = grid(f"mark ({form.unit}{since})", form.columns)
    for row in summary.marks:
        table.add_row(Text(printable(row.name), style="cyan"), *_cells(row.at, form))
        if row.delta:
            table.add_row(_SINCE_MARK, *_cells(row.delta, form, sign="+"), style="dim")
    return table


def _phases_table(summary: Summary) -> Table:
    form = _FORMS[summary.clock]
    first_total = next((row for row in summary.phases if row.name == TOTAL), None)
    total = first_total.length if first_total else None
    named = Counter(row.name for row in summary.phases)
    table = grid(f"phase ({form.unit})", (*form.columns, "share"))
    for row in summary.phases:
        if row is first_total and summary.unaccounted:
            _add_phase(table, UNACCOUNTED, summary.unaccounted, total, form)
        name = row.name if named[row.name] == 1 else f"{row.name} ({row.begin}..{row.end})"
        _add_phase(table, name, row.length, total, form)
    return table


def _add_phase(table: Table, name: str, stats: Stats, total: Stats | None, form: _Form) -> None:
    share = f"{stats.mean / total.mean:.1%}" if total and total.mean else ""
    table.add_row(Text(printable(name), style="cyan"), *_cells(stats, form), share)


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
