"""A comparison of times, for a person."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Clock, Kind, Run
from qemu_boot_time.report.detail import modes_in_words
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
    what_settles,
)
from qemu_boot_time.report.troubles import failure_lines_of_sides
from qemu_boot_time.report.waterfall import waterfall_of_sides
from qemu_boot_time.stats.compare import Change, Comparison
from qemu_boot_time.stats.start import PartShift, part_shifts
from qemu_boot_time.stats.verdict import Verdict

_NS_PER_MS = 1_000_000
_COLUMNS = ("first", "second", "shift", "from", "to", "verdict")
_IN_PERCENT = "  in % of first"
_UNLIKELY = 0.05
_STYLES = {
    Verdict.FASTER: "green",
    Verdict.SLOWER: "red",
    Verdict.SAME: "",
    Verdict.UNDECIDED: "yellow",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two runs and what came of comparing them."""

    first: Run
    second: Run
    found: Comparison
    warnings: tuple[str, ...] = ()
    """Why the two may not mean the same thing, where the user has insisted."""


def to_text(compared: Compared, screen: Screen = PIPE, *, waterfall: bool = False) -> str:
    """Render for a screen: each phase, then what it comes to in one sentence.

    ``waterfall``: with a picture of where the phases of either side lie.
    """
    found = compared.found
    table = _table(found)
    width = fitting_width(table, screen=screen)
    sides = compared.first.boots, compared.second.boots
    medians = [(change.place, change.medians) for change in (*found.phases, found.total)]
    drawn = waterfall_of_sides(sides, medians, found.clock, screen) if waterfall else []
    shown = rendered([table, *([Text(), *drawn] if drawn else [])], width, screen)
    titles = (("first:  ", compared.first, 0), ("second: ", compared.second, 1))
    # Two files of one name are told apart by where they lie.
    same = compared.first.name == compared.second.name
    lines = [
        *(f"{title}{_side(run, found, i, name=run.path * same)}" for title, run, i in titles),
        "",
        *shown.rstrip().splitlines(),
        "",
    ]
    for line in (sentence(found), *remarks(compared)):
        lines += _wrapped(line, width)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


def _side(run: Run, found: Comparison, i: int, *, name: str) -> str:
    return f"{printable(name or run.name)}, {counted(found.boots[i], found.failed[i])}"


def _table(found: Comparison) -> Table:
    table = grid("phase (ms)", _COLUMNS)
    table.columns[0].min_width = len(_IN_PERCENT)
    for change in (*found.phases, found.total):
        name = Text(printable(change.name))
        table.add_row(name, *_medians(change), *_row(change), _verdict(change))
        percents = [_percent(change, value) for value in numbers(change)]
        if any(percents):
            table.add_row(_IN_PERCENT, "", "", *percents, "", style="dim")
    return table


def _verdict(change: Change) -> Text:
    return Text(change.verdict, style=_STYLES[change.verdict])


def _medians(change: Change) -> Iterator[str]:
    for median in change.medians:
        yield "" if median is None else ms(round(median))


def numbers(change: Change) -> tuple[int | None, int | None, int | None]:
    """Give the shift and the two ends of its interval; None: nobody knows."""
    interval = change.interval
    ends = (interval.low, interval.high) if interval else (None, None)
    return (change.shift, *ends)


def _row(change: Change) -> Iterator[str]:
    for value in numbers(change):
        yield "" if value is None else number(value, Clock.TIME, sign="+")


def _percent(change: Change, value: int | None) -> str:
    percent = None if value is None else change.percent(value)
    return "" if percent is None else f"{percent:+.2f}"


def sentence(found: Comparison) -> str:
    """Say in words what became of the total, and which phases carry it."""
    total = found.total
    parts = [f"{total.verdict}: {_shift_in_words(total)}", *_carriers(found)]
    unchanged = [
        printable(change.name)
        for change in found.phases
        if change.verdict is Verdict.SAME and any(change.medians)
    ]
    return "; ".join([*parts, *([f"{', '.join(unchanged)} unchanged"] if unchanged else [])])


def _shift_in_words(change: Change) -> str:
    if change.shift is None:
        return change.reason
    percent = _percent(change, change.shift)
    shift, *ends = _alike([value for value in numbers(change) if value is not None])
    interval = f" [{', '.join(ends)}]" if ends else ""
    return f"{shift} ms{interval}" + (f" ({percent} %)" if percent else "")


def _alike(values_ns: Sequence[int]) -> list[str]:
    """Render milliseconds to a tenth, or all of them finer where they are few; the first is a shift."""
    digits = 1 if max(map(abs, values_ns)) >= _NS_PER_MS else 3
    signs = ["+", *[""] * (len(values_ns) - 1)]
    rendered = zip(values_ns, signs, strict=True)
    return [f"{value / _NS_PER_MS:{sign}.{digits}f}" for value, sign in rendered]


def _carriers(found: Comparison) -> Iterator[str]:
    """Say how much of the shift each phase carries that has moved itself."""
    for change in found.moved:
        share = found.share_of(change)
        name = printable(change.name)
        if share is not None and share > 0 and change.shift is not None:
            yield f"{_alike([change.shift])[0].lstrip('+')} ms of it in {name}"
        else:
            yield f"{name} {_shift_in_words(change)}"


def remarks(compared: Compared) -> Iterator[str]:
    """Give what a reader must know beside the table, one line each."""
    found = compared.found
    yield from _within_phases(compared)
    yield from undecided(found.total, found.phases)
    for note in notes(compared):
        yield f"note: {note}"
    for side, modes in zip(("first", "second"), found.modes, strict=True):
        if modes:
            yield f"modes: total of the {side} has {modes_in_words(modes)}"
    for side, places in zip(("first", "second"), found.only, strict=True):
        if places:
            yield f"note: only the {side} has {', '.join(printable(p.name) for p in places)}"
    yield from failure_lines_of_sides(compared.first, compared.second)
    for warning in compared.warnings:
        yield f"warning: {printable(warning)}"


def _within_phases(compared: Compared) -> Iterator[str]:
    """Say in which parts of QEMU's start a phase has moved that was judged to have."""
    moved = {change.place.name for change in compared.found.moved}
    shifts = part_shifts(compared.first.boots, compared.second.boots)
    for of, parts in groupby(shifts, key=lambda part: part.of):
        each = [_part_in_words(part) for part in parts if part.excludes_zero]
        if of in moved and each:
            yield f"in {printable(of)}, each interval by itself: {', '.join(each)}"


def _part_in_words(part: PartShift) -> str:
    interval = part.shift.interval
    ends = (interval.low, interval.high) if interval else ()
    shift, low, high = _alike([part.shift.estimate, *ends])
    return f"{shift} ms [{low}, {high}] in {printable(part.name)}"


def notes(compared: Compared) -> Iterator[str]:
    """Say what a reader must know of the sides together."""
    found = compared.found
    if not _in_turn(compared.first, compared.second):
        yield "not measured in turn: where the host changed meanwhile, that shows as a shift"
    if found.p_failed <= _UNLIKELY:
        first, second = found.failed
        yield f"{first} boots of the first failed, {second} of the second (p {found.p_failed:.2g})"


def _in_turn(first: Run, second: Run) -> bool:
    """Whether the boots of both were mixed; of what is no run of ours nobody knows, so nothing is said."""
    if first.kind is not Kind.RUN or second.kind is not Kind.RUN:
        return True
    return bool(first.measurement) and first.measurement == second.measurement


def undecided(
    total: Change, phases: Iterable[Change], shown: Callable[[str], str] = printable
) -> Iterator[str]:
    """Say why nothing is shown, and what would: of the total, or of phases where only they are open.

    ``shown`` makes text of a name.
    """
    if total.verdict is Verdict.UNDECIDED:
        if total.shift is not None:
            settles = what_settles(total.more, has_interval=total.interval is not None)
            yield f"undecided: {total.reason}; {settles}"
        return
    open_ = [change for change in phases if change.verdict is Verdict.UNDECIDED]
    if open_:
        each = ", ".join(f"{shown(phase.name)} ({_boots_more(phase)})" for phase in open_)
        yield f"undecided, and how many more boots a side would settle it: {each}"


def _boots_more(change: Change) -> str:
    return "too many" if change.more is None else str(change.more)
