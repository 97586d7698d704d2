"""How far one sample lies from another: an estimate, its interval, and a test.

All three are of ranks: they ask for no distribution, and one boot that took ten times as long moves
them no more than one that took a little longer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from qemu_boot_time.stats.intervals import CONFIDENCE, Interval

_MOST_ARRANGEMENTS = 20_000
"""Up to so many the test goes through all ways in which the values could have been dealt out."""
_MOST_EXACT_PAIRS = 1_600
"""Up to so many pairs the ranks of the interval are exact, beyond by the normal approximation."""
_LEAST_FOR_SPREAD = 10
"""With fewer values a side the approximation of Brunner's and Munzel's test is too rough."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The second sample less the first one."""

    estimate: int
    """The median of all differences between a value of the second and one of the first (J. L.
    Hodges, E. L. Lehmann, Ann. Math. Statist. 34 (1963) 598)."""
    interval: Interval | None
    """Of the estimate, at 95 %: what the rank test does not reject. None: too few values."""
    p: float
    """How often chance alone parts two samples as far as these: the larger p of two rank tests."""


def shift_of(first: Sequence[int], second: Sequence[int]) -> Shift:
    """Compare two samples of at least one value each; they need not be of the same size."""
    import numpy as np

    a, b = (np.sort(np.asarray(values, dtype=np.int64)) for values in (first, second))
    pairs = len(a) * len(b)
    middle = [(pairs + 1) // 2, pairs // 2 + 1]
    rank = interval_rank(len(a), len(b))
    ends = [rank, pairs + 1 - rank] if rank else []
    lower, upper, *found = _differences(a, b, [*middle, *ends])
    return Shift(
        estimate=round((lower + upper) / 2),
        interval=Interval(*found) if found else None,
        p=max(_mann_whitney(a, b), _brunner_munzel(a, b)),
    )


def _differences(a: Any, b: Any, ranks: Sequence[int]) -> list[int]:
    """Give the differences between two sorted samples that have these ranks, counted from 1.

    Found by halving the range in which they lie: ten thousand boots a side have a hundred million
    differences, which nobody wants to keep.
    """
    import numpy as np

    wanted = np.asarray(ranks)
    low = np.full(len(wanted), b[0] - a[-1])
    high = np.full(len(wanted), b[-1] - a[0])
    while (low < high).any():
        middle = low + (high - low) // 2
        below = np.searchsorted(b, a[:, None] + middle[None, :], side="right").sum(axis=0)
        enough = below >= wanted
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    return [int(value) for value in low]


def _mann_whitney(a: Any, b: Any) -> float:
    """Give the p of the Mann-Whitney test; with few values that of all ways to deal them out.

    Source: H. B. Mann, D. R. Whitney, Ann. Math. Statist. 18 (1947) 50.
    """
    import numpy as np
    from scipy.stats import PermutationMethod, mannwhitneyu

    if a[0] == a[-1] == b[0] == b[-1]:
        return 1.0
    few = math.comb(len(a) + len(b), len(a)) <= _MOST_ARRANGEMENTS
    different = len(np.unique(np.concatenate([a, b]))) == len(a) + len(b)
    # The same p where no two are equal, in a hundredth of the time; no permutation_test of one value.
    if min(len(a), len(b)) == 1 or (few and different):
        return float(mannwhitneyu(a, b, method="exact").pvalue)
    if few:
        everything = PermutationMethod(n_resamples=_MOST_ARRANGEMENTS, rng=np.random.default_rng(0))
        return float(mannwhitneyu(a, b, method=everything).pvalue)
    return float(mannwhitneyu(a, b, method="asymptotic").pvalue)


def _brunner_munzel(a: Any, b: Any) -> float:
    """Give the p of a rank test that does not take both samples to spread alike; 0: it cannot say.

    Where they do not, and the one that spreads more has fewer values, the other test is wrong in 14
    of 100 pairs of samples that lie alike. Source: E. Brunner, U. Munzel, Biometrical J. 42 (2000) 17.
    """
    from scipy.stats import brunnermunzel

    apart = a[-1] < b[0] or b[-1] < a[0]
    if apart or min(len(a), len(b)) < _LEAST_FOR_SPREAD or a[0] == a[-1] or b[0] == b[-1]:
        return 0.0
    return float(brunnermunzel(a, b).pvalue)


@cache
def interval_rank(n: int, m: int, confidence: float = CONFIDENCE) -> int:
    """Say which of the differences, from either end, bounds the interval of the shift.

    0: not even all differences make an interval of that confidence. Source: L. E. Moses, in W. A.
    Wallis, H. V. Roberts, Statistics (1956), chapter 18; M. Hollander, D. A. Wolfe, E. Chicken,
    Nonparametric Statistical Methods, 4.3.
    """
    tail = (1 - confidence) / 2
    if n * m > _MOST_EXACT_PAIRS:
        from scipy.stats import norm

        deviation = math.sqrt(n * m * (n + m + 1) / 12)
        return max(0, math.floor(n * m / 2 + 0.5 + float(norm.ppf(tail)) * deviation))
    allowed = tail * math.comb(n + m, n)
    below = 0
    for rank, ways in enumerate(_ways(n, m)):
        below += ways
        if below > allowed:
            return rank
    return 0


def _ways(n: int, m: int) -> list[int]:
    """Count the ways to deal out n and m values for each number of pairs in which the first is larger.

    The coefficients of a Gaussian binomial, multiplied and divided factor by factor.
    """
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for place in range(n * m, m + i - 1, -1):
            counts[place] -= counts[place - m - i]
        for place in range(i, n * m + 1):
            counts[place] += counts[place - i]
    return counts
