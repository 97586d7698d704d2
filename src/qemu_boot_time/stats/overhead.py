"""What watching costs: how much more a boot takes with sources than without any.

Marks are seen by sources alone, so both sides are compared by what needs none: how long QEMU ran, and
how much CPU time it took. A cost is told in nanoseconds and as a ratio, watched to alone.

The ratio is Hodges' and Lehmann's shift of the logarithms: the median of the ratios of a watched
boot to one alone, over all pairs of them. A logarithm keeps the order of the values, so rank tests say the same of them, and
the interval of the shift becomes one of the ratio (M. Hollander, D. A. Wolfe, E. Chicken,
Nonparametric Statistical Methods, 4.2 and 4.3).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from qemu_boot_time.stats.compare import Change, change_of, judged_family
from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.shift import rank_of, shift_of
from qemu_boot_time.stats.verdict import Margin, Verdict

_LOG_UNITS = 10**9
"""Logarithms are kept as whole numbers, of a billionth: what is compared elsewhere are whole numbers."""


class Quantity(StrEnum):
    """What a boot takes."""

    WALL = "wall time"
    CPU = "CPU time"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one boot took."""

    wall_ns: int
    """From the exec of QEMU until it had left."""
    cpu_ns: int | None
    """Of QEMU, its guest's included; None: nobody asked."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as much: 1 is no difference."""

    estimate: float
    low: float | None
    """The ends of its 95 % interval; None: too few boots for one, or they spread too widely."""
    high: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What watching costs of one quantity, a boot."""

    quantity: Quantity
    n: tuple[int, int]
    """Boots alone and watched."""
    medians_ns: tuple[float, float]
    cost_ns: int
    """What a watched boot takes more: the median of all differences."""
    interval_ns: Interval | None
    """Of ``cost_ns``, at 95 %, between differences of the same rank as the ratio's; None where that has none."""
    ratio: Ratio
    margin: float
    """As a share: a ratio from 1 / (1 + margin) to 1 + margin is no cost that matters."""
    p: float | None
    """Of the rank tests, corrected for the number of quantities."""
    verdict: Verdict
    """By the ratio: SLOWER means that watching costs something."""
    reason: str
    """Why the verdict is UNDECIDED; empty: it is not."""
    more: int | None
    """How many more boots a side would settle it, as :class:`compare.Change` has it."""


def costs_of(alone: Sequence[Taken], watched: Sequence[Taken], margin: Margin) -> tuple[Cost, ...]:
    """Compare boots alone with watched ones, in each quantity that both sides have.

    A margin that is a length becomes a share of what the boots alone take. The quantities are one
    family: of all verdicts together one is wrong by chance in at most 5 of 100 measurements.
    """
    sides = {
        quantity: (_values(alone, quantity), _values(watched, quantity)) for quantity in Quantity
    }
    known = {quantity: both for quantity, both in sides.items() if all(both)}
    shares = {quantity: _share(margin, first) for quantity, (first, _) in known.items()}
    changes = [_change(quantity, *both, shares[quantity]) for quantity, both in known.items()]
    return tuple(
        _cost(quantity, both, change, shares[quantity])
        for (quantity, both), change in zip(known.items(), judged_family(changes), strict=True)
    )


def _values(boots: Sequence[Taken], quantity: Quantity) -> list[int]:
    """Give what is known of a quantity; nothing that runs takes no time at all."""
    found = (boot.wall_ns if quantity is Quantity.WALL else boot.cpu_ns for boot in boots)
    return [value for value in found if value]


def _share(margin: Margin, first: Sequence[int]) -> float:
    middle = median(first)
    return margin.share if margin.length is None else margin.length / middle


def _change(
    quantity: Quantity, first: Sequence[int], second: Sequence[int], share: float
) -> Change:
    """Compare the logarithms."""
    allowed = Margin(length=round(math.log1p(share) * _LOG_UNITS))
    return change_of(_logs(first), _logs(second), allowed, Place(quantity, "", ""))


def ratio_of(first: Sequence[int], second: Sequence[int]) -> Ratio:
    """Give how many times as much the second side takes, of values above 0: one at least a side."""
    return _ratio(change_of(_logs(first), _logs(second), Margin(), Place("", "", "")))


def _logs(values: Sequence[int]) -> list[int]:
    return [round(math.log(value) * _LOG_UNITS) for value in values]


def _cost(
    quantity: Quantity, sides: tuple[Sequence[int], Sequence[int]], change: Change, share: float
) -> Cost:
    first, second = sides
    shift = shift_of(first, second, rank=rank_of(_logs(first), _logs(second)))
    return Cost(
        quantity=quantity,
        n=change.n,
        medians_ns=(median(first), median(second)),
        cost_ns=shift.estimate,
        interval_ns=shift.interval,
        ratio=_ratio(change),
        margin=share,
        p=change.p,
        verdict=change.verdict,
        reason=change.reason,
        more=change.more,
    )


def _ratio(change: Change) -> Ratio:
    interval = change.interval
    return Ratio(
        estimate=_back(change.shift or 0),
        low=_back(interval.low) if interval else None,
        high=_back(interval.high) if interval else None,
    )


def _back(log: int) -> float:
    return math.exp(log / _LOG_UNITS)
