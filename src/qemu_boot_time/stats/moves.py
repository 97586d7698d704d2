"""How far each phase of a run has moved from its baseline, as budgets ask for it.

Runs that were measured in time are compared by ranks, runs of instructions count by count; here both
look the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum

from qemu_boot_time.model import EXEC, Clock, Run
from qemu_boot_time.stats import compare as by_ranks
from qemu_boot_time.stats import exact
from qemu_boot_time.stats.compare import Change, Comparison, judged
from qemu_boot_time.stats.gates import Limit, Motion, Unit
from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.quantities import Place, mark_times
from qemu_boot_time.stats.verdict import Margin, Verdict

_NS_PER_MS = 1_000_000
_WOBBLES = "the boots of one side differ by more than the sides do"


class NothingKnown(Exception):  # noqa: N818  # no error: an answer
    """There is nothing to judge by; says why, in words that follow "cannot be judged"."""


@dataclass(frozen=True, slots=True)
class Moves:
    """A run less its baseline."""

    clock: Clock
    phases: tuple[Change, ...]
    """Of each phase that both have, and of the total."""
    marks: tuple[Change, ...] = ()
    doubt: str = ""
    """Why the two may not be compared; empty: they may."""


class Shown(Enum):
    """What a comparison shows of "slower than", or of "faster than"."""

    SO = "so"
    NOT_SO = "not so"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of "slower than", or of "faster than"."""

    shown: Shown
    line: str
    shift: int
    """In nanoseconds, or instructions."""


def moves_between(
    first: Run, second: Run, margin: Margin, found: Comparison | None = None
) -> Moves:
    """Compare a run with its baseline, which comes first, on the clock that both were measured in.

    ``found`` is what comparing them in time came to, where somebody did already.
    """
    if first.clock is not second.clock:
        return nothing_shown(
            f"the baseline was measured in {first.clock}, the run in {second.clock}"
        )
    marks = tuple(_marks(first, second, margin))
    if first.clock is Clock.INSTRUCTIONS:
        return Moves(first.clock, _counts(first, second), marks)
    found = found or by_ranks.compare(first, second, margin)
    return Moves(first.clock, (*found.phases, found.total), marks)


def nothing_shown(doubt: str) -> Moves:
    """Give what two runs show that may not be compared, and why they may not."""
    return Moves(Clock.TIME, (), doubt=doubt)


def _counts(first: Run, second: Run) -> tuple[Change, ...]:
    found = exact.compare(first, second)
    shifts = (*found.phases, *([found.total] if found.total else ()))
    return tuple(_change_of(shift) for shift in shifts)


def _change_of(shift: exact.Shift) -> Change:
    verdict = shift.verdict
    return Change(
        place=Place(shift.name, shift.begin, shift.end),
        n=(1, 1),
        medians=(shift.first, shift.second),
        margin=0,
        shift=shift.second - shift.first,
        interval=Interval(shift.low, shift.high),
        p=None,
        verdict=verdict,
        reason=_WOBBLES if verdict is Verdict.UNDECIDED else "",
    )


def _marks(first: Run, second: Run, margin: Margin) -> Iterable[Change]:
    clock = first.clock
    sides = [mark_times(run.boots, clock) for run in (first, second)]
    for name in sides[0]:
        one, other = (list(side.get(name, {}).values()) for side in sides)
        place = Place(name, EXEC, name)
        if other and clock is Clock.TIME:
            yield by_ranks.change_of(one, other, margin, place)
        elif other:
            low, high = min(other) - max(one), max(other) - min(one)
            yield _change_of(exact.Shift(*place, min(one), min(other), low, high))


def moved(moves: Moves, condition: Motion) -> Answer:
    """Say whether a quantity is slower, or faster, than its baseline by more than the limit.

    It is where the comparison says so and its estimate lies beyond the limit; nothing is shown where
    the interval alone reaches beyond it. A limit below the margin is the margin then. Raises
    NothingKnown where the sides, or their boots, allow no answer.
    """
    if moves.doubt:
        raise NothingKnown(moves.doubt)
    change = _change(moves, condition.quantity)
    limit = _length(condition.limit, change, moves.clock)
    if limit < change.margin:
        change = judged(replace(change, margin=limit, reason="", more=None))
    if change.interval is None or change.shift is None:
        raise NothingKnown(change.reason)
    sign = 1 if condition.direction is Verdict.SLOWER else -1
    farthest = max(sign * change.interval.low, sign * change.interval.high)
    words = _words(change, moves.clock)
    if change.verdict is condition.direction and sign * change.shift > limit:
        return Answer(Shown.SO, f"it is {words}", change.shift)
    if farthest > limit and change.verdict in {Verdict.UNDECIDED, condition.direction}:
        return Answer(
            Shown.NEITHER, f"not shown either way: {words}{_advice(change)}", change.shift
        )
    return Answer(Shown.NOT_SO, f"it is {words}", change.shift)


def _change(moves: Moves, name: str) -> Change:
    """Find what became of a quantity; a phase comes before a mark of its name."""
    phases = [change for change in moves.phases if change.name == name]
    own = phases or [change for change in moves.marks if change.name == name]
    if len(own) > 1:
        places = " and ".join(f"{change.place.begin}..{change.place.end}" for change in own)
        raise NothingKnown(f"{name} is {places}")
    if own:
        return own[0]
    known = {change.name for change in (*moves.phases, *moves.marks)} - {name}
    near = get_close_matches(name, known, n=1)
    guess = f"; {near[0]}?" if near else ""
    raise NothingKnown(f"no {name!r} that both the run and its baseline have{guess}")


def _length(limit: Limit, change: Change, clock: Clock) -> int:
    if limit.unit is Unit.PERCENT:
        first = change.medians[0]
        if not first:
            raise NothingKnown(f"{change.name} takes 0 in the baseline, so no share of it is known")
        return round(first * float(limit.value) / 100)
    if (limit.unit is Unit.TIME) is not (clock is Clock.TIME):
        raise NothingKnown(f"both were measured in {clock}, the limit is in another unit")
    return int(limit.value)


def _words(change: Change, clock: Clock) -> str:
    """Say how far it moved: in its unit and in per cent, with the interval where it is not one point."""
    assert change.shift is not None and change.interval is not None  # noqa: S101, PT018  # by the caller
    interval = change.interval
    percent = change.percent(change.shift)
    share = "" if percent is None else f" ({percent:+.2f} %)"
    low, high = _number(interval.low, clock), _number(interval.high, clock)
    unit = "ms" if clock is Clock.TIME else "instructions"
    between = "" if low == high else f", between {low} and {high} {unit}"
    return f"{_number(change.shift, clock)} {unit}{share}{between}"


def _number(length: int, clock: Clock) -> str:
    return f"{length / _NS_PER_MS:+.3f}" if clock is Clock.TIME else f"{length:+,}"


def _advice(change: Change) -> str:
    if change.more is None:
        return f"; {change.reason}" if change.reason else ""
    return f"; {change.more} more boots a side would settle it"
