"""Two kinds of boots: seen where they are, not seen where there is one kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulated
from qemu_boot_time.stats.modes import LEAST_BOOTS, Mode, best_splits, modes_of


def two_kinds(fast: int, slow: int) -> dict[int, int]:
    """Make boots of 99 ms and of 117 ms in turn, each a little unlike the others; numbers from 1."""
    values = [99_000 + 37 * i for i in range(fast)] + [117_000 + 41 * i for i in range(slow)]
    return simulated.numbered(np.random.default_rng(1).permutation(values).tolist())


def test_two_modes_are_told() -> None:
    """Where each lies, how many boots it has, and which: the fastest first."""
    values = two_kinds(33, 17)

    found = modes_of(values)

    assert found is not None
    fast, slow = found.modes
    assert (99_000 + 37 * 16, 33 / 50) == (fast.at, fast.share)
    assert (117_000 + 41 * 8, 17 / 50) == (slow.at, slow.share)
    assert {boot for boot, value in values.items() if value >= 117_000} == set(slow.boots)
    assert sorted(fast.boots) == list(fast.boots)
    assert found.p <= 0.02


def test_three_modes_are_told() -> None:
    """A mode may be of two kinds in turn."""
    values = [base + 20 * i for base in (50_000, 99_000, 200_000) for i in range(20)]

    found = modes_of(simulated.numbered(values))

    assert found is not None
    assert [50_190, 99_190, 200_190] == [mode.at for mode in found.modes]
    assert [1 / 3] * 3 == pytest.approx([mode.share for mode in found.modes])


@pytest.mark.parametrize("n", [0, 1, 2, LEAST_BOOTS - 1])
def test_few_boots_have_one_mode(n: int) -> None:
    """Fewer than twenty are never said to have two, however far apart they lie."""
    assert None is modes_of(two_kinds(n - n // 2, n // 2))


def test_twenty_boots_are_enough() -> None:
    """Where the two kinds lie far apart."""
    found = modes_of(two_kinds(12, 8))

    assert found is not None
    assert [0.6, 0.4] == [mode.share for mode in found.modes]


def test_no_spread_is_one_mode() -> None:
    """All boots alike."""
    assert None is modes_of(dict.fromkeys(range(1, 51), 7))


def test_two_values_only_are_two_modes() -> None:
    """Counts of instructions may be one of two."""
    found = modes_of(simulated.numbered([160_000_000] * 20 + [160_000_018] * 10))

    assert found is not None
    fast, slow = found.modes
    assert Mode(160_000_000, 2 / 3, tuple(range(1, 21))) == fast
    assert Mode(160_000_018, 1 / 3, tuple(range(21, 31))) == slow


def test_a_few_slow_boots_are_no_mode() -> None:
    """Three of fifty are outliers."""
    assert None is modes_of(two_kinds(47, 3))


def test_rounded_times_are_no_modes() -> None:
    """A coarse clock makes many boots equal; that does not make them of several kinds."""
    rng = np.random.default_rng(2)
    values = [round(value) * 1_000_000 for value in rng.normal(110, 2, 200)]

    assert None is modes_of(simulated.numbered(values))


@given(st.permutations(list(range(30))))
def test_the_order_of_boots_does_not_matter(order: list[int]) -> None:
    """The same values in another order have the same modes."""
    values = [*two_kinds(18, 12).values()]

    found = modes_of(simulated.numbered([values[i] for i in order]))

    assert found is not None
    assert [0.6, 0.4] == [mode.share for mode in found.modes]


def test_the_best_split_is_that_of_brute_force() -> None:
    """The distance of the means in the root mean square of the deviations, at each place."""
    values = np.sort(np.random.default_rng(3).exponential(size=40))
    places = range(4, 37)
    by_hand = [
        (values[i:].mean() - values[:i].mean())
        / np.sqrt((values[:i].var(ddof=1) + values[i:].var(ddof=1)) / 2)
        for i in places
    ]

    distances, found = best_splits(values[None, :])

    assert max(by_hand) == pytest.approx(float(distances[0]))
    assert places[int(np.argmax(by_hand))] == found[0]


# --- what it is worth -------------------------------------------------------------------------


def test_false_modes_are_rare() -> None:
    """Of 300 samples of 50 normal, and of 300 log-normal boots, hardly any have a second mode."""
    rng = np.random.default_rng(4)
    normal = [modes_of(simulated.numbered(simulated.normal(rng, 50))) for _ in range(300)]
    skewed = [modes_of(simulated.numbered(simulated.log_normal(rng, 50))) for _ in range(300)]

    assert sum(each is not None for each in normal) <= 18
    assert sum(each is not None for each in skewed) <= 18


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5])
def test_a_mixture_is_told_with_its_shares(share: float) -> None:
    """99 and 117 ms: two modes in nearly all samples of 50, within 5 points of what was drawn."""
    rng = np.random.default_rng(5)
    right = 0
    for _ in range(200):
        values, late = simulated.mixture(rng, 50, share=share)
        found = modes_of(simulated.numbered(values))
        right += bool(found and len(found.modes) == 2 and abs(found.modes[1].share - late) <= 0.05)

    assert right >= 190


def test_many_boots_show_modes_that_overlap() -> None:
    """Four deviations apart, half of each: the dip test says so for 300 boots."""
    rng = np.random.default_rng(6)

    found = modes_of(simulated.numbered(simulated.mixture(rng, 300, share=0.5, apart=4)[0]))

    assert found is not None
    assert "dip" == found.test
