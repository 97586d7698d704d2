"""Counts that are the same or are not: where two boots part, which phase two runs differ in."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from qemu_boot_time.model import Boot, Clock, Mark, Outcome, Run
from qemu_boot_time.phases import Rules, phases_of
from qemu_boot_time.report.exact import sentence
from qemu_boot_time.stats.exact import (
    NO_MARGIN,
    Parting,
    Sameness,
    compare,
    sameness,
    shift_between,
)
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.verdict import Margin, Verdict

COUNTS = {
    "qemu_init_end": 0,
    "fw_start": 1,
    "fw_do_boot": 100,
    "linux_start_boot": 110,
    "linux_start_kernel": 200,
    "linux_start_user": 500,
}


def boot(index: int = 0, /, counts: Mapping[str, int | None] | None = None, **others: int) -> Boot:
    """Make a boot of these counts; times are of no interest."""
    named = {**COUNTS, **others} if counts is None else counts
    marks = tuple(
        Mark(name, 10 * i, "plugin", instructions=count)
        for i, (name, count) in enumerate(named.items())
    )
    phases = phases_of(marks, Rules(), from_exec=True)
    return Boot(index, 1, Outcome.REACHED, marks, phases, exec_ns=0)


def run(*boots: Boot) -> Run:
    """Make a run."""
    return Run("night", boots, clock=Clock.INSTRUCTIONS)


# --- within a run -----------------------------------------------------------------------------


def test_boots_that_are_the_same() -> None:
    """All marks that all boots have are told."""
    assert Sameness(3, 6, None) == sameness([boot(0), boot(1), boot(2)])


def test_where_two_boots_part() -> None:
    """The first mark that differs is named, the last that does not, and who they are."""
    found = sameness([boot(0), boot(1), boot(2, linux_start_kernel=201, linux_start_user=999)])

    assert found is not None
    expected = Parting(1, 3, "linux_start_boot", "linux_start_kernel", (200, 201))
    assert expected == found.parting


def test_the_soonest_parting_counts() -> None:
    """Of several boots that differ, the one that does so first."""
    found = sameness([boot(0), boot(1, linux_start_user=501), boot(2, fw_start=2)])

    assert found is not None
    assert Parting(1, 3, "qemu_init_end", "fw_start", (1, 2)) == found.parting


def test_a_mark_that_one_boot_lacks_is_no_parting() -> None:
    """It is not there, so nothing is said of it."""
    fewer = {name: count for name, count in COUNTS.items() if name != "fw_do_boot"}

    assert Sameness(2, 5, None) == sameness([boot(0), boot(1, counts=fewer)])


@pytest.mark.parametrize(
    "boots",
    [
        [],
        [boot(0)],
        [boot(0), replace(boot(1), outcome=Outcome.TIMEOUT)],
        [boot(i, counts=dict.fromkeys(COUNTS)) for i in range(2)],
    ],
)
def test_it_takes_two(boots: list[Boot]) -> None:
    """Of fewer boots that got there and were counted, nothing can be said."""
    assert None is sameness(boots)


# --- between two runs -------------------------------------------------------------------------


def verdicts(first: Run, second: Run) -> dict[str, Verdict]:
    """Compare, and give the verdict of each phase."""
    return {shift.name: shift.verdict for shift in compare(first, second).phases}


def test_one_boot_of_each_side_is_enough() -> None:
    """The phase that moved is named with how far, and so is the total."""
    found = compare(run(boot()), run(boot(linux_start_kernel=230, linux_start_user=530)))

    assert found.total is not None
    assert (30, 30, Verdict.SLOWER) == (found.total.low, found.total.high, found.total.verdict)
    assert [("kernel_early", 30)] == [(shift.name, shift.low) for shift in found.guilty]
    said = "SLOWER: +30 instructions; +30 in kernel_early; the same: vmm, firmware, loader, kernel, unaccounted"
    assert said == sentence(found)


def test_a_shift_back_is_told_though_the_total_stays() -> None:
    """Two phases that make up for each other are two differences."""
    found = compare(run(boot()), run(boot(linux_start_kernel=190)))

    assert found.total is not None
    assert Verdict.SAME is found.total.verdict
    assert [("kernel_early", -10), ("kernel", 10)] == [(s.name, s.low) for s in found.guilty]
    assert "SAME: +0 instructions; -10 in kernel_early, +10 in kernel" in sentence(found)


def test_what_no_phase_explains_is_named() -> None:
    """The total may end behind the last phase: what moves there is told, and is not the same."""
    counts = {**COUNTS, "later": 600}
    found = compare(run(boot(counts=counts)), run(boot(counts={**counts, "later": 777})))

    assert found.total is not None
    assert Verdict.SLOWER is found.total.verdict
    assert [("unaccounted", 177)] == [(shift.name, shift.low) for shift in found.guilty]
    assert sentence(found).startswith("SLOWER: +177 instructions; +177 in unaccounted")


def test_most_boots_decide_which_total() -> None:
    """One boot that went further does not hide what all others ended at."""
    further = boot(2, counts={**COUNTS, "later": 600})

    found = compare(run(further, boot(0), boot(1)), run(boot(0), boot(1), further))

    assert found.total is not None
    assert ("linux_start_user", Verdict.SAME) == (found.total.end, found.total.verdict)


def test_the_same_is_the_same() -> None:
    """To the last instruction."""
    found = compare(run(boot()), run(boot(0), boot(1)))

    assert {Verdict.SAME} == {shift.verdict for shift in found.phases}
    assert "the same to the last instruction" == sentence(found)


def test_sides_that_wobble_decide_only_what_is_apart() -> None:
    """A shift holds if it does for every pair of boots; else nothing is decided."""
    wobbling = run(boot(0), boot(1, linux_start_kernel=205, linux_start_user=505))

    far = verdicts(wobbling, run(boot(linux_start_kernel=300, linux_start_user=600)))
    near = verdicts(wobbling, run(boot(linux_start_kernel=203, linux_start_user=503)))
    below = verdicts(run(boot(linux_start_kernel=300, linux_start_user=600)), wobbling)

    assert [Verdict.SLOWER, Verdict.UNDECIDED, Verdict.FASTER] == [
        found["kernel_early"] for found in (far, near, below)
    ]


def test_sides_of_different_marks() -> None:
    """What one side alone has is told, and no total of another end is compared."""
    shorter = {name: count for name, count in COUNTS.items() if name != "linux_start_user"}

    found = compare(run(boot()), run(boot(counts=shorter)))

    assert None is found.total
    assert (("kernel", "unaccounted", "total"), ("unaccounted", "total")) == found.only
    assert sentence(found).startswith("no total: ")


def test_one_odd_boot_hides_nothing() -> None:
    """Nineteen boots of a million and one of two and a half, against twenty of two million."""
    place = Place("kernel", "a", "b")

    found = shift_between(place, [1_000_000] * 19 + [2_500_000], [2_000_000] * 20)

    assert (Verdict.SLOWER, 1_000_000) == (found.verdict, found.second - found.first)


def test_a_margin_of_counts() -> None:
    """None unless it is named: one instruction more is more."""
    place = Place("kernel", "a", "b")

    assert [Verdict.SLOWER, Verdict.SAME] == [
        shift_between(place, [1_000_000], [1_000_001], margin=margin).verdict
        for margin in (NO_MARGIN, Margin(share=0.02))
    ]
