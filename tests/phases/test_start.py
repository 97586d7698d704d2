"""QEMU's own start in parts: what was seen bounds them, what was not makes them one."""

from collections.abc import Iterable

import pytest

from boots import booted, entered, executed, started, wrote
from qemu_boot_time.model import Boot, Event
from qemu_boot_time.phases import Rules, boots_of, split_vms
from qemu_boot_time.protocol import START_PLACES

ALL = (
    (2, "qemu_main"),
    (3, "qemu_monitor"),
    (4, "qemu_greeting"),
    (5, "kernel_opened"),
    (7, "kernel_opened"),
    (9, "devices_made"),
)
"""What is seen of a start that takes 10 ns: the kernel's files are touched twice."""


def boot_with(*places: tuple[int, str]) -> Boot:
    """Make a boot that is entered 10 ns after its exec, with these places of its start."""
    return one([*booted(1000), *(started(1000 + at, place) for at, place in places)])


def one(events: Iterable[Event]) -> Boot:
    """Make the only boot of these events."""
    (boot,) = boots_of(events, Rules())
    return boot


def parts(boot: Boot) -> list[tuple[str, int]]:
    """Give names and lengths."""
    return [(part.name, part.duration_ns) for part in boot.parts]


def test_all_places_make_all_parts() -> None:
    """They are in order, touch each other, and make up the phase."""
    boot = boot_with(*ALL)

    expected = [
        ("qemu_libraries", 2),
        ("qemu_options", 1),
        ("qemu_backends", 1),
        ("qemu_board", 1),
        ("qemu_kernel", 2),
        ("qemu_devices", 2),
        ("qemu_reset", 1),
    ]
    assert expected == parts(boot)
    assert ("vmm", boot.phases[0].duration_ns) == (
        boot.phases[0].name,
        sum(dict(expected).values()),
    )


def test_places_are_no_marks_and_no_phases() -> None:
    """A boot is the same whether its start was looked at or not."""
    plain, looked = boot_with(), boot_with(*ALL)

    assert (plain.marks, plain.phases, ()) == (looked.marks, looked.phases, plain.parts)


@pytest.mark.parametrize("missing", [place.name for place in START_PLACES])
def test_what_was_not_seen_makes_its_neighbours_one(missing: str) -> None:
    """It is named by its ends, and nothing is lost."""
    touches = 1 if missing == "kernel_read" else 2
    seen = [(at, place) for at, place in ALL if place != missing]
    opened = [each for each in seen if each[1] == "kernel_opened"][:touches]
    boot = boot_with(*(each for each in seen if each[1] != "kernel_opened"), *opened)

    ends = {end for part in boot.parts for end in (part.begin, part.end)}
    merged = [part.name for part in boot.parts if ".." in part.name]
    # Without the kernel being opened nobody knows when it was read.
    lost = {missing, "kernel_read"} if missing == "kernel_opened" else {missing}
    if missing == "qemu_monitor":  # who touched the files before is not known
        lost |= {"kernel_opened", "kernel_read"}
    assert ({place.name for place in START_PLACES} - lost) == ends - {"exec", "qemu_init_end"}
    assert (10, bool(lost)) == (sum(part.duration_ns for part in boot.parts), bool(merged))


def test_a_stamp_that_came_too_late_is_left_out() -> None:
    """The greeting was read after the kernel was seen opened: the later place tells more."""
    boot = boot_with((3, "qemu_monitor"), (6, "qemu_greeting"), (5, "kernel_opened"))

    expected = [("exec", "qemu_monitor"), ("qemu_monitor", "kernel_opened")]
    assert expected == [(part.begin, part.end) for part in boot.parts][:2]
    assert "kernel_opened..qemu_init_end" == boot.parts[-1].name


def test_what_is_seen_while_the_guest_runs_is_no_part_of_the_start() -> None:
    """Somebody else may open the kernel at any time."""
    assert ["exec..qemu_monitor", "qemu_monitor..qemu_init_end"] == [
        part.name for part in boot_with((3, "qemu_monitor"), (12, "kernel_opened")).parts
    ]


def test_without_a_first_entry_the_parts_are_of_the_phase_that_has_the_start() -> None:
    """No source of TCG sees the entry: the last part ends where the firmware is first seen."""
    boot = one([executed(1000), started(1004, "qemu_greeting"), wrote(1020, 1)])

    assert "exec..fw_start" == boot.phases[0].name
    assert [("exec..qemu_greeting", 4), ("qemu_greeting..fw_start", 16)] == parts(boot)


def test_without_an_exec_there_are_no_parts() -> None:
    """The first phase must begin there."""
    boot = one([started(1002, "qemu_main"), entered(1010), wrote(1020, 1)])

    assert () == boot.parts


def test_a_script_called_like_qemu_that_starts_a_helper_is_no_boot_of_its_own() -> None:
    """What it did before QEMU's exec does not make two VMs of one."""
    events = [executed(900), started(950, "qemu_main"), *booted(1000), started(1002, "qemu_main")]

    boot = one(events)

    assert 1 == len(split_vms(events))
    assert (1000, [("qemu_libraries", 2), ("qemu_main..qemu_init_end", 8)]) == (
        boot.exec_ns,
        parts(boot),
    )
