"""Reading what ``perf script --ns`` printed."""

import pytest

from kvmbox import perf_text

_TWO_BOOTS = """\
              sh   170/170   [000]     9.100000000: sched:sched_process_exec: filename=/bin/sh pid=170 old_pid=170
 qemu-system-x86   183/186   [000]    10.615421833:            kvm:kvm_entry: vcpu 0, rip 0xfff0
 qemu-system-x86   178/181   [001]     9.950704856:              kvm:kvm_pio: pio_write at 0xf5 size 1 count 1 val 0x1 
 qemu-system-x86   178/178   [001]     9.365245700: sched:sched_process_exec: filename=/usr/bin/qemu-system-x86_64 pid=178 old_pid=178
"""  # noqa: W291  # as perf prints it


def test_boots_are_told_apart_by_process_and_ordered_by_time() -> None:
    """Events of other programs are left out; those of one QEMU come in order of time."""
    boots = perf_text.boots(_TWO_BOOTS)

    assert [[line.time_ns for line in boot] for boot in boots] == [
        [9_365_245_700, 9_950_704_856],
        [10_615_421_833],
    ]


def test_port_write_has_port_and_value() -> None:
    """A write of one byte is one, an entry is none."""
    (_, write), (entry,) = perf_text.boots(_TWO_BOOTS)

    assert (write.port_write(), entry.port_write()) == ((0xF5, 1), None)


def test_marks_count_from_the_exec() -> None:
    """The first entry is qemu_init_end, a write of the protocol is what it says."""
    boot = [
        perf_text.Line("qemu-system-x86", 178, 1_000, perf_text.EXEC, "filename=/usr/bin/taskset"),
        perf_text.Line("qemu-system-x86", 178, 2_000, perf_text.EXEC, "filename=/usr/bin/qemu"),
        perf_text.Line("qemu-system-x86", 178, 2_300, perf_text.ENTRY, "vcpu 0, rip 0xfff0"),
        perf_text.Line("qemu-system-x86", 178, 2_400, perf_text.ENTRY, "vcpu 0, rip 0xfff0"),
        perf_text.Line(
            "qemu-system-x86", 178, 2_900, "kvm:kvm_pio", "pio_write at 0xf5 size 1 count 1 val 0x1"
        ),
        perf_text.Line(
            "qemu-system-x86", 178, 3_000, "kvm:kvm_pio", "pio_write at 0x70 size 1 count 1 val 0x1"
        ),
    ]

    assert perf_text.marks(boot) == [("qemu_init_end", 300), ("fw_start", 900)]


def test_a_line_that_is_no_event_is_refused() -> None:
    """What perf printed and we do not know must not be skipped in silence."""
    with pytest.raises(ValueError, match="not a line of perf script: 'Samples lost'"):
        perf_text.lines("Samples lost\n")
