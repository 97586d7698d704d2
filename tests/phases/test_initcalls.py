"""initcall_debug's lines become calls."""

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


def traced(*lines: tuple[int, str], task: str = "swapper/0-1") -> list[Initcall]:
    """Read a trace of these cycles and texts."""
    return list(
        traced_initcalls(f"  {task}       [000] ...1.   {at}: {text}" for at, text in lines)
    )


def test_a_trace_is_in_cycles() -> None:
    """A module's calls are named by it; tasks may be called anything."""
    found = traced(
        (100, "initcall_start: func=inet_init+0x0/0x36a"),
        (150, "initcall_start: func=init+0x0/0x1000 [virtio]"),
        (160, "initcall_finish: func=init+0x0/0x1000 [virtio] ret=-19"),
        (900, "initcall_finish: func=inet_init+0x0/0x36a ret=0"),
        task="[1] x: initcall_start: -7",
    )

    assert [Initcall("init", "virtio", 150, 160), Initcall("inet_init", "", 100, 900)] == found


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
