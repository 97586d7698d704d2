"""Profiles of several boots as one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles import MS, boot, counter, failed, profiled
from qemu_boot_time.exits import ExitKind, PhaseTime
from qemu_boot_time.model import Boot, Outcome, Profile, Run
from qemu_boot_time.stats.exits import MOST, Middle, exits_of


def test_the_middle_of_each_count_and_how_far_it_differs() -> None:
    """A boot without such exits has none of them, and regions of one device are one row."""
    run = profiled(
        [counter("ide", 3, 30), counter("fw_cfg", 5, 50, region="fwcfg")],
        [counter("fw_cfg", 5, 60, region="fwcfg"), counter("fw_cfg", 2, 8, region="fwcfg.dma")],
        [counter("fw_cfg", 9, 70)],
    )

    (phase,) = exits_of(run).phases

    assert [
        ("fw_cfg", Middle(7, 5, 9), Middle(68, 50, 70)),
        ("ide", Middle(0, 0, 3), Middle(0, 0, 30)),
    ] == [(row.device, row.exits, row.outside_ns) for row in phase.rows]
    assert (Middle(8, 7, 9), Middle(70, 68, 80)) == (phase.exits, phase.busy.outside_ns)
    assert (20 * MS, 70 / (20 * MS)) == (phase.length_ns, phase.busy.share)
    assert (3, 3) == phase.n


def timed(run: Run, *times: PhaseTime) -> Run:
    """Give each profiled boot its time of the firmware."""
    pairs = zip(run.profiles, times, strict=True)
    return replace(run, profiles=tuple(replace(profile, times=(time,)) for profile, time in pairs))


def firmware(watched_ms: int, vcpus: int = 1, busy_vcpus: int = 1) -> PhaseTime:
    """Watch so much of 20 ms."""
    return PhaseTime("firmware", 20 * MS, watched_ms * MS, vcpus, busy_vcpus)


def test_a_share_is_one_shown_number_of_another() -> None:
    """The median time outside, of the median length: whoever divides them finds it."""
    run = profiled(*([counter("ide", 1, ns)] for ns in (5 * MS, 2 * MS, 20 * MS)))
    profiles = [
        replace(profile, boot=boot(9 + i, length))
        for i, (profile, length) in enumerate(zip(run.profiles, (10, 20, 40), strict=True))
    ]

    (phase,) = exits_of(replace(run, profiles=tuple(profiles))).phases

    assert [0.25, 0.25] == [phase.busy.share, phase.rows[0].share]
    assert (20 * MS, Middle(5 * MS, 2 * MS, 20 * MS)) == (phase.length_ns, phase.busy.outside_ns)


@given(st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))))
def test_a_share_is_never_more_than_all(boots: list[tuple[int, int]]) -> None:
    """No boot is outside for longer than it takes, and then nor is the middle of them."""
    run = profiled(*([counter("ide", 1, out * MS)] for out, _ in boots))

    summary = exits_of(timed(run, *(firmware(length) for _, length in boots)))

    assert all((phase.busy.share or 0) <= 1 for phase in summary.phases)


def test_time_that_was_not_watched_is_of_no_boot() -> None:
    """A share is of what was watched; a boot in which nothing was has its counts, and no times."""
    run = profiled([counter("ide", 4, 5 * MS)], [counter("ide", 6)], [counter("ide", 5, 9 * MS)])

    (phase,) = exits_of(timed(run, firmware(10), firmware(0), firmware(18))).phases

    assert (Middle(14 * MS, 10 * MS, 18 * MS), 2, (3, 3)) == (
        phase.watched_ns,
        phase.watched,
        phase.n,
    )
    assert (Middle(5, 4, 6), Middle(7 * MS, 5 * MS, 9 * MS), 0.5) == (
        phase.exits,
        phase.busy.outside_ns,
        phase.busy.share,
    )


def test_a_phase_of_which_nothing_was_watched_has_no_times() -> None:
    """Its exits are known."""
    (phase,) = exits_of(timed(profiled([counter("ide", 4)]), firmware(0))).phases

    assert (None, None, None) == (phase.watched_ns, phase.busy.outside_ns, phase.busy.share)
    assert Middle(4, 4, 4) == phase.exits


def test_a_phase_is_of_the_boots_that_have_it() -> None:
    """A boot without it has no exits in it, not none: what it was is of the others alone."""
    run = profiled(*([counter("ide", n, 10 * MS)] for n in (100, 200, 300)))
    others = [
        replace(
            profile,
            boot=Boot(7, 1, Outcome.REACHED),
            counters=tuple(replace(c, phase="vmm") for c in profile.counters),
        )
        for profile in run.profiles[1:]
    ]

    found, other = exits_of(replace(run, profiles=(run.profiles[0], *others))).phases

    assert ((1, 3), Middle(100, 100, 100), 0.5) == (found.n, found.exits, found.busy.share)
    assert ((2, 3), Middle(250, 200, 300)) == (other.n, other.exits)


def test_several_vcpus_share_more_time() -> None:
    """Two that are outside for 15 of 20 ms each are it for three quarters; of waiting there is no share."""
    hlt = counter("", 4, 15 * MS, kind=ExitKind.OTHER, reason="EXIT_HLT")
    run = timed(profiled([counter("ide", 9, 30 * MS), hlt]), firmware(20, vcpus=3, busy_vcpus=2))

    (phase,) = exits_of(run).phases

    assert (0.75, Middle(2, 2, 2)) == (phase.busy.share, phase.busy_vcpus)
    assert [0.75, None] == [row.share for row in phase.rows]


def test_more_than_all_is_no_share() -> None:
    """Where a profile does not say how many vCPUs there were, the time of several is of nothing that is known."""
    (phase,) = exits_of(profiled([counter("ide", 9, 35 * MS)])).phases

    assert (Middle(35 * MS, 35 * MS, 35 * MS), None) == (phase.busy.outside_ns, phase.busy.share)


def test_what_is_not_told_one_by_one_is_added_up_in_each_boot() -> None:
    """Of rows that differ from boot to boot the middles add up to something else."""
    told = [counter(f"device {i}", 100, 1000) for i in range(MOST)]
    few = [(("a", 0), ("b", 0)), (("a", 0), ("b", 9)), (("a", 9), ("b", 0))]
    run = profiled(*([*told, *(counter(*each, 3) for each in pair)] for pair in few))

    (phase,) = exits_of(run).phases

    assert phase.rest is not None
    assert (Middle(9, 0, 9), Middle(6, 6, 6)) == (phase.rest.exits, phase.rest.outside_ns)
    assert Middle(1009, 1000, 1009) == phase.busy.exits


def test_idleness_is_kept_apart() -> None:
    """A guest that waits for time to pass would have taken as long without the exit."""
    hlt = counter("", 4, 15 * MS, kind=ExitKind.OTHER, reason="EXIT_HLT")

    (phase,) = exits_of(profiled([hlt, counter("ide", 1, 10)])).phases

    assert (Middle(10, 10, 10), Middle(15 * MS, 15 * MS, 15 * MS)) == (
        phase.busy.outside_ns,
        phase.idle_ns,
    )
    assert (Middle(5, 5, 5), Middle(1, 1, 1)) == (phase.exits, phase.busy.exits)
    assert [("ide", False), ("", True)] == [(row.device, row.is_idle) for row in phase.rows]


def test_the_host_may_not_tell_the_time_outside() -> None:
    """Then nothing is said of it, and what comes most often is first."""
    (phase,) = exits_of(profiled([counter("ide", 1), counter("fw_cfg", 9)])).phases

    assert (None, None, None) == (phase.busy.outside_ns, phase.idle_ns, phase.busy.share)
    assert ["fw_cfg", "ide"] == [row.device for row in phase.rows]


def test_a_boot_that_failed_or_is_not_whole_is_left_out() -> None:
    """And counted."""
    run = profiled([counter("ide", 1, 10)])
    lost = Profile(run.profiles[0].boot, notes=("7 events were lost",))

    summary = exits_of(replace(run, profiles=(*run.profiles, failed(9), lost)))

    assert (1, 2) == (summary.boots, summary.failed)
    assert ("time outside: of a test", "7 events were lost") == summary.notes
    assert [Middle(1, 1, 1)] == [phase.exits for phase in summary.phases]


@pytest.mark.parametrize(("n", "is_sure"), [(3, False), (6, True)])
def test_what_profiling_costs(n: int, is_sure: bool) -> None:  # noqa: FBT001  # a parameter
    """CPU time, the total and each phase against the measured boots; few boots give no interval."""
    counters = [counter("ide", 1, 10)]
    run = profiled(*(counters for _ in range(n)), measured_ms=[10] * n)

    cost = {each.name: each for each in exits_of(run).cost}

    assert ["CPU time", "total", "exec..fw_start", "firmware"] == list(cost)
    assert pytest.approx(2.0) == cost["CPU time"].ratio.estimate
    assert (n, n) == cost["firmware"].n
    assert pytest.approx(2.0) == cost["firmware"].ratio.estimate
    assert pytest.approx(21 / 11) == cost["total"].ratio.estimate
    assert is_sure == (cost["firmware"].ratio.low is not None)
