"""What a few boots tell of all: intervals against scipy's, and how often they hold the truth."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

import simulated
from qemu_boot_time.stats.intervals import (
    Interval,
    least_values,
    mean_interval,
    median_interval,
    percentile,
)

_ENOUGH = st.lists(st.integers(0, 10**12), min_size=6, max_size=60)


def coverage(n: int, draws: int, seed: int) -> tuple[float, float]:
    """Say how often the intervals of the median and of the mean of normal boots hold 100 ms."""
    rng = np.random.default_rng(seed)
    samples = [simulated.normal(rng, n) for _ in range(draws)]
    of_median = sum(holds(median_interval(values)) for values in samples)
    of_mean = sum(holds(mean_interval(values)) for values in samples)
    return of_median / draws, of_mean / draws


def holds(interval: Interval | None) -> bool:
    """Say whether it holds 100 ms."""
    return interval is not None and interval.low <= 100_000_000 <= interval.high


# --- the median -------------------------------------------------------------------------------


@given(_ENOUGH)
def test_the_interval_of_the_median_is_that_of_scipy(values: list[int]) -> None:
    """quantile_test of scipy has the same ends, where it has any."""
    theirs: Any = scipy_stats.quantile_test(values, q=0, p=0.5).confidence_interval(0.95)

    found = median_interval(values)

    assert found is not None
    assert (theirs.low, theirs.high) == (found.low, found.high)


@pytest.mark.parametrize(
    ("n", "expected"), [(6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (30, (10, 21)), (100, (40, 61))]
)
def test_which_values_bound_the_median(n: int, expected: tuple[int, int]) -> None:
    """As the tables of the sign test have it."""
    assert Interval(*expected) == median_interval(range(1, n + 1))


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_of_any_number_of_values_the_ranks_are_those_of_scipy(confidence: float) -> None:
    """Up to a million, where few of the sums that there could be are made."""
    counts = [*range(11, 300), 1000, 1001, 9_999, 10_000, 1_000_000]
    tail = (1 - confidence) / 2

    found = [median_interval(range(n), confidence) for n in counts]

    ranks = [int(scipy_stats.binom.ppf(tail, n, 0.5)) for n in counts]
    ends = [Interval(rank - 1, n - rank) for n, rank in zip(counts, ranks, strict=True)]
    assert ends == found


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_too_few_values_for_the_median(n: int) -> None:
    """Five values enclose the median in 94 of 100 samples even all together: no interval."""
    assert None is median_interval(range(n))


def test_less_confidence_takes_fewer_values() -> None:
    """At 90 %, five values do."""
    assert Interval(1, 5) == median_interval([3, 1, 2, 5, 4], confidence=0.9)


def test_values_without_spread() -> None:
    """All alike, they say nothing else may be; of the median and of the mean."""
    assert Interval(7, 7) == median_interval([7] * 6) == mean_interval([7] * 6)


def test_intervals_hold_the_truth() -> None:
    """Of 600 samples of normal boots, some 95 in 100: the median's, and the mean's from few boots on."""
    of_median, of_mean = coverage(30, 600, seed=1)

    assert 0.93 <= of_median <= 0.98
    assert 0.93 <= of_mean <= 0.97


def test_few_boots_do_not_make_the_mean_sure() -> None:
    """Ten boots: a bootstrap that took their spread for the true one would hold it in 89 of 100."""
    _, of_mean = coverage(10, 600, seed=2)

    assert 0.92 <= of_mean <= 0.97


# --- the mean ---------------------------------------------------------------------------------


def test_the_interval_of_the_mean_is_always_the_same() -> None:
    """The seed of the draws is fixed."""
    values = simulated.log_normal(np.random.default_rng(3), 30)

    assert mean_interval(values) == mean_interval(values)


def test_the_interval_of_the_mean_is_near_student_s() -> None:
    """Where boots are normal and many, the two agree to a few parts of a hundred of their width."""
    values = simulated.normal(np.random.default_rng(4), 200)
    theirs = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.95)

    found = mean_interval(values)

    assert found is not None
    tolerance = 0.05 * float(theirs.high - theirs.low)
    assert (theirs.low, theirs.high) == pytest.approx((found.low, found.high), abs=tolerance)


def test_the_interval_of_the_mean_leans_to_the_tail() -> None:
    """Of skewed boots the mean may lie further up than down."""
    values = simulated.log_normal(np.random.default_rng(5), 30)

    found = mean_interval(values)

    assert found is not None
    mean = sum(values) / len(values)
    assert found.high - mean > 1.1 * (mean - found.low)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_too_few_values_for_the_mean(n: int) -> None:
    """As for the median."""
    assert None is mean_interval(range(n))


def test_many_values_have_an_interval_of_the_mean() -> None:
    """Beyond a thousand it is not corrected for bias, and still right."""
    values = simulated.normal(np.random.default_rng(6), 1200)

    found = mean_interval(values)

    assert found is not None
    half = 1.96 * np.std(values) / np.sqrt(1200)
    assert 2 * half == pytest.approx(found.high - found.low, rel=0.1)


# --- percentiles ------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "expected"), [(0.9, 29), (0.95, 59), (0.99, 299)])
def test_how_many_values_know_a_percentile(share: float, expected: int) -> None:
    """The fewest whose largest lies above it in 95 of 100 samples."""
    assert expected == least_values(share)
    assert 1 - share**expected >= 0.95 > 1 - share ** (expected - 1)


def test_a_percentile_of_too_few_is_refused() -> None:
    """28 boots do not know p90, 29 do."""
    assert None is percentile(range(28), 0.9)
    assert 25 == percentile(range(29), 0.9)


def test_a_percentile_is_numpy_s() -> None:
    """Between two values it is interpolated."""
    values = simulated.log_normal(np.random.default_rng(7), 300)

    assert round(float(np.quantile(values, 0.99))) == percentile(values, 0.99)
