"""Intervals that hold whatever the distribution: of the median, from order statistics."""

from collections.abc import Sequence
from dataclasses import dataclass

_FEWEST = 6
"""With five values not even the smallest and the largest hold the median in 95 of 100 samples."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Between what a quantity lies, in the unit of the values."""

    low: float
    high: float


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """Give the interval of the median between two order statistics; None for fewer than six values.

    Whatever the distribution, it holds the median with at least this probability: how many values
    lie below the median is binomial (David and Nagaraja, Order Statistics, 3rd ed., 2003, 7.1).
    """
    from scipy.stats import binom

    n = len(values)
    if n < _FEWEST:
        return None
    below = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    if below < 1:
        return None
    ordered = sorted(values)
    return Interval(ordered[below - 1], ordered[n - below])
