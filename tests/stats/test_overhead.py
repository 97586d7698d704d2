"""What watching costs: a ratio with its interval, a cost, and a verdict of each quantity."""

from itertools import product
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.overhead import Cost, Quantity, Taken, costs_of
from qemu_boot_time.stats.verdict import Margin, Verdict

_USUAL = Margin()
MS = 1_000_000


def boots(
    n: int, wall_ms: float, cpu_ms: float | None = None, step_ms: float = 0.01
) -> list[Taken]:
    """Make boots that take a little more each."""
    cpu = [None if cpu_ms is None else round((cpu_ms + i * step_ms) * MS) for i in range(n)]
    return [Taken(round((wall_ms + i * step_ms) * MS), cpu[i]) for i in range(n)]


def wall(first: list[Taken], second: list[Taken], margin: Margin = _USUAL) -> Cost:
    """Give the cost in wall time."""
    found = {cost.quantity: cost for cost in costs_of(first, second, margin)}
    return found[Quantity.WALL]


def test_a_cost_is_a_ratio_and_a_length() -> None:
    """A tenth more: 1.1 times, and ten milliseconds a boot; both with an interval that holds it."""
    cost = wall(boots(20, 100), boots(20, 110))

    assert (20, 20) == cost.n
    assert 10 * MS == cost.cost_ns
    assert pytest.approx(1.1, abs=1e-3) == cost.ratio.estimate
    assert cost.ratio.low is not None
    assert cost.ratio.high is not None
    assert cost.interval_ns is not None
    assert 1.09 < cost.ratio.low < cost.ratio.estimate < cost.ratio.high < 1.11
    assert cost.interval_ns.low < 10 * MS < cost.interval_ns.high


@pytest.mark.parametrize(
    ("watched_ms", "verdict"),
    [
        (110, Verdict.SLOWER),
        (90, Verdict.FASTER),
        (100.5, Verdict.SAME),
        (99.5, Verdict.SAME),
    ],
)
def test_the_ratio_gives_the_verdict(watched_ms: float, verdict: Verdict) -> None:
    """Within 1 % it is the same, though it is shown to be more."""
    assert verdict is wall(boots(20, 100), boots(20, watched_ms)).verdict


def test_undecided_says_how_many_more_boots() -> None:
    """An interval that holds both 1 and more than the margin shows nothing."""
    cost = wall(boots(8, 100, step_ms=1), boots(8, 100.3, step_ms=1))

    assert Verdict.UNDECIDED is cost.verdict
    assert "the interval holds both no change and more than the margin" == cost.reason
    assert cost.more is not None


def test_a_margin_may_be_a_length() -> None:
    """As a share of what the boots alone take."""
    cost = wall(boots(20, 100, step_ms=0), boots(20, 102, step_ms=0), Margin(length=5 * MS))

    assert (0.05, Verdict.SAME) == (cost.margin, cost.verdict)


def test_too_few_boots_have_no_interval() -> None:
    """And so no verdict; the estimates are there."""
    cost = wall(boots(2, 100), boots(2, 150))

    assert (None, None, None) == (cost.ratio.low, cost.ratio.high, cost.interval_ns)
    assert (Verdict.UNDECIDED, 50 * MS) == (cost.verdict, cost.cost_ns)
    assert pytest.approx(1.5, abs=1e-3) == cost.ratio.estimate


@given(
    st.lists(st.integers(10**6, 10**8), min_size=1, max_size=12),
    st.lists(st.integers(10**6, 10**8), min_size=1, max_size=12),
)
def test_a_cost_has_an_interval_where_its_ratio_has_one(
    first: list[int], second: list[int]
) -> None:
    """Both are of one rank: no verdict lacks an interval beside one that is shown."""
    one, other = ([Taken(value, None) for value in side] for side in (first, second))

    cost = wall(one, other)

    assert (cost.ratio.low is None) == (cost.interval_ns is None)
    if cost.interval_ns is not None:
        assert cost.interval_ns.low <= cost.cost_ns <= cost.interval_ns.high


def test_boots_that_spread_too_widely_have_no_interval() -> None:
    """That is another reason than too few of them: as many that spread less have one."""
    apart, wide = (
        [Taken(v * MS, None) for v in each] for each in ((18, 20, 22), (2, 18, 19, 20, 21))
    )

    assert "5 against 3 boots spread too widely for an interval at 95%" == wall(wide, apart).reason
    assert wall(boots(5, 12), boots(3, 20, step_ms=0)).interval_ns is not None


@pytest.mark.parametrize(
    ("first", "second", "quantities"),
    [
        (boots(5, 100, 50), boots(5, 100, 50), [Quantity.WALL, Quantity.CPU]),
        (boots(5, 100), boots(5, 100, 50), [Quantity.WALL]),
        ([], boots(5, 100, 50), []),
    ],
)
def test_what_one_side_does_not_know_has_no_cost(
    first: list[Taken], second: list[Taken], quantities: list[Quantity]
) -> None:
    """Old runs have no CPU time, and a side of which every boot failed has nothing."""
    assert quantities == [cost.quantity for cost in costs_of(first, second, _USUAL)]


def test_the_quantities_are_a_family() -> None:
    """The p of two hypotheses is Holm's: here twice that of the one alone."""
    first, second = boots(6, 100, 50, step_ms=1), boots(6, 102, 51, step_ms=1)

    alone = wall([Taken(boot.wall_ns, None) for boot in first], second)
    both = wall(first, second)

    assert alone.p is not None
    assert both.p == pytest.approx(2 * alone.p)


@given(
    st.lists(st.integers(10**6, 10**12), min_size=1, max_size=9),
    st.lists(st.integers(10**6, 10**12), min_size=1, max_size=9),
)
def test_the_ratio_is_the_median_of_all_ratios(first: list[int], second: list[int]) -> None:
    """By brute force; of two in the middle, their geometric mean."""
    one, other = ([Taken(value, None) for value in side] for side in (first, second))

    ratios = sorted(b / a for a, b in product(first, second))
    middle = (ratios[(len(ratios) - 1) // 2] * ratios[len(ratios) // 2]) ** 0.5
    assert pytest.approx(middle, rel=1e-8) == wall(one, other).ratio.estimate


def test_the_cost_is_that_of_the_lengths_themselves() -> None:
    """The median of all differences, and the ends of its interval are differences too."""
    first, second = boots(4, 100, step_ms=3), boots(4, 110, step_ms=5)

    cost = wall(first, second)

    differences = [b.wall_ns - a.wall_ns for a, b in product(first, second)]
    assert median(differences) == cost.cost_ns
    assert Interval(min(differences), max(differences)) == cost.interval_ns
