"""How far two samples lie apart: estimate, interval and test against brute force and scipy."""

import math
from itertools import accumulate, combinations, product
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.shift import Shift, _ways, interval_rank, rank_of, shift_of

_SAMPLE = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=25)
_TIED = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def differences(first: list[int], second: list[int]) -> list[int]:
    """Give all of them, sorted."""
    return sorted(b - a for a, b in product(first, second))


def below(first: list[float], m: int, pairs: int) -> list[float]:
    """Place ``m`` values so that the first sample's, evenly spread, are larger in just so many pairs."""
    n = len(first)
    beaten = [min(n, max(0, pairs - n * i)) for i in range(m)]
    return [first[-1] + 1 + i / m - (m + 1.0) * each for i, each in enumerate(beaten)]


# --- the estimate -----------------------------------------------------------------------------


@given(_SAMPLE, _SAMPLE)
def test_the_estimate_is_the_median_of_all_differences(first: list[int], second: list[int]) -> None:
    """As numpy finds it among all of them, to half a nanosecond."""
    expected = float(np.median(np.array(differences(first, second), dtype=float)))

    assert pytest.approx(expected, abs=0.51) == shift_of(first, second).estimate


@given(_TIED, _TIED)
def test_ties_do_not_confuse_the_estimate(first: list[int], second: list[int]) -> None:
    """Equal differences are as many as they are."""
    expected = round(float(np.median(differences(first, second))))

    assert expected == shift_of(first, second).estimate


@given(_SAMPLE, _SAMPLE)
def test_the_other_way_round_it_is_the_opposite(first: list[int], second: list[int]) -> None:
    """Estimate, interval and p of the exchanged samples."""
    forth, back = shift_of(first, second), shift_of(second, first)

    assert abs(forth.estimate + back.estimate) <= 1
    assert forth.p == pytest.approx(back.p)
    if forth.interval is not None:
        assert Interval(-forth.interval.high, -forth.interval.low) == back.interval


# --- the interval -----------------------------------------------------------------------------


@given(_SAMPLE, _SAMPLE)
def test_the_interval_lies_between_two_differences(first: list[int], second: list[int]) -> None:
    """Those of one rank from either end, and never a narrower one than the rank test's."""
    ordered = differences(first, second)
    found = shift_of(first, second).interval

    widest = interval_rank(len(first), len(second))
    between = [Interval(ordered[rank - 1], ordered[-rank]) for rank in range(1, widest + 1)]

    assert found in between or (found is None and len(first) != len(second)) or not widest


@given(st.lists(st.integers(-9, 9), min_size=4, max_size=9), st.data())
def test_few_and_equally_many(first: list[int], data: st.DataObject) -> None:
    """The rank test's own interval, to the difference."""
    second = data.draw(st.lists(st.integers(-9, 9), min_size=len(first), max_size=len(first)))
    ordered = differences(first, second)
    rank = interval_rank(len(first), len(first))

    assert Interval(ordered[rank - 1], ordered[-rank]) == shift_of(first, second).interval


@given(_SAMPLE, _SAMPLE)
def test_the_rank_may_be_given(first: list[int], second: list[int]) -> None:
    """The interval lies between the differences of that rank from either end; 0: there is none."""
    ordered = differences(first, second)
    rank = rank_of(first, second)

    given_it, none = shift_of(first, second, rank=rank), shift_of(first, second, rank=0)

    assert shift_of(first, second) == given_it
    assert (Interval(ordered[rank - 1], ordered[-rank]) if rank else None) == given_it.interval
    assert (given_it.estimate, None) == (none.estimate, none.interval)


@pytest.mark.parametrize(
    ("n", "wide", "m", "narrow"), [(5, 8, 30, 1), (10, 6, 50, 2), (50, 2, 10, 6)]
)
def test_unequal_spread_makes_the_interval_wider(n: int, wide: int, m: int, narrow: int) -> None:
    """Ranks that take both sides to spread alike give one that misses the truth in one of four."""
    rng = np.random.default_rng(9)
    missed = 0
    for _ in range(300):
        sides = [
            [round(v * 1e6) for v in rng.normal(100, sd, k)] for sd, k in ((wide, n), (narrow, m))
        ]
        found = shift_of(*sides).interval
        missed += found is not None and not found.low <= 0 <= found.high

    assert missed <= 0.08 * 300


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("m", [1, 4, 8, 13])
def test_the_rank_is_what_the_exact_test_does_not_reject(n: int, m: int) -> None:
    """So many pairs are within the 5 % of scipy's exact Mann-Whitney test no more; one less were."""
    rank = interval_rank(n, m)

    def p_of(statistic: int) -> float:
        """Give the two-sided p of so many pairs: the samples are made to have them."""
        first = np.arange(n) * (m + 1.0)
        second = below(first.tolist(), m, statistic)
        found = scipy_stats.mannwhitneyu(first, second, method="exact")
        assert statistic == found.statistic
        return float(found.pvalue)

    if rank:
        assert p_of(rank - 1) <= 0.05
    if rank < n * m // 2:
        assert p_of(rank) > 0.05


def test_the_rank_is_counted_out() -> None:
    """For four against four by hand: of 70 ways to deal, one has no pair, one has a single pair."""
    deals = [(set(chosen), set(range(8)) - set(chosen)) for chosen in combinations(range(8), 4)]
    pairs = [sum(a > b for a, b in product(*deal)) for deal in deals]

    ways = [sum(each <= most for each in pairs) for most in range(2)]

    assert [1, 2] == ways
    assert 2 * ways[0] / len(deals) <= 0.05 < 2 * ways[1] / len(deals)
    assert 1 == interval_rank(4, 4)


@pytest.mark.parametrize(
    ("n", "m", "expected"), [(3, 3, 0), (1, 30, 0), (2, 8, 1), (5, 5, 3), (10, 10, 24)]
)
def test_ranks_of_the_tables(n: int, m: int, expected: int) -> None:
    """One more than the critical value of U in the usual tables (two-sided, 5 %); 0: there is none."""
    assert expected == interval_rank(n, m) == interval_rank(m, n)


@pytest.mark.parametrize(("n", "m"), [(41, 41), (20, 81), (10, 200)])
def test_the_normal_approximation_continues_the_exact_ranks(n: int, m: int) -> None:
    """Beyond where it begins it gives the rank that counting gives, or a hundredth less: never more."""
    allowed = 0.025 * math.comb(n + m, n)
    below = accumulate(_ways(n, m))
    exact = next(rank for rank, ways in enumerate(below) if ways > allowed)

    assert 0.99 * exact <= interval_rank(n, m) <= exact


# --- the test ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(2, 3), (3, 27), (5, 5), (8, 8), (9, 9), (30, 30), (10, 50)])
def test_p_is_scipy_s(n: int, m: int) -> None:
    """Exact where there are few ways to deal them out; of ten and more the larger of two tests'."""
    rng = np.random.default_rng(n * 100 + m)
    first = [round(value) for value in rng.normal(0, 1e6, n)]
    second = [round(value) for value in rng.normal(5e5, 1e6, m)]
    few = math.comb(n + m, n) <= 20_000

    how: Literal["exact", "asymptotic"] = "exact" if few else "asymptotic"
    p = float(scipy_stats.mannwhitneyu(first, second, method=how).pvalue)
    other = float(scipy_stats.brunnermunzel(first, second).pvalue) if min(n, m) >= 10 else 0.0

    assert max(p, other) == pytest.approx(shift_of(first, second).p)


@pytest.mark.parametrize("swapped", [False, True])
def test_unequal_spread_is_no_shift(*, swapped: bool) -> None:
    """Ten boots that spread three times as much as fifty: wrong in one of seven by the first test."""
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(400):
        sides = [[round(v) for v in rng.normal(1e8, sd, n)] for n, sd in ((50, 2e6), (10, 6e6))]
        first, second = reversed(sides) if swapped else sides
        alarms += shift_of(first, second).p <= 0.05

    assert alarms <= 0.08 * 400


def test_samples_that_do_not_overlap() -> None:
    """The second test has no spread to go by, and leaves it to the first one."""
    first, second = list(range(10, 20)), list(range(30, 40))

    expected = scipy_stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert float(expected) == pytest.approx(shift_of(first, second).p)


def test_p_with_ties_goes_through_all_deals() -> None:
    """By hand, over the 70 ways to deal out eight boots of three different times."""
    first, second = [1, 1, 1, 2], [1, 2, 2, 3]

    def pairs(a: list[int], b: list[int]) -> float:
        return sum((x > y) + (x == y) / 2 for x, y in product(a, b))

    pooled = first + second
    deals = [
        pairs([pooled[i] for i in chosen], [pooled[i] for i in range(8) if i not in chosen])
        for chosen in combinations(range(8), 4)
    ]
    as_low = sum(each <= pairs(first, second) for each in deals) / len(deals)

    assert 2 * as_low == pytest.approx(shift_of(first, second).p)


# --- small and odd ----------------------------------------------------------------------------


def test_one_against_one() -> None:
    """There is an estimate, and nothing is sure of it."""
    assert Shift(estimate=3, interval=None, p=1.0) == shift_of([4], [7])


def test_two_against_two() -> None:
    """Six ways to deal: the farthest apart are a third of them."""
    found = shift_of([1, 2], [101, 102])

    assert (100, None) == (found.estimate, found.interval)
    assert 1 / 3 == pytest.approx(found.p)


@pytest.mark.parametrize("n", [1, 3, 10, 50])
def test_no_spread_at_all(n: int) -> None:
    """All alike on both sides: no shift, p is 1, and no warning of scipy's."""
    found = shift_of([5] * n, [5] * n)

    assert (0, 1.0) == (found.estimate, found.p)
    assert (Interval(0, 0) if n >= 4 else None) == found.interval


def test_two_sides_without_spread_that_differ() -> None:
    """The shift is what it is, to the nanosecond."""
    found = shift_of([5] * 10, [8] * 10)

    assert (3, Interval(3, 3)) == (found.estimate, found.interval)
    assert found.p < 0.001


def test_two_values_only() -> None:
    """Ticks of a coarse clock: a fair share of each side has either."""
    found = shift_of([10] * 6 + [20] * 4, [10] * 4 + [20] * 6)

    assert (0, Interval(0, 10)) == (found.estimate, found.interval)
    assert found.p > 0.3


def test_one_very_late_boot_moves_little() -> None:
    """Ten times as long, or a little longer: the estimate and its interval are the same."""
    first, second = list(range(100, 130)), list(range(105, 135))

    usual = shift_of(first, second)

    assert usual == shift_of(first, [*second[:-1], 10_000])


def test_numbers_beyond_a_float() -> None:
    """Instructions of long boots are counted to the last one."""
    base = 2**60

    assert 1 == shift_of([base] * 5, [base + 1] * 5).estimate
