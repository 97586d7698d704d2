"""The arithmetic of the benchmarks: pairs, intervals, turns, and the way out."""

import statistics
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

import common
from qemu_boot_time.errors import HostError

SKEWED = [float(n * n % 97) + 1 for n in range(40)]


def test_an_interval_is_what_scipy_says() -> None:
    """The percentile bootstrap of the median, up to the luck of the resampling."""
    theirs = scipy.stats.bootstrap(
        (np.array(SKEWED),), np.median, method="percentile", rng=np.random.default_rng(7)
    ).confidence_interval

    ours = common.median_interval(SKEWED)

    assert statistics.median(SKEWED) == ours.median
    assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=2)


def test_an_interval_is_the_same_each_time() -> None:
    """The seed is fixed."""
    assert common.median_interval(SKEWED) == common.median_interval(SKEWED)


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0]])
def test_values_without_spread(values: list[float]) -> None:
    """One value, or all alike, say nothing else may be."""
    assert common.Interval(3.0, 3.0, 3.0) == common.median_interval(values)


def test_no_values_have_no_interval() -> None:
    """Nothing was measured, and that is said."""
    with pytest.raises(ValueError, match="no values"):
        common.median_interval([])


def test_ratios_are_of_pairs() -> None:
    """A host that gets slower hits both of a pair: the ratio does not move."""
    times = {"none": [1.0, 2.0, 4.0], "watched": [1.5, 3.0, 6.0]}

    assert {"watched": [1.5, 1.5, 1.5]} == common.ratios(times, to="none")


def test_arms_that_do_not_pair_are_refused() -> None:
    """A round that one arm misses is a mistake of ours."""
    with pytest.raises(ValueError, match="argument 2"):
        common.ratios({"watched": [1.5], "none": [1.0, 2.0]}, to="none")


def test_every_arm_has_its_turn_in_each_round() -> None:
    """In another order each time, or the first would always be the coldest."""
    arms = ("a", "b", "c", "d")

    turns = list(common.in_turn(arms, 6))

    orders = [[arm for each, arm in turns if each == number] for number in range(6)]
    assert [sorted(arms)] * 6 == [sorted(order) for order in orders]
    assert any(first != second for first, second in pairwise(orders))


@pytest.mark.parametrize(("share", "expected"), [(0, 1.0), (0.5, 2.5), (0.95, 3.85), (1, 4.0)])
def test_a_percentile_lies_between_its_neighbours(share: float, expected: float) -> None:
    """Linear interpolation, as numpy has it."""
    assert expected == pytest.approx(common.percentile([1.0, 2.0, 3.0, 4.0], share))


def test_a_table_is_aligned() -> None:
    """As Markdown, and readable as it is."""
    lines = ["| way | ratio |", "| --- | ----- |", "| a   | 1.5   |"]

    assert "\n".join(lines) == common.table(("way", "ratio"), [("a", 1.5)])


def test_a_host_that_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and status 5."""

    def body() -> None:
        raise HostError("no KVM", hint="modprobe kvm")

    with pytest.raises(SystemExit) as left:
        common.main(body)

    assert 5 == left.value.code
    assert 1 == capsys.readouterr().err.count("\n")
