"""Budgets judged: what a run and its baseline come to, for each of them.

What cannot be judged is never passed: too few boots, a mark that is not there, a side that means
something else.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from statistics import fmean, median, stdev

from qemu_boot_time.model import Clock, Run
from qemu_boot_time.stats.gates import (
    BOOTS,
    SHARES,
    Gate,
    Kind,
    Motion,
    Operator,
    Statistic,
    Threshold,
    Unit,
)
from qemu_boot_time.stats.intervals import least_values, percentile
from qemu_boot_time.stats.moves import Moves, NothingKnown, Shown, moved
from qemu_boot_time.stats.quantities import Place, mark_times, phase_lengths

_NS_PER_MS = 1_000_000


class State(StrEnum):
    """What became of a budget."""

    HELD = "held"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    """Nothing is shown either way; it counts as kept, and is told."""
    UNKNOWN = "unknown"
    """It cannot be judged; it counts as broken."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A budget, and what became of it."""

    gate: Gate
    state: State
    line: str
    """What it came to: one line, without the condition."""
    value: int | float | None = None
    """What was compared: in nanoseconds, instructions, boots or per cent; None: nothing was."""
    unit: str = ""
    """Of the value: ``ns``, ``instructions``, ``boots``, ``percent``."""
    remark: str = ""
    """What a reader must know although the budget is kept; it is in the line, too."""

    @property
    def breaks(self) -> bool:
        """Whether the answer is no."""
        return self.state in {State.BROKEN, State.UNKNOWN}


_HOLDS: Mapping[Operator, Callable[[Decimal, Decimal], bool]] = {
    Operator.ABOVE: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.BELOW: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.EQUAL: operator.eq,
    Operator.OTHER: operator.ne,
}
_OPPOSITE = {
    Operator.ABOVE: Operator.AT_MOST,
    Operator.AT_LEAST: Operator.BELOW,
    Operator.BELOW: Operator.AT_LEAST,
    Operator.AT_MOST: Operator.ABOVE,
    Operator.EQUAL: Operator.OTHER,
    Operator.OTHER: Operator.EQUAL,
}
_LARGEST_IS_WORST = {Operator.ABOVE, Operator.AT_LEAST}
_SMALLEST_IS_WORST = {Operator.BELOW, Operator.AT_MOST}


def judge(gates: Iterable[Gate], run: Run, moves: Moves | None = None) -> tuple[Judged, ...]:
    """Judge each budget on a run; ``moves`` is how far it lies from its baseline, if it has one."""
    return tuple(_judged(gate, run, moves) for gate in gates)


def _judged(gate: Gate, run: Run, moves: Moves | None) -> Judged:
    try:
        if isinstance(gate.condition, Motion):
            return _motion(gate, gate.condition, moves)
        return _threshold(gate, gate.condition, run)
    except NothingKnown as nothing:
        return Judged(gate, State.UNKNOWN, f"cannot be judged: {nothing}")


def _motion(gate: Gate, condition: Motion, moves: Moves | None) -> Judged:
    if moves is None:
        raise NothingKnown("there is no baseline")
    answer = moved(moves, condition)
    state = {
        (Kind.FAIL_IF, Shown.NOT_SO): State.HELD,
        (Kind.FAIL_IF, Shown.NEITHER): State.UNDECIDED,
        (Kind.REQUIRE, Shown.SO): State.HELD,
    }.get((gate.kind, answer.shown), State.BROKEN)
    unit = "ns" if moves.clock is Clock.TIME else "instructions"
    return Judged(gate, state, answer.line, answer.shift, unit)


# --- a limit ----------------------------------------------------------------------------------


def _threshold(gate: Gate, condition: Threshold, run: Run) -> Judged:
    breaks = condition.operator if gate.kind is Kind.FAIL_IF else _OPPOSITE[condition.operator]
    values, remark = _values(condition, run)
    limit = condition.limit.value
    broken = {at: v for at, v in values.items() if _HOLDS[breaks](Decimal(v), limit)}
    at, value = _worst(breaks, broken or values)
    if remark and not broken and _takes_all(gate.kind, condition.statistic):
        raise NothingKnown(remark)
    state = State.BROKEN if broken else State.HELD
    where = f" in boot {at}" if condition.statistic is Statistic.INSTRUCTIONS else ""
    unit = _unit_of(condition)
    line = f"it is {_shown(value, unit)}{where}" + (f" ({remark})" if remark else "")
    return Judged(gate, state, line, value, unit, remark)


def _takes_all(kind: Kind, statistic: Statistic) -> bool:
    """Whether a boot that lacks the quantity leaves the answer open: but for how many have it."""
    if statistic is Statistic.N:
        return False
    return kind is Kind.REQUIRE or statistic is Statistic.INSTRUCTIONS


def _worst(breaks: Operator, values: Mapping[int, int | float]) -> tuple[int, int | float]:
    """Give the value that is most of what breaks the budget, and which boot it is of."""
    items = list(values.items())
    if breaks in _LARGEST_IS_WORST:
        return max(items, key=lambda item: item[1])
    return min(items, key=lambda item: item[1]) if breaks in _SMALLEST_IS_WORST else items[0]


def _values(condition: Threshold, run: Run) -> tuple[Mapping[int, int | float], str]:
    """Give what is compared, by the boot's number (0: by none), and what to know of it."""
    if condition.quantity == BOOTS and condition.statistic in _OF_RUN:
        return {0: _OF_RUN[condition.statistic](run)}, ""
    clock = _clock_of(condition, run)
    sample = _sample(condition.quantity, run, clock)
    good = sum(boot.ok for boot in run.boots)
    remark = f"{len(sample)} of {good} boots have it" if len(sample) < good else ""
    if condition.statistic is Statistic.INSTRUCTIONS:
        return dict(sample), remark
    return {0: _statistic(condition.statistic, list(sample.values()))}, remark


_OF_RUN: Mapping[Statistic, Callable[[Run], int]] = {
    Statistic.BOOTS: lambda run: len(run.boots),
    Statistic.FAILED: lambda run: sum(not boot.ok for boot in run.boots),
    Statistic.SUSPECT: lambda run: sum(bool(boot.suspect) for boot in run.boots),
}
_SIMPLE: Mapping[Statistic, Callable[[Sequence[int]], int | float]] = {
    Statistic.N: len,
    Statistic.MEDIAN: lambda values: round(median(values)),
    Statistic.MEAN: lambda values: round(fmean(values)),
    Statistic.MIN: min,
    Statistic.MAX: max,
}


def _clock_of(condition: Threshold, run: Run) -> Clock:
    if condition.statistic is Statistic.INSTRUCTIONS:
        return Clock.INSTRUCTIONS
    return Clock.TIME if condition.limit.unit is Unit.TIME else run.clock


def _statistic(statistic: Statistic, values: Sequence[int]) -> int | float:
    if statistic in _SIMPLE:
        return _SIMPLE[statistic](values)
    if statistic in SHARES:
        share = SHARES[statistic]
        found = percentile(values, share)
        if found is None:
            raise NothingKnown(f"{statistic} needs {least_values(share)} boots, not {len(values)}")
        return found
    if len(values) < 2:  # noqa: PLR2004  # it takes two to differ
        raise NothingKnown(f"{statistic} needs 2 boots, not {len(values)}")
    deviation = stdev(values)
    if statistic is Statistic.SD:
        return round(deviation)
    mean = fmean(values)
    if mean <= 0:
        raise NothingKnown(f"the mean is {mean:g}, so no share of it is known")
    return 100 * deviation / mean


def _sample(name: str, run: Run, clock: Clock) -> Mapping[int, int]:
    """Give the values of a phase or a mark by the boot's number. A phase comes before a mark.

    Raises NothingKnown where there are none, or where the name means two things.
    """
    phases = phase_lengths(run.boots, clock)
    places = [place for place in phases if place.name == name]
    if len(places) > 1:
        raise NothingKnown(f"{name} is {' and '.join(_counted(p, phases) for p in places)}")
    if places:
        return phases[places[0]]
    marks = mark_times(run.boots, clock)
    if name in marks:
        return marks[name]
    raise NothingKnown(_why_missing(name, run, clock, {*marks, *(p.name for p in phases)}))


def _counted(place: Place, phases: Mapping[Place, Mapping[int, int]]) -> str:
    return f"{place.begin}..{place.end} in {len(phases[place])} boots"


def _why_missing(name: str, run: Run, clock: Clock, known: Iterable[str]) -> str:
    if not any(boot.ok for boot in run.boots):
        return "no boot counts"
    known = list(known)
    if not known and clock is Clock.INSTRUCTIONS:
        return "no instructions were counted"
    near = get_close_matches(name, known, n=1)
    return f"no boot has {name!r}" + (f"; {near[0]}?" if near else "")


# --- in words ---------------------------------------------------------------------------------

_UNITS = {
    Statistic.INSTRUCTIONS: "instructions",
    Statistic.CV: "percent",
    Statistic.N: "boots",
    **dict.fromkeys(_OF_RUN, "boots"),
}
_FORMS: Mapping[str, str] = {"percent": "{:.2f} %", "boots": "{}", "instructions": "{:,}"}


def _unit_of(condition: Threshold) -> str:
    return _UNITS.get(condition.statistic, "ns")


def _shown(value: float, unit: str) -> str:
    return f"{value / _NS_PER_MS:.3f} ms" if unit == "ns" else _FORMS[unit].format(value)
