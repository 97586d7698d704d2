"""Odd boots of a run: outliers are flagged, first boots and trends are told, nothing is dropped."""

import numpy as np
import pytest

import simulated
from qemu_boot_time.stats.modes import modes_of
from qemu_boot_time.stats.oddities import Drift, Outlier, SlowStart, Trend, drift_of, outliers_of

_LEVEL = [100, 103, 101, 104, 102, 100, 103, 101, 104, 102]
"""Ten boots around 102 with quartiles 101 and 103."""


def run(*values: int) -> dict[int, int]:
    """Give each boot its number, from 1."""
    return simulated.numbered(values)


# --- outliers ---------------------------------------------------------------------------------


def test_a_boot_far_out_is_flagged() -> None:
    """By its number, its value, and how far from the median of all it lies."""
    assert (Outlier(11, 200, 98),) == outliers_of(run(*_LEVEL, 200), None)
    assert (Outlier(11, 20, -82),) == outliers_of(run(*_LEVEL, 20), None)


def test_three_quartile_distances_are_the_fence() -> None:
    """On it a boot is none, beyond it is one: 103.5 and 3 times 2.5 make 111."""
    values = [*_LEVEL, 103, 111]
    lower, upper = np.quantile(values, [0.25, 0.75])
    fence = upper + 3 * (upper - lower)

    assert () == outliers_of(run(*_LEVEL, 103, int(fence)), None)
    assert (12,) == tuple(
        each.boot for each in outliers_of(run(*_LEVEL, 103, int(fence) + 1), None)
    )


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_few_boots_have_no_outliers(n: int) -> None:
    """Quartiles of fewer than eight tell nothing."""
    assert () == outliers_of(run(*[100] * max(0, n - 1), *[900] * min(n, 1)), None)


def test_no_spread_no_outliers() -> None:
    """All alike; and what differs from many that are alike is one, by the least."""
    assert () == outliers_of(run(*[5] * 20), None)
    assert (Outlier(21, 6, 1),) == outliers_of(run(*[5] * 20, 6), None)


def test_ticks_of_a_coarse_clock_are_no_outliers() -> None:
    """More than half of the boots on one tick, the others on the next ones; far out is still far out."""
    values = run(*[100] * 30, *[96] * 8, *[104] * 8, 200)

    assert (Outlier(47, 200, 100),) == outliers_of(values, None)


def test_a_rare_mode_is_no_outlier() -> None:
    """Of two kinds of boots, each lies where its kind does; without the modes a quarter is far out."""
    values = run(*[100 + i % 5 for i in range(40)], *[200 + i % 5 for i in range(9)], 150)
    modes = modes_of(values)

    alone = [each.boot for each in outliers_of(values, None)]
    found = [each.boot for each in outliers_of(values, modes)]

    assert modes is not None
    assert list(range(41, 51)) == alone
    assert [50] == found


# --- drift ------------------------------------------------------------------------------------


def test_a_cold_start_is_told() -> None:
    """The first three boots were slower: so many, by so much."""
    rng = np.random.default_rng(1)
    warm = [round(100_000 + value) for value in rng.normal(0, 100, 27)]

    found = drift_of(run(101_100, 101_000, 100_900, *warm), ())

    assert found is not None
    assert found.start is not None
    assert (3, None) == (found.start.boots, found.trend)
    assert 900 <= found.start.longer <= 1_100
    assert (found.start.p or 1) < 0.01


def test_a_slow_first_boot_is_told() -> None:
    """One boot alone, where it is an outlier."""
    values = run(200, *_LEVEL)

    found = drift_of(values, outliers_of(values, None))

    assert found is not None
    assert SlowStart(1, 98, None) == found.start


def test_a_fast_first_boot_is_no_cold_start() -> None:
    """Only slower ones are looked for."""
    values = run(20, *_LEVEL)

    assert None is drift_of(values, outliers_of(values, None))


def test_a_trend_is_told() -> None:
    """Seven more each time: the slope, and an interval around it."""
    rng = np.random.default_rng(2)
    values = [round(100_000 + 7 * i + each) for i, each in enumerate(rng.normal(0, 20, 40))]

    found = drift_of(run(*values), ())

    assert found is not None
    assert found.trend is not None
    low, high = found.trend.interval
    assert low < 7 < high
    assert 7 == pytest.approx(found.trend.slope, abs=1)
    assert None is found.start


def test_a_trend_in_many_boots_has_the_right_step() -> None:
    """Of 5,000 boots each third makes the slope, which is from one boot to the next all the same."""
    found = drift_of(run(*range(1_000, 51_000, 10)), ())

    assert found is not None
    assert 10.0 == pytest.approx(found.trend.slope if found.trend else 0)


def test_a_trend_without_scatter() -> None:
    """Each boot one later than the one before."""
    found = drift_of(run(*range(100, 112)), ())

    assert found is not None
    assert found.trend is not None
    assert Drift(None, Trend(1.0, (1.0, 1.0), found.trend.p)) == found
    assert found.trend.p < 1e-6


@pytest.mark.parametrize("values", [[], [5], [5, 4], list(range(9)), [7] * 30, _LEVEL * 3])
def test_no_drift(values: list[int]) -> None:
    """Too few boots, no spread, or none that has a direction."""
    assert None is drift_of(run(*values), ())


def test_boots_count_in_the_order_of_their_numbers() -> None:
    """However they are handed over."""
    forth = run(*range(100, 130))

    assert drift_of(forth, ()) == drift_of(dict(reversed(forth.items())), ())


# --- what it is worth -------------------------------------------------------------------------


def test_false_alarms_are_rare() -> None:
    """Of 200 runs without any, no more than some have a drift, and hardly any an outlier."""
    rng = np.random.default_rng(3)
    drifts = outliers = 0
    for _ in range(200):
        values = simulated.numbered(simulated.normal(rng, 30))
        found = outliers_of(values, None)
        outliers += bool(found)
        drifts += drift_of(values, found) is not None

    assert drifts <= 12
    assert outliers <= 6
