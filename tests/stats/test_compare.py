"""The judgement of two runs: verdicts and why, families, what one side lacks, how many more boots."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulated
from boots import marks
from qemu_boot_time.model import Boot, Clock, Outcome, Run
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.stats.compare import (
    Change,
    Comparison,
    change_of,
    compare,
    judged,
    judged_family,
)
from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.verdict import Margin, Verdict

KERNEL = Place("kernel", "linux_start_kernel", "linux_start_user")
FASTER, SLOWER, SAME, UNDECIDED = Verdict


def change(
    low: int | None, high: int = 0, *, p: float | None = 0.01, shift: int = 0, n: int = 10
) -> Change:
    """Make a change of a phase that takes 1000, within a margin of 10."""
    interval = None if low is None else Interval(low, high)
    return Change(KERNEL, (n, n), (1000.0, 1000.0 + shift), 10, shift, interval, p, UNDECIDED, "")


def run(*rows: dict[str, int], failed: int = 0, rules: Rules | None = None) -> Run:
    """Make a run of boots that had these marks, and of some that timed out."""
    boots = [
        boot_of_marks(marks(**row), index=i, rules=rules or Rules()) for i, row in enumerate(rows)
    ]
    late = [Boot(len(boots) + i, 1, Outcome.TIMEOUT) for i in range(failed)]
    return Run("night", (*boots, *late))


def steady(n: int, /, **times: int) -> Run:
    """Make a run of boots a little apart: each mark comes later by the boot's number."""
    usual = {"fw_start": 1_000, "linux_start_kernel": 10_000, "linux_start_user": 50_000}
    return run(*({name: at + i for name, at in {**usual, **times}.items()} for i in range(n)))


def phases(found: Comparison) -> dict[str, Verdict]:
    """Give the verdicts by phase."""
    return {change.name: change.verdict for change in found.phases}


# --- the verdict ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (-10, 10, 0.9, SAME),
        (1, 10, 0.001, SAME),
        (-10, -1, 0.001, SAME),
        (1, 11, 0.05, SLOWER),
        (20, 30, 0.001, SLOWER),
        (-11, -1, 0.05, FASTER),
        (-30, -20, 0.001, FASTER),
        (1, 11, 0.051, UNDECIDED),
        (0, 11, 0.001, UNDECIDED),
        (-11, 0, 0.001, UNDECIDED),
        (-11, 10, 0.9, UNDECIDED),
        (-10, 11, 0.9, UNDECIDED),
    ],
)
def test_the_verdict(low: int, high: int, p: float, expected: Verdict) -> None:
    """SAME within the margin whatever p says; else as test and interval say together; else neither."""
    assert expected == judged(change(low, high, p=p)).verdict


def test_why_undecided() -> None:
    """The interval holds too much, or the family is too large for the p."""
    wide, chance = judged(change(-20, 30)), judged(change(5, 30, p=0.24))

    assert "the interval holds both no change and more than the margin" == wide.reason
    assert "the interval excludes 0, the test does not: p 0.240" == chance.reason
    assert judged(change(5, 30, p=0.24), 7).reason.endswith("p 0.240 as one of 7")


@pytest.mark.parametrize("verdict", [(20, 30), (-30, -20), (-5, 5)])
def test_what_is_settled_needs_no_reason(verdict: tuple[int, int]) -> None:
    """No reason, and no more boots."""
    found = judged(change(*verdict))

    assert ("", None) == (found.reason, found.more)


def test_a_margin_of_its_own_length() -> None:
    """In nanoseconds, whatever the side takes; else a share of the first side's median."""
    assert (12, 2_435) == (Margin(length=12).of(243_500), Margin().of(243_500))


def test_a_shift_in_percent() -> None:
    """Of the first side's median; of a phase that took no time there is none."""
    found = change(20, 30, shift=25)

    assert 2.5 == found.percent(25)
    assert None is replace(found, medians=(0.0, 25.0)).percent(25)


# --- few boots --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "m", "more"), [(1, 1, 3), (2, 2, 2), (3, 3, 1), (1, 30, 3), (3, 4, 1)]
)
def test_too_few_boots(n: int, m: int, more: int) -> None:
    """However far apart, it is said how many are missing; four a side are the fewest."""
    found = change_of(range(n), range(900, 900 + m), Margin(), KERNEL)

    assert (UNDECIDED, None, more) == (found.verdict, found.interval, found.more)
    assert f"{n} against {m} boots are too few for an interval at 95%" == found.reason


def test_four_boots_a_side_are_enough_for_the_obvious() -> None:
    """All of one side behind all of the other."""
    found = change_of([100, 101, 102, 103], [200, 201, 202, 203], Margin(), KERNEL)

    assert (SLOWER, 100) == (found.verdict, found.shift)


def test_unequal_numbers_of_boots() -> None:
    """Nothing is cut to the shorter side."""
    found = change_of(range(1000, 1010), range(1100, 1150), Margin(), KERNEL)

    assert (SLOWER, (10, 50), 120) == (found.verdict, found.n, found.shift)


def test_no_spread_on_either_side() -> None:
    """The same number in each boot is the same; any other one is not."""
    assert SAME is change_of([500] * 10, [500] * 10, Margin(), KERNEL).verdict
    assert SLOWER is change_of([500] * 10, [506] * 10, Margin(), KERNEL).verdict
    assert FASTER is change_of([500] * 10, [494] * 10, Margin(), KERNEL).verdict


def test_a_phase_that_takes_no_time() -> None:
    """It has no margin, and is the same."""
    found = change_of([0] * 10, [0] * 10, Margin(), KERNEL)

    assert (0, SAME) == (found.margin, found.verdict)


# --- how many more ----------------------------------------------------------------------------


def test_more_boots_shrink_the_interval_by_the_root_of_their_number() -> None:
    """Half as wide takes four times as many, and a fifth for luck: 48 a side, 38 more than ten."""
    assert 38 == judged(change(-25, 35, shift=15)).more


def test_more_boots_for_sameness() -> None:
    """Without a shift it is the margin that the interval has to fit in: 2 / 1, squared."""
    assert 38 == judged(change(-20, 20, shift=0)).more


def test_the_nearest_answer_counts() -> None:
    """A shift of 2 is settled by sameness (8 to the margin) sooner than by itself."""
    assert judged(change(-14, 18, shift=2)).more == judged(change(-16, 16, shift=2)).more == 38


def test_a_phase_of_several_takes_more() -> None:
    """What one of six has to show is stricter: (2.64 / 1.96) squared, as many boots."""
    alone, sixth = judged(change(-25, 35, shift=15)), judged(change(-25, 35, shift=15), 6)

    assert 38 == alone.more
    assert 87 - 10 == sixth.more


def test_what_chance_does_as_well_takes_more_than_a_few() -> None:
    """An interval that excludes 0 by a hair in a family of six: as many again, not a fifth."""
    assert 10 == judged(change(1, 41, p=0.24, shift=21), 6).more


def test_of_unequal_sides_both_grow() -> None:
    """The number is of each side; the effective size is their harmonic mean."""
    found = replace(change(-25, 35, shift=15), n=(10, 40))

    assert 77 - 10 == judged(found).more


@pytest.mark.parametrize("hopeless", [change(-1_000_000, 1_000_000, shift=5)])
def test_nobody_waits_for_so_many(hopeless: Change) -> None:
    """More than 100,000 a side are not advised."""
    assert None is judged(hopeless).more


# --- the family -------------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    """Of 0.01, 0.04, 0.03, 0.005 the smallest is multiplied by 4, the next by 3, and none gets below one before it."""
    family = [change(1, p=p) for p in (0.01, 0.04, 0.03, 0.005)]

    assert [0.03, 0.06, 0.06, 0.02] == pytest.approx(
        [each.p or 0 for each in judged_family(family)]
    )


def test_holm_leaves_out_what_has_no_p() -> None:
    """A phase that one side lacks is no hypothesis, and keeps its place."""
    family = [change(None, p=None), change(1, p=0.02), change(1, p=0.9)]

    assert [None, 0.04, 0.9] == [each.p for each in judged_family(family)]
    assert [] == judged_family([])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_a_correction_only_raises(raw: list[float]) -> None:
    """Never below the raw p nor above 1, and never in another order."""
    found = [each.p or 0.0 for each in judged_family([change(1, p=p) for p in raw])]

    assert all(p <= each <= 1 for p, each in zip(raw, found, strict=True))
    assert sorted(found) == [each for _, each in sorted(zip(raw, found, strict=True))]


@pytest.mark.parametrize(
    ("more_marks", "expected"),
    [
        ({}, SLOWER),
        ({"fw_do_boot": 1_100, "linux_start_boot": 1_200, "linux_start_kernel": 1_300}, UNDECIDED),
    ],
)
def test_one_phase_of_many_has_to_be_clearer(more_marks: dict[str, int], expected: Verdict) -> None:
    """A p of 1.5 % is enough for one of three phases, and not for one of six."""
    ends = [[2_000 + 10 * i for i in range(1, 7)], [2_045, 2_055, 2_070, 2_080, 2_090, 2_100]]
    rows = [
        [{"fw_start": 1_000, **more_marks, "linux_start_user": at} for at in side] for side in ends
    ]

    found = compare(run(*rows[0]), run(*rows[1]), Margin(length=0))

    last = found.phases[-2]
    assert "linux_start_user" == last.place.end
    assert expected is last.verdict
    assert 2 * len(found.phases) * 7 / 924 == pytest.approx(last.p or 0)


# --- two runs ---------------------------------------------------------------------------------


def test_the_guilty_phase() -> None:
    """The kernel takes 4 µs more of 40: the total and the kernel are slower, all else is the same."""
    found = compare(steady(10), steady(10, linux_start_user=54_000), Margin())

    assert (SLOWER, 4_000) == (found.total.verdict, found.total.shift)
    assert {"kernel": SLOWER} == {k: v for k, v in phases(found).items() if v is not SAME}
    assert ["kernel"] == [each.name for each in found.moved]
    assert 1.0 == found.share_of(found.moved[0])


def test_the_largest_shift_is_told_first() -> None:
    """Faster or slower, by size."""
    found = compare(
        steady(10), steady(10, linux_start_kernel=14_000, linux_start_user=51_000), Margin()
    )

    moved = [(each.name, each.verdict, each.shift) for each in found.moved]
    assert [
        ("fw_start..linux_start_kernel", SLOWER, 4_000),
        ("kernel", FASTER, -3_000),
    ] == moved
    assert [4.0, -3.0] == [found.share_of(each) for each in found.moved]


def test_a_total_that_has_not_moved_has_no_shares() -> None:
    """Two phases that all but cancel out: each is told, and no part of what does not matter is."""
    found = compare(
        steady(10), steady(10, linux_start_kernel=14_000, linux_start_user=50_100), Margin()
    )

    assert (SAME, 100) == (found.total.verdict, found.total.shift)
    assert [4_000, -3_900] == [each.shift for each in found.moved]
    assert [None, None] == [found.share_of(each) for each in found.moved]


def test_a_phase_that_one_side_lacks() -> None:
    """It is named, by side, and is of no family."""
    first = steady(10, fw_do_boot=5_000)

    found = compare(first, steady(10), Margin())

    names = [[place.name for place in side] for side in found.only]
    assert [
        ["firmware", "fw_do_boot..linux_start_kernel"],
        ["fw_start..linux_start_kernel"],
    ] == names
    assert {"exec..fw_start", "kernel", "unaccounted"} == set(phases(found))


def test_phases_of_one_name_with_other_ends_are_not_compared() -> None:
    """A user's phase that was defined anew is another thing."""
    row = {"fw_start": 1_000, "linux_start_user": 50_000}
    first, second = (run(*[row] * 5, rules=Rules(phases={"mine": ("exec", end)})) for end in row)

    found = compare(first, second, Margin())

    assert "mine" not in phases(found)
    assert [["mine"], ["mine"]] == [[place.name for place in side] for side in found.only]


def test_totals_with_other_ends() -> None:
    """Whoever asks has insisted that they mean the same: each side has its own."""
    found = compare(steady(10), run(*[{"fw_start": 1_000}] * 4), Margin())

    assert (10, 4) == found.total.n
    assert 1_000 == found.total.medians[1]


def test_all_boots_of_a_side_failed() -> None:
    """UNDECIDED, with the reason; and that it fails so much more often is no chance."""
    found = compare(steady(10), run(failed=10), Margin())

    assert (UNDECIDED, "no boot of the second counts") == (found.total.verdict, found.total.reason)
    assert ((), (10, 10), (0, 10)) == (found.phases, found.boots, found.failed)
    assert found.p_failed < 0.001


def test_no_boots_at_all() -> None:
    """Two empty runs: nothing is said, and why."""
    found = compare(run(), run(), Margin())

    assert "no boot of the first and of the second counts" == found.total.reason
    assert (UNDECIDED, 1.0) == (found.total.verdict, found.p_failed)


def test_failed_boots_are_counted_and_left_out() -> None:
    """Two of twelve that timed out do not shift the others; Fisher's exact test says how odd it is."""
    slow = replace(steady(10), boots=(*steady(10).boots, *run(failed=2).boots))

    found = compare(steady(10), slow, Margin())

    assert (SAME, (10, 10), (10, 12), (0, 2)) == (
        found.total.verdict,
        found.total.n,
        found.boots,
        found.failed,
    )
    assert (66 + 45) / 231 == pytest.approx(found.p_failed)


def test_instructions_are_compared_on_their_clock() -> None:
    """What was not counted is not there."""
    found = compare(steady(10), steady(10), Margin(), Clock.INSTRUCTIONS)

    assert (Clock.INSTRUCTIONS, (), (0, 0)) == (found.clock, found.phases, found.total.n)


# --- what it is worth -------------------------------------------------------------------------


def test_false_alarms_are_rare() -> None:
    """Of 300 pairs of runs of one made-up system, no more than some 5 in 100 differ: total and phases."""
    rng = np.random.default_rng(11)
    wrong = np.zeros(2)
    for _ in range(300):
        first, second = (simulated.lengths(rng, 20, second=simulated.Second()) for _ in range(2))
        found = compare(simulated.run_of(first), simulated.run_of(second), Margin())
        wrong += [found.total.verdict in {FASTER, SLOWER}, bool(found.moved)]

    total, any_phase = wrong / 300
    assert total <= 0.08
    assert any_phase <= 0.08


def test_two_percent_is_seen() -> None:
    """Thirty boots a side, 1.6 % apart from each other: +2 % is SLOWER, and -2 % FASTER."""
    rng = np.random.default_rng(12)

    verdicts = [
        change_of(
            simulated.normal(rng, 30, sd=0.016),
            [round(each * factor) for each in simulated.normal(rng, 30, sd=0.016)],
            Margin(),
            KERNEL,
        ).verdict
        for factor in (1.02, 0.98)
        for _ in range(200)
    ]

    assert verdicts[:200].count(SLOWER) >= 190
    assert verdicts[200:].count(FASTER) >= 190


def test_a_shift_at_the_margin_is_hardly_ever_the_same() -> None:
    """+1 % is called SAME in some 2 of 100 comparisons, however many boots there are."""
    rng = np.random.default_rng(13)

    verdicts = [
        change_of(
            simulated.normal(rng, 100, sd=0.016),
            [round(each * 1.01) for each in simulated.normal(rng, 100, sd=0.016)],
            Margin(),
            KERNEL,
        ).verdict
        for _ in range(300)
    ]

    assert verdicts.count(SAME) <= 15
