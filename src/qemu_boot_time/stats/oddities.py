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
class Drift:
    """What changed from the first boot of a run to the last."""

    first: int = 0
    """So many boots at the beginning were slower than the rest; 0: none."""
    slower: int = 0
    """By so much."""
    slope: float | None = None
    """From one boot to the next, over all after those; None: no trend."""
    interval: tuple[float, float] | None = None
    """Of the slope, at 95 %."""
    p: float = 1.0
    """How often chance alone does as much; of the trend, where there is one."""


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
    first, p_first = _slower_at_first(ordered)
    if not first and any(each.boot == boots[0] and each.far > 0 for each in outliers):
        first = 1
    slower = -shift_of(ordered[:first], ordered[first:]).estimate if first else 0
    slope, interval, p = _trend(ordered[first:])
    if not first and slope is None:
        return None
    return Drift(first, slower, slope, interval, p_first if slope is None else p)


def _slower_at_first(ordered: Sequence[int]) -> tuple[int, float]:
    """Say how many of the first boots were slower as a group (0: none), and the p of that."""
    from scipy.stats import mannwhitneyu

    first = max(_FIRST_BOOTS, len(ordered) // 10)
    test = mannwhitneyu(ordered[:first], ordered[first:], alternative="greater")
    p = float(test.pvalue)
    return (first, p) if p <= _ALPHA else (0, p)


def _trend(ordered: Sequence[int]) -> tuple[float | None, tuple[float, float] | None, float]:
    """Test for a trend, and measure it where there is one.

    Sources: H. B. Mann, Econometrica 13 (1945) 245, with Kendall's tau; P. K. Sen, J. Amer. Statist.
    Assoc. 63 (1968) 1379, for the slope and its interval.
    """
    if len(ordered) < _LEAST_FOR_DRIFT or min(ordered) == max(ordered):
        return None, None, 1.0
    from scipy.stats import kendalltau, theilslopes

    p = float(kendalltau(range(len(ordered)), ordered).pvalue)
    if p > _ALPHA:
        return None, None, p
    step = math.ceil(len(ordered) / _MOST_FOR_SLOPE)
    found = theilslopes(ordered[::step], range(0, len(ordered), step))
    return float(found.slope), (float(found.low_slope), float(found.high_slope)), p
