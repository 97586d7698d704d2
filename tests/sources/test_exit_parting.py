"""Exits are counted where they began, and their time is in every phase that they reach into."""

from collections import Counter as Counted
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

import kvm_events
from kvm_events import Line, entered, left, pio, ports
from qemu_boot_time.exits import Counter, PhaseTime
from qemu_boot_time.model import Boot, Event, EventKind, Profile
from qemu_boot_time.phases import Rules, boot_of
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.exits.attribution import profile_of
from qemu_boot_time.sources.exits.maps import Lookup, TimedMap

EXEC, MS = 1_000, 1_000_000
IO, PAGE, HALT = 0x7B, 0x400, 0x78
"""Reasons, as SVM has them."""
HALTED = "EXIT_HLT"
WRITES = ((0xF5, 1), (0xF5, 5), (0xF4, 3), (0xF4, 6), (0xF4, 7))
"""Ports and values of marks, in the order of a boot; from the second mark on each ends a phase."""
PHASES = ("firmware", "loader", "kernel_early", "kernel")


class Exit(NamedTuple):
    """One exit: in ns since the exec, and what for."""

    begin: int
    end: int
    reason: int


def marked(times: Sequence[int], late_ns: int, entry: int) -> Boot:
    """Make a boot that wrote its marks at these times; its guest was first entered then, 0: nobody saw."""
    seen = [
        Event(
            EXEC + at + late_ns, "s", EventKind.PORT_WRITE, kvm_events.PID, {"port": p, "value": v}
        )
        for at, (p, v) in zip(times, WRITES, strict=False)
    ]
    began = [(EXEC, EventKind.EXEC), *([(EXEC + entry, EventKind.ENTRY)] if entry else [])]
    events = [*(Event(at, "s", kind, kvm_events.PID) for at, kind in began), *seen]
    return boot_of(events, index=0, pid=kvm_events.PID, rules=Rules())


def lines(exits: Iterable[Exit]) -> Iterable[Line]:
    """Write exits of a vCPU."""
    for begin, end, reason in exits:
        yield from (left(EXEC + begin, reason), entered(EXEC + end))


def profile(
    marks: Sequence[int],
    *others: Sequence[Exit],
    maps: Sequence[TimedMap] = (),
    took: int = 2,
    late_ns: int = 0,
    entry: int = 0,
) -> Profile:
    """Make the profile of a guest: its first vCPU writes marks alone, each of which takes so long."""
    first: list[Line] = []
    for at, (port, value) in zip(marks, WRITES, strict=False):
        begin = EXEC + at
        first += [left(begin, IO), pio(begin + 1, port, value=value), entered(begin + took)]
    columns = [kvm_events.columns(*first, tid=1)]
    columns += [
        kvm_events.columns(*lines(exits), tid=2 + i) for i, exits in enumerate(others) if exits
    ]
    lookup = Lookup(maps)
    return profile_of(
        marked(marks, late_ns, entry), kvm_events.exits_by(*columns, lookup=lookup), lookup, Names()
    )


def drawing(begin: int, end: int) -> TimedMap:
    """Make a map that QEMU was at work on from then until then."""
    return ports((0x510, 0x511, "fwcfg"), at_ns=EXEC + begin, took_ns=end - begin)


def outside(counters: Iterable[Counter]) -> dict[tuple[str, str], tuple[int, int | None]]:
    """Give exits and time outside by phase and reason."""
    return {(c.phase, c.reason): (c.exits, c.outside_ns) for c in counters}


# --- several vCPUs ----------------------------------------------------------------------------


def test_what_spans_a_mark_is_time_of_both_phases() -> None:
    """An exit of another vCPU is counted where it began; a halted one is idle in all that it sleeps through."""
    halted = (Exit(15 * MS, 170 * MS, HALT),)
    away = (Exit(25 * MS, 75 * MS, PAGE),)

    found = profile([10 * MS, 20 * MS, 30 * MS, 80 * MS, 180 * MS], halted, away)

    times = {key: each for key, each in outside(found.counters).items() if key[1] != "EXIT_IOIO"}
    assert {
        ("firmware", HALTED): (1, 5 * MS),
        ("loader", HALTED): (0, 10 * MS),
        ("kernel_early", HALTED): (0, 50 * MS),
        ("kernel", HALTED): (0, 90 * MS),
        ("loader", "EXIT_NPF"): (1, 5 * MS),
        ("kernel_early", "EXIT_NPF"): (0, 45 * MS),
    } == times


def test_what_begins_where_no_phase_is_reaches_into_the_next() -> None:
    """Between the first entry and the firmware's first code no phase explains anything."""
    found = profile([50, 80], [Exit(20, 70, PAGE)], entry=10)

    parts = {c.phase: (c.exits, c.outside_ns) for c in found.counters if c.reason == "EXIT_NPF"}
    assert {"unaccounted": (1, 30), "firmware": (0, 20)} == parts


def test_a_share_is_of_the_vcpus_that_did_something() -> None:
    """One that waits, or is not yet there, is none of them."""
    found = profile([10, 20, 30], [Exit(12, 28, HALT)], [Exit(22, 29, PAGE)])

    known = {each.phase: (each.vcpus, each.busy_vcpus) for each in found.times}
    assert (2, 1) == known["firmware"]
    assert (3, 2) == known["loader"]


# --- memory maps ------------------------------------------------------------------------------


def test_the_time_of_a_map_is_in_neither_number() -> None:
    """Nothing tells which exits waited for it: all time of it is left out, and so it is of the length."""
    found = profile([0, 100], [Exit(20, 60, PAGE), Exit(65, 68, IO)], maps=[drawing(50, 90)])

    (firmware,) = [each for each in found.times if each.phase == "firmware"]
    assert (100, 60) == (firmware.length_ns, firmware.watched_ns)
    assert (1, 30) == outside(found.counters)["firmware", "EXIT_NPF"]


def test_a_phase_that_passed_while_a_map_was_made_has_no_time() -> None:
    """Its exits are counted all the same."""
    found = profile([0, 100, 120, 200], [Exit(105, 110, PAGE)], maps=[drawing(90, 130)])

    loader = [c for c in found.counters if c.phase == "loader"]
    assert {("loader", "EXIT_IOIO"): (1, None), ("loader", "EXIT_NPF"): (1, None)} == outside(
        loader
    )
    assert PhaseTime("loader", 20, 0, 2, 2) == next(t for t in found.times if t.phase == "loader")


# --- against brute force ----------------------------------------------------------------------

_STEPS = st.lists(st.integers(3, 20), min_size=2, max_size=5)
_EXITS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 30), st.sampled_from([PAGE, HALT])), max_size=8
)
_DRAWN = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 25)), max_size=3)


def placed(steps: Iterable[tuple[int, int, int]]) -> list[Exit]:
    """Put exits one behind the other."""
    at, found = 0, []
    for pause, length, reason in steps:
        found.append(Exit(at + pause, at + pause + length, reason))
        at += pause + length + 1
    return found


@given(_STEPS, _EXITS, _EXITS, _DRAWN, st.sampled_from([0, 3]), st.integers(0, 2))
def test_nanosecond_by_nanosecond(
    steps: list[int],
    second: list[tuple[int, int, int]],
    third: list[tuple[int, int, int]],
    drawn: list[tuple[int, int]],
    late_ns: int,
    entry: int,
) -> None:
    """Counts and times are what comes of going through all exits, and through all moments of a phase."""
    marks = [sum(steps[: i + 1]) for i in range(len(steps))]
    others = [placed(second), placed(third)]
    windows = [(begin, begin + length) for begin, length in drawn]

    found = profile(
        marks, *others, maps=[drawing(*w) for w in windows], late_ns=late_ns, entry=entry
    )

    exits = [*(Exit(at, at + 2, IO) for at in marks), *others[0], *others[1]]
    first = [("vmm", 0, entry), ("unaccounted", entry, marks[0])]
    whole = first if entry else [("exec..fw_start", 0, marks[0])]
    for name, begin, end in [*whole, *zip(PHASES, marks, marks[1:], strict=False)]:
        last = end == marks[-1]
        watched = [
            ns for ns in range(begin, end) if not any(low <= ns < high for low, high in windows)
        ]
        own = [c for c in found.counters if c.phase == name]
        began = [e for e in exits if begin <= e.begin < end or (last and e.begin == end)]
        passed = sum(e.begin <= ns < e.end for ns in watched for e in exits)
        assert len(began) == sum(c.exits for c in own), name
        assert passed == sum(c.outside_ns or 0 for c in own), name
        assert Counted(e.reason == HALT for e in began)[True] == sum(
            c.exits for c in own if c.reason == HALTED
        )
        (time,) = [each for each in found.times if each.phase == name]
        assert (end - begin, len(watched)) == (time.length_ns, time.watched_ns)
        assert passed <= len(watched) * max(time.vcpus, 1)
