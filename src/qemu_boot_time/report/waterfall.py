"""A waterfall in characters: where each phase lies, and how long it is.

A bar goes from the median of its phase's begins to the median of its ends; the number beside it is
the median of the phase itself, as in the table. The two need not agree to the last column.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from qemu_boot_time.model import EXEC, Boot, Clock, Phase
from qemu_boot_time.phases import TOTAL, UNACCOUNTED, gaps, split_at_total
from qemu_boot_time.report.parts import BLOCKS, Screen, Signs, number, printable, unit
from qemu_boot_time.stats.quantities import Place, names_of
from qemu_boot_time.stats.summary import Summary

CAPTION = "bars go from the median begin to the median end; numbers are median lengths"

_GAP = "  "
_LONGEST_NAME = 32
_CUT = ".."
_TITLES = {clock: f"phase ({unit(clock)})" for clock in Clock}
_MEDIAN = "median"
_LEAST_BARS = 12
_TWO_SIDES = ("first", "second")
_HALVES = ((True, True), (True, False), (False, True))
_SIGNS = {
    Signs.BLOCKS: dict(zip(_HALVES, BLOCKS, strict=False)),
    Signs.ASCII: dict.fromkeys(_HALVES, "#"),
}
"""By which halves of a column a bar covers."""
_THIN = {Signs.BLOCKS: BLOCKS[-1], Signs.ASCII: "|"}
"""Of what is shorter than half a column."""
_STYLES = {UNACCOUNTED: "yellow", TOTAL: "dim"}
_STYLES_OF_SIDES = {"": "green", "first": "blue", "second": "green"}


class _Extent(NamedTuple):
    """One stretch of the scale, in the unit of the clock."""

    begin: float
    end: float


_Extents = Mapping[Place, tuple[_Extent, ...]]


class _Row(NamedTuple):
    """One phase of one side."""

    label: str
    side: str
    name: str
    length: float | None
    """The median of the phase's own lengths; None: this side has none."""
    extents: tuple[_Extent, ...]


def waterfall(boots: Iterable[Boot], summary: Summary, screen: Screen) -> list[Text]:
    """Draw the phases of a run on one scale, one line each; where there are none, nothing.

    ``summary`` is that of ``boots``, and says what is drawn, and on what clock.
    """
    medians = {Place(row.name, row.begin, row.end): row.length.median for row in summary.rows}
    extents = _extents(boots, summary.clock)
    names = names_of(medians)
    rows = [
        _Row(names[place], "", place.name, length, extents.get(place, ()))
        for place, length in medians.items()
    ]
    return _drawn(rows, summary.clock, screen)


def waterfall_of_sides(
    sides: tuple[Iterable[Boot], Iterable[Boot]],
    medians: Iterable[tuple[Place, tuple[float | None, float | None]]],
    clock: Clock,
    screen: Screen,
) -> list[Text]:
    """Draw what was compared of two runs: each phase of the first above that of the second.

    ``medians`` are what is drawn: phases, and how long either side takes for them, in the unit of ``clock``.
    """
    medians = list(medians)
    names = names_of(place for place, _ in medians)
    lie = [_extents(boots, clock) for boots in sides]
    rows = [
        _Row(names[place], side, place.name, length, extents.get(place, ()))
        for place, lengths in medians
        for side, length, extents in zip(_TWO_SIDES, lengths, lie, strict=True)
    ]
    return _drawn(rows, clock, screen)


# --- where bars lie ---------------------------------------------------------------------------


def _extents(boots: Iterable[Boot], clock: Clock) -> _Extents:
    """Give where the phases of the boots that count lie, and what is unaccounted of their totals."""
    good = [boot for boot in boots if boot.ok]
    ending: dict[Place, list[Boot]] = defaultdict(list)
    for boot in good:
        total = split_at_total(boot.phases).total
        if total is not None:
            ending[_place(total)].append(boot)
    rests = {
        total._replace(name=UNACCOUNTED): _rest(total, those, clock)
        for total, those in ending.items()
    }
    return {**{place: (lie,) for place, lie in _middles(good, clock).items()}, **rests}


def _rest(total: Place, boots: Sequence[Boot], clock: Clock) -> tuple[_Extent, ...]:
    """Give what of a total none of its parts covers, where they lie in the boots that end there."""
    lie = _middles(boots, clock)
    if total not in lie:
        return ()
    parts = {_place(part) for boot in boots for part in split_at_total(boot.phases).parts}
    covered = [extent for place, extent in lie.items() if place in parts]
    return tuple(_Extent(*gap) for gap in gaps(lie[total], covered))


def _middles(boots: Iterable[Boot], clock: Clock) -> Mapping[Place, _Extent]:
    ends: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    for boot in boots:
        for phase in boot.phases:
            begin, length = begin_of(boot, phase, clock), phase.length(clock)
            if begin is not None and length is not None:
                ends[_place(phase)].append((begin, begin + length))
    return {place: _middle(lie) for place, lie in ends.items()}


def _place(phase: Phase) -> Place:
    return Place(phase.name, phase.begin, phase.end)


def begin_of(boot: Boot, phase: Phase, clock: Clock) -> int | None:
    """Give where on this clock a phase begins; a phase itself knows it in time alone."""
    if clock is Clock.TIME or phase.begin == EXEC:
        return phase.begin_ns
    at = (phase.begin, phase.begin_ns)
    return next((mark.at(clock) for mark in boot.marks if (mark.name, mark.time_ns) == at), None)


def _middle(ends: Sequence[tuple[int, int]]) -> _Extent:
    return _Extent(median(begin for begin, _ in ends), median(end for _, end in ends))


# --- drawing ----------------------------------------------------------------------------------


class _Scale(NamedTuple):
    """What half columns stand for."""

    begin: float
    end: float
    columns: int

    def half(self, at: float) -> int:
        """Give the half column that a place on the clock begins at."""
        whole = self.end - self.begin
        return round((at - self.begin) / whole * 2 * self.columns) if whole else 0


class _Layout(NamedTuple):
    """How wide what is, in columns."""

    names: int
    sides: int
    """0: there is one side, which needs no name."""
    bars: int
    numbers: int


def _drawn(rows: Sequence[_Row], clock: Clock, screen: Screen) -> list[Text]:
    extents = [extent for row in rows for extent in row.extents]
    if not extents:
        return []
    layout = _layout(rows, clock, screen)
    low, high = min(0, *(e.begin for e in extents)), max(e.end for e in extents)
    scale = _Scale(low, high, layout.bars)
    ruler = _ruler(number(round(low), clock), number(round(high), clock), layout.bars)
    head = _line(layout, _TITLES[clock], "", Text(ruler), _MEDIAN)
    head.stylize("bold")
    lines, before = [head], ""
    for row in rows:
        label = "" if row.side and row.label == before else row.label
        bar = Text(_bar(row.extents, scale, screen.signs), _style(row))
        lines.append(_line(layout, label, row.side, bar, _length(row, clock)))
        before = row.label
    return [*lines, Text(CAPTION, style="dim")]


def _layout(rows: Iterable[_Row], clock: Clock, screen: Screen) -> _Layout:
    rows = list(rows)
    names = max(cell_len(_shown(name)) for name in (_TITLES[clock], *(r.label for r in rows)))
    sides = max(len(row.side) for row in rows)
    numbers = max(len(length) for length in (_MEDIAN, *(_length(row, clock) for row in rows)))
    taken = names + sides + numbers + len(_GAP) * (2 + bool(sides))
    return _Layout(names, sides, max(_LEAST_BARS, screen.width - taken), numbers)


def _length(row: _Row, clock: Clock) -> str:
    return "" if row.length is None else number(round(row.length), clock)


def _shown(label: str) -> str:
    """Give a name that leaves room for its bar."""
    text = printable(label)
    if cell_len(text) <= _LONGEST_NAME:
        return text
    return set_cell_size(text, _LONGEST_NAME - len(_CUT)) + _CUT


def _line(layout: _Layout, label: str, side: str, bar: Text, length: str) -> Text:
    line = Text(no_wrap=True)
    line.append(set_cell_size(_shown(label), layout.names), "cyan")
    line.append(f"{_GAP}{side:{layout.sides}}" if layout.sides else "")
    line.append(_GAP).append_text(bar)
    return line.append(f"{_GAP}{length:>{layout.numbers}}")


def _ruler(low: str, high: str, columns: int) -> str:
    """Say what the two ends of the bars stand for."""
    return f"{low}{high:>{columns - len(low)}}" if len(low) + len(high) < columns else " " * columns


def _bar(extents: Iterable[_Extent], scale: _Scale, signs: Signs) -> str:
    halves = [False] * (2 * scale.columns)
    thin = set()
    for extent in extents:
        begin, end = scale.half(extent.begin), scale.half(extent.end)
        halves[begin:end] = [True] * (end - begin)
        if begin >= end and extent.begin < extent.end:
            thin.add(min(begin // 2, scale.columns - 1))
    pairs = zip(halves[::2], halves[1::2], strict=True)
    return "".join(
        _SIGNS[signs].get(pair, _THIN[signs] if column in thin else " ")
        for column, pair in enumerate(pairs)
    )


def _style(row: _Row) -> str:
    return _STYLES.get(row.name, _STYLES_OF_SIDES[row.side])
