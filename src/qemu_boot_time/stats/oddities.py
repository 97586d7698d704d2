"""What is odd about the boots of one run: those far from all others, and what changed over the run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qemu_boot_time.stats.modes import Modes
from qemu_boot_time.stats.shift import shift_of

_FAR_OUT = 3.0
"""Quartile distances beyond the quartiles: J. W. Tukey, Exploratory Data Analysis (1977), 2D."""
_QUARTILES_OF_DECILES = 0.526
"""How far quartiles lie apart, in the distance of the outer deciles, where values are normal."""
_LEAST_FOR_QUARTILES = 8
_LEAST_FOR_DRIFT = 10
_FIRST_BOOTS = 3
_ALPHA = 0.01
"""Of each test here: nobody asked, so what is told must be there."""
_MOST_FOR_SLOPE = 2000
"""Boots that a slope is made of: it looks at each pair of them."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A boot far from all others of its kind; it counts like any other."""

    boot: int
    """Its number."""
    value: int
    far: int
    """From the median of its kind; negative: below."""


@dataclass(frozen=True, slots=True)
class SlowStart:
    """The first boots of a run took longer than the rest: caches were cold, say."""

    boots: int
    """How many."""
    longer: int
    p: float | None
    """Of the rank test; None: it is the first boot alone, and that lies far out."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Boots became slower or faster, from one to the next."""

    slope: float
    """A boot."""
    interval: tuple[float, float]
    """Of the slope, at 95 %."""
    p: float


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed from the first boot of a run to the last; at least one of these."""

    start: SlowStart | None = None
    trend: Trend | None = None
    """Over all boots after a slow start."""


def outliers_of(values: Mapping[int, int], modes: Modes | None) -> tuple[Outlier, ...]:
    """Flag what lies far out, in the order of the boots; where there are modes, far from its own."""
    kinds = [mode.boots for mode in modes.modes] if modes else [tuple(values)]
    found = [outlier for kind in kinds for outlier in _far_out({b: values[b] for b in kind})]
    return tuple(sorted(found, key=lambda outlier: outlier.boot))


def _far_out(values: Mapping[int, int]) -> list[Outlier]:
    if len(values) < _LEAST_FOR_QUARTILES:
        return []
    import numpy as np

    shares = [0.1, 0.25, 0.5, 0.75, 0.9]
    low, lower, middle, upper, high = np.quantile(np.asarray(list(values.values())), shares)
    # Of a coarse clock's ticks, half of all boots may be on one: that is not their spread.
    reach = _FAR_OUT * ((upper - lower) or _QUARTILES_OF_DECILES * (high - low))
    return [
        Outlier(boot, value, round(value - middle))
        for boot, value in values.items()
        if not lower - reach <= value <= upper + reach
    ]


def drift_of(values: Mapping[int, int], outliers: Sequence[Outlier]) -> Drift | None:
    """Say whether the first boots were slower, and whether the others have a trend; None: neither."""
    boots = sorted(values)
    if len(boots) < _LEAST_FOR_DRIFT:
        return None
    ordered = [values[boot] for boot in boots]
    start = _slow_start(ordered, is_far=any(o.boot == boots[0] and o.far > 0 for o in outliers))
    trend = _trend(ordered[start.boots if start else 0 :])
    return Drift(start, trend) if start or trend else None


def _slow_start(ordered: Sequence[int], *, is_far: bool) -> SlowStart | None:
    """Compare the first boots, as a group, with the rest; else take a first one that lies far out."""
    from scipy.stats import mannwhitneyu

    first = max(_FIRST_BOOTS, len(ordered) // 10)
    test = mannwhitneyu(ordered[:first], ordered[first:], alternative="greater")
    p = float(test.pvalue)
    if p <= _ALPHA:
        return SlowStart(first, _longer(ordered, first), p)
    return SlowStart(1, _longer(ordered, 1), None) if is_far else None


def _longer(ordered: Sequence[int], first: int) -> int:
    return shift_of(ordered[first:], ordered[:first]).estimate


def _trend(ordered: Sequence[int]) -> Trend | None:
    """Test for a trend, and measure it where there is one.

    Sources: H. B. Mann, Econometrica 13 (1945) 245, with Kendall's tau; P. K. Sen, J. Amer. Statist.
    Assoc. 63 (1968) 1379, for the slope and its interval.
    """
    if len(ordered) < _LEAST_FOR_DRIFT or min(ordered) == max(ordered):
        return None
    from scipy.stats import kendalltau, theilslopes

    p = float(kendalltau(range(len(ordered)), ordered).pvalue)
    if p > _ALPHA:
        return None
    step = math.ceil(len(ordered) / _MOST_FOR_SLOPE)
    found = theilslopes(ordered[::step], range(0, len(ordered), step))
    return Trend(float(found.slope), (float(found.low_slope), float(found.high_slope)), p)
