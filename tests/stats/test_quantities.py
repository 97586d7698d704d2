"""What a run has numbers of: phases by their ends, marks, and which total counts."""

from dataclasses import replace

import pytest

from boots import booted, marks
from qemu_boot_time.model import Boot, Clock, Mark, Outcome
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of, phases_of
from qemu_boot_time.stats.quantities import (
    Place,
    main_total,
    mark_times,
    median_boot,
    named_lengths,
    phase_lengths,
)

TOTAL = Place("total", "exec", "linux_start_user")
SHORT = Place("total", "exec", "fw_start")


def boot(index: int, /, **times: int) -> Boot:
    """Make a boot of these marks."""
    return boot_of_marks(marks(**times), index=index, rules=Rules())


def test_lengths_by_phase_and_boot() -> None:
    """Each phase by its name and its ends, the rest before the total, boots by their numbers."""
    boots = [
        boot(0, qemu_init_end=10, fw_start=15, linux_start_user=60),
        boot(4, qemu_init_end=11, fw_start=18, linux_start_user=71),
    ]

    found = phase_lengths(boots, Clock.TIME)

    assert {
        Place("vmm", "exec", "qemu_init_end"): {1: 10, 5: 11},
        Place("fw_start..linux_start_user", "fw_start", "linux_start_user"): {1: 45, 5: 53},
        Place("unaccounted", "exec", "linux_start_user"): {1: 5, 5: 7},
        TOTAL: {1: 60, 5: 71},
    } == found
    assert ["vmm", "fw_start..linux_start_user", "unaccounted", "total"] == [
        place.name for place in found
    ]


def test_totals_that_end_elsewhere_say_where() -> None:
    """And so does what no phase of theirs explains; a name that means one thing stands alone."""
    boots = [boot(0, qemu_init_end=10, fw_start=15), boot(1, qemu_init_end=10, up=20)]

    named = named_lengths(boots, Clock.TIME)

    assert {
        "vmm": {1: 10, 2: 10},
        "unaccounted (exec..fw_start)": {1: 5},
        "total (exec..fw_start)": {1: 15},
        "unaccounted (exec..up)": {2: 10},
        "total (exec..up)": {2: 20},
    } == named


def test_failed_boots_have_no_lengths() -> None:
    """Nor have they marks."""
    failed = replace(boot(0, fw_start=10), outcome=Outcome.TIMEOUT)

    assert {} == phase_lengths([failed], Clock.TIME)
    assert {} == mark_times([failed], Clock.TIME)


def test_instructions() -> None:
    """On their clock only what was counted is there."""
    counted = tuple(
        Mark(name, 10 * i, "plugin", instructions=count)
        for i, (name, count) in enumerate([("fw_start", 1), ("fw_do_boot", 100)])
    )
    phases = phases_of(counted, Rules(), from_exec=True)
    some = Boot(0, 1, Outcome.REACHED, counted, phases, exec_ns=0)

    found = phase_lengths([some, boot(1, fw_start=5)], Clock.INSTRUCTIONS)

    assert {1: 99} == found[Place("firmware", "fw_start", "fw_do_boot")]
    assert {"fw_start": {1: 1}, "fw_do_boot": {1: 100}} == mark_times([some], Clock.INSTRUCTIONS)


def test_the_first_of_a_mark_counts() -> None:
    """A trace point may come twice."""
    again = marks(fw_start=10, fw_do_boot=20) + marks(fw_do_boot=30)
    found = mark_times([boot_of_marks(again, index=0, rules=Rules())], Clock.TIME)

    assert {"fw_start": {1: 10}, "fw_do_boot": {1: 20}} == found


def test_marks_without_an_exec_have_no_place_beside_those_with_one() -> None:
    """Their zero is another one; alone, they count from their first mark."""
    whole, headless = list(booted(1000)), [*booted(2000, vm=2)][1:]

    both = mark_times(boots_of([*whole, *headless], Rules()), Clock.TIME)
    alone = mark_times(boots_of(headless, Rules()), Clock.TIME)

    assert {1: 60} == both["linux_start_user"]
    assert {1: 50} == alone["linux_start_user"]


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([{TOTAL: {1: 5, 2: 6}, SHORT: {3: 1}}], TOTAL),
        ([{SHORT: {1: 5}}, {TOTAL: {1: 5, 2: 6}}], TOTAL),
        ([{SHORT: {1: 5, 2: 5}}, {TOTAL: {1: 5}, SHORT: {1: 6}}], SHORT),
        ([{Place("kernel", "a", "b"): {1: 5}}], None),
        ([], None),
    ],
)
def test_the_total_that_most_boots_have(
    sides: list[dict[Place, dict[int, int]]], expected: Place | None
) -> None:
    """Over all sides together; no other phase is one."""
    assert expected == main_total(*sides)


@pytest.mark.parametrize(
    ("lengths", "number"),
    [
        ({3: 7}, 3),
        ({1: 9, 2: 5, 3: 1}, 2),
        ({1: 120, 2: 100, 3: 104, 4: 400}, 1),  # 112 is as far from both
        ({4: 5, 2: 5, 3: 9}, 2),
        ({1: 10**18 + 2, 2: 10**18, 3: 10**18 + 1, 4: 10**18 + 1}, 3),
    ],
)
def test_one_boot_stands_for_all(lengths: dict[int, int], number: int) -> None:
    """The one nearest to the median; of several the first, in whatever order they come."""
    assert number == median_boot(lengths)
