"""Moments stamped on both sides tie a guest's clocks to the host's."""

import pytest

from boots import seen, wrote
from qemu_boot_time.formats.kmsg import Record
from qemu_boot_time.model import Alignment, EventKind
from qemu_boot_time.phases.guest_clock import (
    GuestClock,
    GuestClocks,
    Readings,
    Stamps,
    Tie,
    clocks_of,
    lost_ns,
    stamps_of,
    tsc_per_ms,
)

US, MS = 1000, 1_000_000


def tries(*begins_ns: int, width_ns: int = 2 * US) -> list[Stamps]:
    """Make tries that each take ``width_ns`` to read the clock, and as long to write to the log."""
    return [Stamps(ns, ns + width_ns, ns + 2 * width_ns, 0) for ns in begins_ns]


def clocks(*arguments: object) -> GuestClocks:
    """Tie clocks that can be tied."""
    found = clocks_of(*arguments)  # type: ignore[arg-type]  # as the tests give them
    assert found is not None
    return found


def test_three_writes_are_a_try() -> None:
    """Whatever else is seen in between, and of the least sure stamp."""
    events = [
        wrote(10, 250, error_ns=5),
        seen(EventKind.RESET, 11),
        wrote(12, 251, error_ns=7),
        wrote(13, 1),
        wrote(15, 252, error_ns=5),
    ]

    assert [Stamps(10, 12, 15, 7)] == list(stamps_of(events))


def test_a_try_that_is_not_whole_is_none() -> None:
    """A write that was lost costs its own try alone."""
    events = [wrote(ns, value) for ns, value in [(1, 250), (2, 252), (3, 250), (4, 251), (5, 252)]]

    assert [Stamps(3, 4, 5, 0)] == list(stamps_of(events))


def test_the_tightest_try_counts() -> None:
    """A reading lies in the middle of its two stamps, give or take half of what is between them."""
    stamps = [Stamps(100, 900, 901, 0), Stamps(1000, 1010, 1011, 3), Stamps(1100, 1190, 1191, 0)]

    found = clocks(stamps, [Readings(1, [7, 10, 13])], {}).monotonic

    assert Tie(10, 1005, 5 + 3 + 1) == found.first
    assert Alignment(9) == found.alignment


def test_two_ties_share_out_the_drift() -> None:
    """Between them evenly, outside of them not at all."""
    clock = GuestClock(Tie(1000, 50_000, 3), Tie(2000, 51_100, 4))

    assert Alignment(error_ns=4, apart_ns=1100, drift_ns=100) == clock.alignment
    assert [49_000, 50_000, 50_550, 51_100, 52_100] == [
        clock.host_ns(guest_ns) for guest_ns in (0, 1000, 1500, 2000, 3000)
    ]


def test_early_and_late_tries_are_two_ties() -> None:
    """The drift is what the host counts more than the guest."""
    readings = [Readings(1, [10 * MS]), Readings(1, [1010 * MS])]

    found = clocks(tries(5000 * MS, 6002 * MS), readings, {}).monotonic

    assert Alignment(error_ns=US + 1, apart_ns=1002 * MS, drift_ns=2 * MS) == found.alignment


def test_a_coarse_clock_is_no_better_than_its_ticks() -> None:
    """Without a TSC the guest's clock stands still for 4 ms."""
    found = clocks(tries(0), [Readings(4 * MS, [12 * MS])], {}).monotonic

    assert 4 * MS + US == found.alignment.error_ns


def test_the_log_has_a_clock_of_its_own() -> None:
    """Our line in it lies between the last two writes; it is cut to the microsecond."""
    found = clocks(tries(5000), [Readings(1, [77])], {77: 3000}).log

    assert GuestClock(Tie(3000, 8000, 2 * US), Tie(3000, 8000, 2 * US)) == found


def test_lines_that_the_log_lost_tie_nothing() -> None:
    """The kernel takes so many from user space, and no more."""
    assert clocks(tries(5000), [Readings(1, [77])], {}).log is None


def test_a_log_clock_that_stands_still_is_given_a_tick() -> None:
    """Unless it moves at the other tie."""
    readings = [Readings(1, [10, 20]), Readings(1, [1010, 1020])]
    stamps = tries(1 * MS, 2 * MS, 3 * MS, 4 * MS)
    still = {10: 0, 20: 0, 1010: 5000, 1020: 5000}

    coarse = clocks(stamps, readings, still).log
    better = clocks(stamps, readings, still | {20: 1000}).log

    assert coarse is not None
    assert better is not None
    assert [10 * MS + US, 2 * US] == [c.alignment.error_ns for c in (coarse, better)]
    assert [2 * MS, 0] == [c.alignment.apart_ns for c in (coarse, better)]


def test_a_reset_begins_the_clock_anew() -> None:
    """The stamps before it belong to readings that no longer count."""
    readings = [Readings(1, [900]), Readings(1, [50]), Readings(1, [70])]

    found = clocks(tries(10_000, 20_000, 30_000), readings, {}).monotonic

    assert (50, 21_000, 70, 31_000) == (*found.first[:2], *found.last[:2])


@pytest.mark.parametrize(
    ("stamps", "readings"),
    [
        ([], []),
        ([], [Readings(1, [5])]),
        (tries(10), [Readings(1, [5, 6])]),
        (tries(10), [Readings(1, [])]),
    ],
)
def test_readings_without_stamps_tie_nothing(
    stamps: list[Stamps], readings: list[Readings]
) -> None:
    """Where the host has seen fewer tries than there are readings nobody can tell which."""
    assert clocks_of(stamps, readings, {}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sched_clock: Marking stable (1773197877, -43232195)->(2166387687, -436422005)",
            436422005,
        ),
        ("sched_clock: Marking stable (1, 0)->(1, 25)", 25),
        ("sched_clock: Marking unstable (1, 0)<-(1, 25)", 0),
        ("clocksource: Switched to clocksource tsc", 0),
    ],
)
def test_the_kernel_says_what_its_clocks_had_lost(text: str, expected: int) -> None:
    """Where it says so."""
    assert expected == lost_ns([Record(5, "Linux version 6.1"), Record(7, text)])


def test_the_tsc_is_measured_between_two_ties() -> None:
    """Whatever the guest believes its rate to be; it is as sure before as after."""
    readings = [Readings(1, [10], [4_000]), Readings(1, [1010], [8_000])]

    tsc = clocks(tries(5 * MS, 9 * MS), readings, {}, 999).tsc

    assert tsc is not None
    assert Alignment(error_ns=US, apart_ns=4 * MS) == tsc.alignment
    assert [MS + US, 5 * MS + US, 6 * MS + US] == [tsc.host_ns(c) for c in (0, 4_000, 5_000)]


def test_with_one_tie_the_guests_word_counts() -> None:
    """So many cycles are a millisecond."""
    tsc = clocks(tries(5 * MS), [Readings(1, [10], [4_000])], {}, 2_000).tsc

    assert tsc is not None
    assert 3 * MS + US == tsc.host_ns(0)


@pytest.mark.parametrize(
    "readings",
    [
        [Readings(1, [10], [4_000])],
        [Readings(1, [10])],
        [Readings(1, [10], [4_000]), Readings(1, [20], [3_000])],
    ],
)
def test_a_tsc_whose_rate_nobody_knows_is_not_tied(readings: list[Readings]) -> None:
    """Nor is one that was not read, or goes backwards."""
    assert clocks(tries(5 * MS, 9 * MS), readings, {}).tsc is None


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("tsc: Detected 2593.141 MHz processor",), 2593141),
        (("tsc: Detected 2593.906 MHz TSC",), 2593906),
        (
            (
                "tsc: Detected 2593.141 MHz processor",
                "tsc: Refined TSC clocksource calibration: 2596.109 MHz",
            ),
            2596109,
        ),
        (("tsc: Fast TSC calibration failed",), 0),
    ],
)
def test_the_kernels_last_word_on_its_tsc(texts: tuple[str, ...], expected: int) -> None:
    """The later, the better."""
    assert expected == tsc_per_ms([Record(0, text) for text in texts])
