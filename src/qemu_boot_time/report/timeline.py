"""One boot on one clock, row by row: for a terminal and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Boot, Clock, Run
from qemu_boot_time.phases.timeline import (
    Row,
    RowKind,
    timeline_of,
    timeline_of_inside,
    timeline_of_profile,
)
from qemu_boot_time.report.json import plain
from qemu_boot_time.report.parts import grid, ms, printable
from qemu_boot_time.stats.quantities import main_total, median_boot, phase_lengths

MOST = 20
"""As many of what a guest told are shown to a person, the longest; JSON has all."""

_COLUMNS = ("begin", "end", "length")
_DEPTH: Mapping[RowKind, int] = {RowKind.TOTAL: 0, RowKind.PHASE: 1, RowKind.UNACCOUNTED: 1}
_INNER = 2
_NAMED_WITH_DETAIL = {RowKind.UNACCOUNTED, RowKind.EXITS}
_ERRORS = {RowKind.ALIGNMENT_ERROR, RowKind.MARK_ERROR}


class Timeline(NamedTuple):
    """One boot's rows."""

    title: str
    boot: Boot
    rows: tuple[Row, ...]


def timelines_of(run: Run, number: int | None = None) -> list[Timeline]:
    """Give the timeline of one measured boot, then those of the boots that were looked at otherwise.

    ``number`` counts from 1; None: the boot whose total is nearest to the median. Nothing of a measured
    boot is given where there is none of this number, or none that counts.
    """
    boot = _median_boot(run) if number is None else _numbered(run, number)
    found = [] if boot is None else [Timeline(f"boot {boot.number}", boot, timeline_of(boot))]
    found += [
        Timeline(f"inside: {each.purpose}", each.boot, timeline_of_inside(each))
        for each in run.inside
    ]
    found += [
        Timeline(f"profile: boot {each.boot.number}", each.boot, timeline_of_profile(each))
        for each in run.profiles
    ]
    return found


def _numbered(run: Run, number: int) -> Boot | None:
    return next((boot for boot in run.boots if boot.number == number), None)


def _median_boot(run: Run) -> Boot | None:
    lengths = phase_lengths(run.boots, Clock.TIME)
    place = main_total(lengths)
    if place is None:
        return None
    return _numbered(run, median_boot(lengths[place]))


def timeline_parts(timeline: Timeline) -> Iterator[RenderableType]:
    """Render one for a terminal: what lies in what is told by how far it is set in."""
    if not timeline.rows:
        yield from (Text(f"{timeline.title}: nothing was seen of it"), Text())
        return
    shown, left_out = _longest(timeline.rows)
    table = grid(f"{timeline.title} (ms since exec)", _COLUMNS)
    for row in shown:
        _add(table, row)
    yield table
    if left_out:
        spans = sum(row.kind is RowKind.SPAN for row in timeline.rows)
        yield Text(f"the {spans - left_out} longest of {spans} that the guest told; --json has all")
    yield Text()


def _longest(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Leave out the shorter ones of what a guest told; say how many."""
    spans = sorted((row for row in rows if row.kind is RowKind.SPAN), key=_negative_length)
    left_out = set(map(id, spans[MOST:]))
    return [row for row in rows if id(row) not in left_out], len(left_out)


def _negative_length(row: Row) -> int:
    return -row.duration_ns


def _add(table: Table, row: Row) -> None:
    named = f"{row.name} {row.detail}" if row.kind in _NAMED_WITH_DETAIL else row.name
    indent = "  " * _DEPTH.get(row.kind, _INNER)
    style = (
        "dim" if row.kind in _ERRORS else "yellow" if row.kind is RowKind.UNACCOUNTED else "cyan"
    )
    times = (ms(row.begin_ns), ms(row.end_ns), ms(row.duration_ns))
    table.add_row(Text(f"{indent}{printable(named)}", style=style), *times)


def timelines_document(timelines: Sequence[Timeline]) -> list[dict[str, Any]]:
    """Give them for JSON: times in ns since the exec of QEMU."""
    return [
        {"title": each.title, "index": each.boot.index, "rows": [_row(row) for row in each.rows]}
        for each in timelines
    ]


def _row(row: Row) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "name": plain(row.name),
        "begin_ns": row.begin_ns,
        "end_ns": row.end_ns,
        "duration_ns": row.duration_ns,
        "detail": plain(row.detail),
    }
