"""One boot on one clock: what was seen, what nobody can tell, and how far off it may be."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from boots import booted, passed, started
from qemu_boot_time.exits import Counter, ExitKind
from qemu_boot_time.model import Alignment, Boot, Inside, Profile, Purpose, Span
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.phases.timeline import (
    Row,
    RowKind,
    timeline_of,
    timeline_of_inside,
    timeline_of_profile,
    unaccounted_rows,
)
from qemu_boot_time.stats.summary import unaccounted
from qemu_boot_time.store.load import load_run

DATA = Path(__file__).parents[1] / "data"


def boot() -> Boot:
    """Make a boot with a part of QEMU's start; a mark every 10 ns."""
    (found,) = boots_of([*booted(1000), started(1004, "qemu_main")], Rules())
    return found


def told(rows: tuple[Row, ...]) -> list[tuple[str, str, int, int]]:
    """Give kind, name and ends."""
    return [(row.kind.value, row.name, row.begin_ns, row.end_ns) for row in rows]


def test_all_that_was_seen_from_outside_is_in_time_order() -> None:
    """What holds another comes before it; the gap before the firmware is a row."""
    assert [
        ("total", "total", 0, 60),
        ("phase", "vmm", 0, 10),
        ("part", "qemu_libraries", 0, 4),
        ("part", "qemu_main..qemu_init_end", 4, 10),
        ("unaccounted", "unaccounted", 10, 20),
        ("phase", "firmware", 20, 30),
        ("phase", "loader", 30, 40),
        ("phase", "kernel_early", 40, 50),
        ("phase", "kernel", 50, 60),
    ] == told(timeline_of(boot()))


def test_the_gaps_are_what_is_unaccounted_for() -> None:
    """Before, between and after the phases, each with the marks that it lies between."""
    (seen,) = boots_of([*booted(values=(1, 5, 5, 3, 6, 7, 9))], Rules())

    rows = unaccounted_rows(seen)

    assert ["qemu_init_end..fw_start", "fw_do_boot..fw_do_boot"] == [row.detail for row in rows][:2]
    assert unaccounted(seen) == sum(row.duration_ns for row in rows)


def test_without_a_total_nothing_is_unaccounted_for() -> None:
    """Nobody knows where the boot ends."""
    assert () == unaccounted_rows(replace(boot(), phases=()))


def test_what_a_mark_may_be_off_by_is_a_row() -> None:
    """On both sides of its stamp, or on the one side that the true time can be on."""
    bounds = {"exact": (15, 25), "ge": (20, 25), "le": (15, 20)}
    for bound, (begin_ns, end_ns) in bounds.items():
        events = [*booted(1000, ()), passed(1020, "fw_start", bound=bound, error_ns=5)]
        (seen,) = boots_of(events, Rules())

        errors = [row for row in timeline_of(seen) if row.kind is RowKind.MARK_ERROR]

        assert [("mark error", "error of fw_start", begin_ns, end_ns)] == told(tuple(errors))


def test_what_a_guest_told_and_how_well_its_clock_is_tied() -> None:
    """At each moment when it was tied; what its clock had lost is a row before the first."""
    known = Alignment(error_ns=2, apart_ns=10, drift_ns=1, first_ns=45, lost_ns=20)
    spans = (Span("acpi_init", 51, 55, "kernel", "trace_event"),)

    rows = timeline_of_inside(Inside(Purpose.INITCALLS, boot(), spans, known))

    added = [row for row in told(rows) if row not in told(timeline_of(boot()))]
    assert [
        ("alignment error", "alignment error", 25, 45),
        ("alignment error", "alignment error", 43, 47),
        ("span", "acpi_init", 51, 55),
        ("alignment error", "alignment error", 53, 57),
    ] == added


def test_a_clock_that_was_not_tied_has_no_error() -> None:
    """Then there are no spans either."""
    rows = timeline_of_inside(Inside(Purpose.UNITS, boot()))

    assert timeline_of(boot()) == rows


def test_the_exits_of_each_phase_by_device() -> None:
    """All that were counted, and what nobody owns by the word of every report."""
    counters = (
        Counter("firmware", ExitKind.PORT_READ, 5, 5, "fw_cfg"),
        Counter("firmware", ExitKind.PORT_WRITE, 2, 2, "fw_cfg"),
        Counter("loader", ExitKind.PORT_READ, 2000, 2000, "fw_cfg"),
        Counter("kernel", ExitKind.MSR_READ, 1, 1),
        Counter("kernel", ExitKind.PORT_READ, 2, 2),
        Counter("unaccounted", ExitKind.OTHER, 3, 0, reason="EXIT_NPF"),
    )

    rows = timeline_of_profile(Profile(boot(), counters))

    exits = [(r.name, r.begin_ns, r.detail) for r in rows if r.kind is RowKind.EXITS]
    assert [
        ("EXIT_NPF", 10, "3 exits, unaccounted"),
        ("fw_cfg", 20, "7 exits"),
        ("fw_cfg", 30, "2,000 exits"),
        ("processor", 50, "1 exit"),
        ("no device", 50, "2 exits"),
    ] == exits


@pytest.mark.parametrize("run", ["exits-svm", "exits-software"])
def test_no_exit_of_a_recording_is_left_out(run: str) -> None:
    """The rows of a real profile add up to its counters, and its samples end at as many."""
    for profile in load_run(DATA / run).profiles:
        exits: dict[str, int] = defaultdict(int)
        for row in timeline_of_profile(profile):
            if row.kind is RowKind.EXITS:
                exits[row.name] += int(row.detail.split()[0].replace(",", ""))

        counted: dict[str, int] = defaultdict(int)
        for counter in profile.counters:
            counted[counter.owner] += counter.exits
        assert counted == exits
        assert counted == {sample.device: sample.exits for sample in profile.samples}
