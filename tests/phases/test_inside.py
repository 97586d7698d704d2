"""What a guest handed out becomes spans in the boot, and what is missing is said."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from boots import passed, wrote
from qemu_boot_time.formats.handed_out import Section
from qemu_boot_time.model import Alignment, Boot, Event, Inside, Outcome, Purpose, Span
from qemu_boot_time.phases.inside import inside_of, is_clock_mark

S, MS, US = 10**9, 10**6, 1000
EXEC_NS = 100 * S
BOOT = Boot(index=3, pid=7, outcome=Outcome.REACHED, exec_ns=EXEC_NS)
OUR_INIT_NS = 2 * S
"""Guest time of the early tie; the guest's clock begins half a second after the exec."""
LATE_NS = 10 * S

CLOCKS = (
    Section("clock", ("1", str(OUR_INIT_NS))),
    Section("clock", ("1", str(LATE_NS))),
)
KMSG = Section(
    "kmsg",
    (
        "6,1,900000,-;Trying to unpack rootfs image as initramfs...",
        "6,2,1000000,-;calling  inet_init+0x0/0x36a @ 1",
        "6,3,1200000,-;initcall inet_init+0x0/0x36a returned 0 after 199000 usecs",
        "6,4,1300000,-;Freeing initrd memory: 6556K",
        f"15,5,1990000,-;qbt-inside: clock {OUR_INIT_NS}",
        "6,6,5000000,-;calling  init+0x0/0x1000 [virtio] @ 97",
        "6,7,5001000,-;initcall init+0x0/0x1000 [virtio] returned 0 after 900 usecs",
        f"15,8,9990000,-;qbt-inside: clock {LATE_NS}",
    ),
)
OWN_LINES = Section("kmsg", tuple(line for line in KMSG.lines if "qbt-inside" in line))
MANAGER = Section(
    "manager", ("UserspaceTimestampMonotonic=4000000", "FinishTimestampMonotonic=9000000")
)
UNITS = Section(
    "units",
    (
        *("Id=a.service", "InactiveExitTimestampMonotonic=5000000"),
        *("ActiveEnterTimestampMonotonic=5250000", ""),
        *("Id=basic.target", "InactiveExitTimestampMonotonic=6000000"),
        *("ActiveEnterTimestampMonotonic=6000000", ""),
    ),
)
END = Section("end", ())


def ties(source: str = "perf", error_ns: int = 0) -> list[Event]:
    """See both tries: each write 2 us after the one before, around the guest's reading."""
    return [
        wrote(
            EXEC_NS + S // 2 + guest_ns + i * 2 * US - US, value, source=source, error_ns=error_ns
        )
        for guest_ns in (OUR_INIT_NS, LATE_NS)
        for i, value in enumerate((250, 251, 252))
    ]


def looked(purpose: Purpose, *sections: Section, events: Iterable[Event] | None = None) -> Inside:
    """Look at what these sections say."""
    return inside_of(purpose, BOOT, ties() if events is None else events, sections)


def test_units_lie_on_the_hosts_timeline() -> None:
    """Stages without a parent, units below userspace; times count from the exec."""
    found = looked(Purpose.UNITS, *CLOCKS, KMSG, MANAGER, UNITS, END)

    assert (
        Span("kernel", 500 * MS, 4500 * MS, "", "systemd"),
        Span("unpack initramfs", 1410 * MS + 2 * US, 1810 * MS + 2 * US, "kernel", "kmsg"),
        Span("initramfs", 2500 * MS, 4500 * MS, "", "qbt-inside"),
        Span("userspace", 4500 * MS, 9500 * MS, "", "systemd"),
        Span("a.service", 5500 * MS, 5750 * MS, "userspace", "systemd"),
        Span("basic.target", 6500 * MS, 6500 * MS, "userspace", "systemd"),
    ) == found.spans
    assert (Alignment(US + 1, 8 * S, 0, 2500 * MS), ()) == (found.alignment, found.notes)


def test_initcalls_lie_on_the_hosts_timeline() -> None:
    """By the log's own clock, 10 ms behind the other; modules are parents."""
    found = looked(Purpose.INITCALLS, *CLOCKS, KMSG, END)

    calls = [span for span in found.spans if span.source == "initcall_debug"]
    at_ns = 510 * MS + 2 * US
    assert [
        Span("inet_init", at_ns + S, at_ns + 1200 * MS, "kernel", "initcall_debug"),
        Span("init", at_ns + 5 * S, at_ns + 5001 * MS, "virtio", "initcall_debug"),
    ] == calls
    assert (Alignment(2 * US, 8 * S, 0, 2500 * MS + 2 * US), ()) == (found.alignment, found.notes)


def test_a_log_without_our_lines_has_no_times() -> None:
    """Its clock is another than CLOCK_MONOTONIC, and nobody knows by how much."""
    theirs = Section("kmsg", tuple(line for line in KMSG.lines if "qbt-inside" not in line))

    found = looked(Purpose.INITCALLS, *CLOCKS, theirs, MANAGER, END)

    assert ["initramfs"] == [span.name for span in found.spans]
    expected = "no initcalls: the clock of the kernel's log is not tied"
    assert [expected] == [note.partition(",")[0] for note in found.notes]


TSC = (
    *(CLOCKS[0], Section("tsc", (str(4 * OUR_INIT_NS),))),
    *(CLOCKS[1], Section("tsc", (str(4 * LATE_NS),))),
)
"""Four cycles are a nanosecond; it counts from when the clock does."""
TRACE = Section(
    "trace",
    (
        "     swapper/0-1       [000] ...1.   4000000000: initcall_start: func=inet_init+0x0/0x36a",
        "     swapper/0-1       [000] ...1.   4400000000: initcall_finish: func=inet_init+0x0/0x36a ret=0",
    ),
)


def test_a_trace_is_better_than_the_log() -> None:
    """Its clock counts from the guest's first instruction, and has lost nothing."""
    lost = Section("kmsg", ("6,9,1,-;sched_clock: Marking stable (1, 2)->(3, -436422005)",))

    found = looked(Purpose.INITCALLS, *TSC, KMSG, lost, TRACE, END)

    calls = [span for span in found.spans if span.source == "trace_event"]
    assert [Span("inet_init", 1500 * MS, 1600 * MS, "kernel", "trace_event")] == calls
    assert (Alignment(US, 8 * S, 0, 2500 * MS), ()) == (found.alignment, found.notes)


def test_a_trace_whose_clock_has_no_rate_has_no_times() -> None:
    """One tie is not enough where the guest could not calibrate its TSC, and it is the TSC that is named."""
    failed = Section("kmsg", ("6,9,1,-;tsc: Fast TSC calibration failed",))

    found = looked(Purpose.INITCALLS, *TSC[:2], KMSG, failed, TRACE, END, events=ties()[:3])

    assert () == found.spans
    expected = "no initcalls: their clock, the TSC,"
    assert [expected] == [note.partition(" is tied")[0] for note in found.notes]


def test_what_the_clocks_had_lost_is_told() -> None:
    """Times of the kernel are counted back by them."""
    lost = "6,9,1,-;sched_clock: Marking stable (1, 2)->(3, -436422005)"

    found = looked(Purpose.UNITS, *CLOCKS, Section("kmsg", (*KMSG.lines, lost)))

    assert Alignment(US + 1, 8 * S, 0, 2500 * MS, 436_422_005) == found.alignment


def test_the_best_source_ties_the_clocks() -> None:
    """What another saw of the same writes is not mixed in."""
    late = [replace(event, time_ns=event.time_ns + 40 * US) for event in ties("debugcon", 45 * US)]

    found = looked(Purpose.UNITS, *CLOCKS, MANAGER, UNITS, END, events=[*late, *ties()])

    assert Alignment(US + 1, 8 * S, 0, 2500 * MS) == found.alignment


def test_the_error_of_the_source_counts() -> None:
    """Those of debugcon may be late."""
    found = looked(Purpose.UNITS, *CLOCKS, events=ties("debugcon", 45 * US))

    assert Alignment(46 * US + 1, 8 * S, 0, 2500 * MS) == found.alignment


def test_a_guest_that_was_reset() -> None:
    """Its first life is left out, and the reader is told."""
    first = (Section("clock", ("1", str(LATE_NS))), KMSG)
    second = Section("clock", ("1", str(OUR_INIT_NS)))

    found = looked(Purpose.INITCALLS, *first, second)

    assert () == found.spans
    assert "the guest was reset; what was before is left out" in found.notes


@pytest.mark.parametrize(
    ("purpose", "sections", "events", "note"),
    [
        (Purpose.UNITS, (), [], "nothing was handed out"),
        (Purpose.UNITS, CLOCKS, [], "the clocks are not tied"),
        (Purpose.UNITS, CLOCKS, ties()[1:], "the clocks are not tied"),
        (Purpose.UNITS, (*CLOCKS, OWN_LINES, END), None, "no units"),
        (
            Purpose.UNITS,
            (*CLOCKS, OWN_LINES, MANAGER, UNITS),
            None,
            "the guest left, or its time was up",
        ),
        (Purpose.INITCALLS, (*CLOCKS, OWN_LINES, END), None, "no initcalls"),
    ],
)
def test_what_is_missing_is_said(
    purpose: Purpose, sections: tuple[Section, ...], events: list[Event] | None, note: str
) -> None:
    """In one line, of that alone."""
    found = looked(purpose, *sections, events=events)

    assert [note] == [line[: len(note)] for line in found.notes]


def test_why_qemu_did_not_start_is_said() -> None:
    """What is added may be what it does not know."""
    boot = replace(BOOT, message="qemu: 'isa-debugcon' is not a valid device")

    found = inside_of(Purpose.UNITS, boot, [], ())

    assert ("nothing is known: qemu: 'isa-debugcon' is not a valid device",) == found.notes


def test_an_initcall_that_hangs_is_named() -> None:
    """It has no end, so it is no span."""
    hangs = Section("kmsg", (*KMSG.lines, "6,9,1,-;calling  stuck+0x0/0x5 @ 1"))

    found = looked(Purpose.INITCALLS, *CLOCKS, hangs, END)

    assert ("not returned from: stuck",) == found.notes


def test_a_hostile_guest_costs_nothing_but_its_own_numbers() -> None:
    """Whatever it says of the time, nothing falls over."""
    evil = Section("units", ("Id=\x1b[31m", f"InactiveExitTimestampMonotonic={'9' * 18}", ""))
    clock = Section("clock", ("1", "²", "-5", "9" * 5000, str(OUR_INIT_NS)))

    found = looked(Purpose.UNITS, clock, MANAGER, evil, END)

    assert ["\x1b[31m"] == [span.name for span in found.spans if span.parent == "userspace"]


def test_clock_marks_are_told_from_others() -> None:
    """A place that nobody writes is none."""
    events = [wrote(1, 250), wrote(1, 252), wrote(1, 253), wrote(1, 7), passed(1, "x")]

    assert [True, True, False, False, False] == [is_clock_mark(event) for event in events]
