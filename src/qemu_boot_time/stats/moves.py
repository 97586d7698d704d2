"""How far each phase of a run has moved from its baseline, as budgets ask for it.

Runs that were measured in time are compared by ranks, runs of instructions count by count; here both
look the same.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum

from qemu_boot_time.model import EXEC, Clock, Run
from qemu_boot_time.stats import compare as by_ranks
from qemu_boot_time.stats import exact
from qemu_boot_time.stats.compare import Change, Comparison, judged
from qemu_boot_time.stats.gates import Limit, Motion, Unit
from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.quantities import Place, mark_times, phase_lengths
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
    """Of each phase that both have, and of the total: what is shown of a comparison."""
    named: tuple[Change, ...] = ()
    """Of each phase and mark that a budget names, judged as a family of their own: who names one
    phase beforehand pays for no other."""
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
    first: Run,
    second: Run,
    named: Collection[str] = (),
    *,
    found: Comparison | None = None,
    times: int = 1,
    margin: Margin = exact.NO_MARGIN,
) -> Moves:
    """Compare a run with its baseline, which comes first, on the clock that both were measured in.

    ``named`` are the quantities that budgets compare, ``found`` is what comparing the two in time came
    to, where somebody did already; ``times`` so many pairs are judged (configurations); ``margin`` is
    that of counts.
    """
    if first.clock is not second.clock:
        return nothing_shown(
            f"the baseline was measured in {first.clock}, the run in {second.clock}"
        )
    sides = [_quantities(run) if named else {} for run in (first, second)]
    both = {
        place: [list(side[place].values()) for side in sides]
        for place in sides[0]
        if place in sides[1] and place.name in set(named)
    }
    if first.clock is Clock.INSTRUCTIONS:
        shifts = [exact.shift_between(place, *values) for place, values in both.items()]
        return Moves(first.clock, _counts(first, second, margin), tuple(map(_change_of, shifts)))
    found = found or by_ranks.compare(first, second, Margin())
    changes = [by_ranks.measured(place, Margin(), *values) for place, values in both.items()]
    family = by_ranks.judged_family(changes, times)
    return Moves(first.clock, (*found.phases, found.total), tuple(family))


def _quantities(run: Run) -> Mapping[Place, Mapping[int, int]]:
    """Give the phases, and the marks that no phase shares its name with."""
    phases = phase_lengths(run.boots, run.clock)
    names = {place.name for place in phases}
    marks = mark_times(run.boots, run.clock)
    own = {Place(name, EXEC, name): at for name, at in marks.items() if name not in names}
    return {**phases, **own}


def nothing_shown(doubt: str) -> Moves:
    """Give what two runs show that may not be compared, and why they may not."""
    return Moves(Clock.TIME, (), doubt=doubt)


def _counts(first: Run, second: Run, margin: Margin) -> tuple[Change, ...]:
    found = exact.compare(first, second, margin)
    shifts = (*found.phases, *([found.total] if found.total else ()))
    return tuple(_change_of(shift) for shift in shifts)


def _change_of(shift: exact.Shift) -> Change:
    verdict = shift.verdict
    return Change(
        place=Place(shift.name, shift.begin, shift.end),
        n=(1, 1),
        medians=(shift.first, shift.second),
        margin=shift.margin,
        shift=shift.second - shift.first,
        interval=Interval(shift.low, shift.high),
        p=shift.p,
        verdict=verdict,
        reason=_WOBBLES if verdict is Verdict.UNDECIDED else "",
    )


def moved(moves: Moves, condition: Motion) -> Answer:
    """Say whether a quantity is slower, or faster, than its baseline by more than the limit.

    It is where the comparison says so and its estimate lies beyond the limit; nothing is shown where
    the interval alone reaches beyond it. The limit is the margin. Raises NothingKnown where the sides, or
    their boots, allow no answer.
    """
    if moves.doubt:
        raise NothingKnown(moves.doubt)
    change = _change(moves, condition.quantity)
    limit = _length(condition.limit, change, moves.clock)
    if moves.clock is Clock.TIME and change.interval is not None:
        _check_attainable(change, len(moves.named))
        change = judged(replace(change, margin=limit), len(moves.named))
    interval, shift = change.interval, change.shift
    if interval is None or shift is None:
        raise NothingKnown(change.reason)
    sign = 1 if condition.direction is Verdict.SLOWER else -1
    farthest = max(sign * interval.low, sign * interval.high)
    words = _words(change, moves.clock)
    if change.verdict is condition.direction and sign * shift > limit:
        return Answer(Shown.SO, f"it is {words}", shift)
    if farthest > limit and change.verdict in {Verdict.UNDECIDED, condition.direction}:
        return Answer(Shown.NEITHER, f"not shown either way: {words}{_advice(change)}", shift)
    return Answer(Shown.NOT_SO, f"it is {words}", shift)


def _change(moves: Moves, name: str) -> Change:
    own = [change for change in moves.named if change.name == name]
    if len(own) > 1:
        places = " and ".join(f"{change.place.begin}..{change.place.end}" for change in own)
        raise NothingKnown(f"{name} is {places}")
    if own:
        return own[0]
    near = get_close_matches(name, {change.name for change in moves.phases} - {name}, n=1)
    guess = f"; {near[0]}?" if near else ""
    raise NothingKnown(f"no {name!r} that both the run and its baseline have{guess}")


def _check_attainable(change: Change, family: int) -> None:
    """Raise NothingKnown where so few boots show nothing, however far the sides are apart."""
    least = family * 2 / math.comb(sum(change.n), change.n[0])
    if least > by_ranks.ALPHA:
        first, second = change.n
        raise NothingKnown(f"{first} against {second} boots show nothing of {family} budgets")


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
    return f"; {change.more} more boots a side would settle this budget"
