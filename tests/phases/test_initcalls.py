"""initcall_debug's lines become calls."""

from collections.abc import Sequence

import pytest

from qemu_boot_time.formats.kmsg import Record
from qemu_boot_time.phases.initcalls import Initcall, initcalls, traced_initcalls

US = 1000


def log(*lines: tuple[int, str]) -> list[Record]:
    """Make records of times in microseconds."""
    return [Record(time_us * US, text) for time_us, text in lines]


def test_a_call_lies_between_its_two_lines() -> None:
    """Whatever the kernel says of its length: older ones count in units of 1024 ns."""
    found = initcalls(
        log(
            (100, "calling  inet_init+0x0/0x36a @ 1"),
            (612, "initcall inet_init+0x0/0x36a returned 0 after 500 usecs"),
        )
    )

    assert [Initcall("inet_init", "", 100 * US, 612 * US)] == list(found)


def test_calls_of_several_processes_overlap() -> None:
    """Modules are told apart although their functions have one name."""
    found = initcalls(
        log(
            (1, "calling  init+0x0/0x1000 [one] @ 97"),
            (2, "calling  init+0x0/0x1000 [two] @ 98"),
            (5, "NET: something else"),
            (7, "initcall init+0x0/0x1000 [one] returned -19 after 6 usecs"),
            (9, "initcall init+0x0/0x1000 [two] returned 0 after 7 usecs"),
        )
    )

    assert [Initcall("init", "one", US, 7 * US), Initcall("init", "two", 2 * US, 9 * US)] == list(
        found
    )


def test_a_lost_beginning_is_counted_back() -> None:
    """By the kernel's own word."""
    found = initcalls(log((900, "initcall acpi_init+0x0/0x5 returned 0 after 300 usecs")))

    assert [Initcall("acpi_init", "", 600 * US, 900 * US)] == list(found)


def test_a_call_that_did_not_return_has_no_end() -> None:
    """It comes last."""
    found = initcalls(
        log(
            (1, "calling  hangs+0x0/0x5 @ 1"),
            (2, "calling  b+0x0/0x5 @ 1"),
            (3, "initcall b+0x0/0x5 returned 0 after 1 usecs with preemption imbalance "),
        )
    )

    assert [Initcall("b", "", 2 * US, 3 * US), Initcall("hangs", "", US, None)] == list(found)


def test_without_symbols_it_is_an_address() -> None:
    """A kernel without CONFIG_KALLSYMS prints the number."""
    found = initcalls(
        log(
            (1, "calling  0xffffffff83061234 @ 1"),
            (3, "initcall 0xffffffff83061234 returned 0 after 2 usecs"),
        )
    )

    assert [Initcall("0xffffffff83061234", "", US, 3 * US)] == list(found)


@pytest.mark.parametrize(
    "text",
    [
        "initcall x+0x0/0x5 blacklisted",
        "calling  x+0x0/0x5 @ nobody",
        "initcall x+0x0/0x5 returned 0 after many usecs",
        "initcall x+0x0/0x5 returned 0 after " + "9" * 40 + " usecs",
    ],
)
def test_other_lines_are_no_calls(text: str) -> None:
    """They are text like any other."""
    assert [] == list(initcalls(log((1, text))))


def traced(
    *lines: tuple[int, str], task: str = "swapper/0-1", log: Sequence[Record] = ()
) -> list[Initcall]:
    """Read a trace of these cycles and texts."""
    text = (f"  {task}       [000] ...1.   {at}: {text}" for at, text in lines)
    return list(traced_initcalls(text, log))


def test_a_trace_is_in_cycles() -> None:
    """A module's calls are named by it; tasks may be called anything."""
    found = traced(
        (100, "initcall_start: func=inet_init+0x0/0x36a"),
        (150, "initcall_finish: func=inet_init+0x0/0x36a ret=0"),
        (160, "initcall_start: func=init+0x0/0x1000 [virtio]"),
        (900, "initcall_finish: func=init+0x0/0x1000 [virtio] ret=-19"),
        task="[1] x: initcall_start: -7",
    )

    assert [Initcall("inet_init", "", 100, 150), Initcall("init", "virtio", 160, 900)] == found


def test_calls_in_a_trace_are_paired_by_process() -> None:
    """The end of a module's call may be told by address, and its beginning by name."""
    lines = [
        "  modprobe-97 [000] ...1. 10: initcall_start: func=init+0x0/0x1000 [virtio]",
        "  modprobe-98 [001] ...1. 11: initcall_start: func=init+0x0/0x1000 [loop]",
        "  modprobe-97 [000] ...1. 15: initcall_finish: func=0xffffffffc0302000 ret=0",
        "  modprobe-98 [001] ...1. 16: initcall_finish: func=0xffffffffc0302000 ret=0",
    ]

    assert [Initcall("init", "virtio", 10, 15), Initcall("init", "loop", 11, 16)] == list(
        traced_initcalls(lines)
    )


def test_a_trace_that_is_torn() -> None:
    """A call whose beginning was overwritten is left out; one that has not returned has no end."""
    found = traced(
        (100, "initcall_finish: func=a+0x0/0x5 ret=0"),
        (150, "initcall_start: func=b+0x0/0x5"),
        (160, "initcall_start: func="),
        (170, "initcall_level: level=early"),
    )

    assert [Initcall("b", "", 150, None)] == found
    assert [] == list(traced_initcalls(["CPU:0 [LOST 5 EVENTS]", ""]))


MODULE = (
    (100, "initcall_start: func=0xffffffffc0302000"),
    (150, "initcall_finish: func=0xffffffffc0302000 ret=0"),
    (200, "initcall_start: func=attr_show+0x0/0x20 [qemu_fw_cfg]"),
    (250, "initcall_finish: func=attr_show+0x0/0x20 [qemu_fw_cfg] ret=0"),
    (300, "initcall_start: func=0xffffffffc0302000"),
    (350, "initcall_finish: func=0xffffffffc0302000 ret=0"),
)


def test_the_log_names_what_the_trace_cannot() -> None:
    """By the order of the calls in each process; an address may have become another module's."""
    named = log(
        (1, "calling  init+0x0/0x1000 [virtio] @ 97"),
        (2, "calling  other+0x0/0x5 @ 1"),
        (3, "calling  dm_init+0x0/0x53 [dm_mod] @ 97"),
        (4, "calling  init+0x0/0x9 [loop] @ 97"),
    )

    found = traced(*MODULE, task="modprobe-97", log=named)

    assert [
        Initcall("init", "virtio", 100, 150),
        Initcall("dm_init", "dm_mod", 200, 250),
        Initcall("init", "loop", 300, 350),
    ] == found


def test_a_log_with_other_calls_names_none() -> None:
    """Lines were lost, of which nobody knows: the trace's own words must do."""
    fewer = log((3, "calling  x+0x0/0x5 @ 97"), (4, "calling  y+0x0/0x9 @ 97"))

    names = [call.name for call in traced(*MODULE, task="modprobe-97", log=fewer)]

    assert ["0xffffffffc0302000", "attr_show", "0xffffffffc0302000"] == names


def test_a_hostile_line_costs_no_time() -> None:
    """However long: nothing in it is tried over and over."""
    line = "calling  " + "+0x" * 300_000 + " [" * 300_000

    assert [] == list(initcalls([Record(0, line)]))
    assert [] == list(traced_initcalls(["-1 [0] x 1: initcall_start: func=" + "-1 [0] " * 300_000]))
