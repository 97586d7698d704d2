"""Trace records of KVM, by hand: whose they are, and which one is the first guest entry."""

from collections.abc import Iterable

import pytest

from qemu_boot_time.model import Bound, Event, EventKind
from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.kvm_trace import Forked, KvmTrace, Lost, TraceRecord, starters
from qemu_boot_time.sources.vmm import Vmm

QEMU = "qemu-system-x86"
"""What the kernel calls it: 15 bytes."""

Record = TraceRecord | Forked | Lost


def execed(
    time_ns: int, pid: int = 1, filename: str = "/usr/bin/qemu-system-x86_64"
) -> TraceRecord:
    """Execute a file."""
    return TraceRecord(time_ns, kvm_trace.EXEC, pid, pid, "sh", {"filename": filename})


def pio(
    time_ns: int, value: int, pid: int = 1, *, port: int = 0xF4, rw: int = 1, comm: str = QEMU
) -> TraceRecord:
    """Write a port from the vCPU's thread."""
    fields = {"rw": rw, "port": port, "size": 1, "count": 1, "val": value}
    return TraceRecord(time_ns, kvm_trace.PIO, pid, pid + 1, comm, fields)


def kvm(event: str, time_ns: int, pid: int = 1, *, tid: int = 2, **fields: int) -> TraceRecord:
    """Give any other event of KVM."""
    return TraceRecord(time_ns, event, pid, tid, QEMU, fields)


def read(records: Iterable[Record], vmm: Vmm | None = None) -> list[Event]:
    """Read a whole recording."""
    return list(KvmTrace("perf", vmm).read(records))


def kinds(events: Iterable[Event]) -> list[tuple[str, int, int]]:
    """Give kind, time and VM of each event."""
    return [(event.kind.value, event.time_ns, event.vm) for event in events]


def first_entry(events: Iterable[Event]) -> tuple[int, object, object]:
    """Give time, event and bound of the only guest entry."""
    (entry,) = (event for event in events if event.kind is EventKind.ENTRY)
    return entry.time_ns, entry.fields["event"], entry.fields["bound"]


# --- marks ------------------------------------------------------------------------------------


def test_a_boot_is_read() -> None:
    """Exec, first entry and port writes come out under the process id of QEMU."""
    records = [execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0), pio(30, 1, port=0xF5), pio(40, 6)]

    events = read(records)

    begun = [("exec", 10, 1), ("entry", 20, 1), ("passed", 20, 1)]
    assert [*begun, ("port_write", 30, 1), ("port_write", 40, 1)] == kinds(events)
    assert {"port": 0xF5, "value": 1, "event": "kvm:kvm_pio"} == events[3].fields


def test_the_firmware_begins_at_the_first_entry() -> None:
    """The instruction at the reset vector is the firmware's first: its mark of that comes later."""
    events = read([execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0), pio(30, 1, port=0xF5)])

    expected = {"name": "fw_start", "event": "kvm:kvm_entry 0xfff0", "bound": "ge"}
    assert expected == events[2].fields


@pytest.mark.parametrize(
    "first", [kvm(kvm_trace.ENTRY, 20, rip=0x1000), kvm(kvm_trace.FPU, 20, load=1)]
)
def test_where_the_guest_begins_elsewhere_or_nobody_knows_no_firmware_begins(
    first: TraceRecord,
) -> None:
    """A VMM may enter a kernel directly, and a stand-in does not tell where."""
    expected = [("exec", 10, 1), ("entry", 20, 1), ("port_write", 30, 1)]

    assert expected == kinds(read([execed(10), first, pio(30, 6)]))


def test_an_unpatched_guest_shows_where_it_is() -> None:
    """What it does anyway is given with its VM, after its first entry."""
    handed_over = [pio(30, 0, port=0xF0), pio(40, 0, port=0xF1)]

    events = read([execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0), *handed_over])

    expected = {"name": "linux_start_boot", "event": "kvm:kvm_pio 0xf1", "bound": "le"}
    assert [("entry", 20, 1), ("passed", 20, 1), ("passed", 40, 1)] == kinds(events)[1:]
    assert {**expected, "error_ns": 0} == events[-1].fields


def test_what_unknown_programs_do_is_no_sign() -> None:
    """Nobody knows that it is a VM."""
    other = [pio(30, 0, port=0xF0, comm="other"), pio(40, 0, port=0xF1, comm="other")]

    assert [] == read(other)


@pytest.mark.parametrize(
    "record",
    [
        pio(30, 1, rw=0),
        pio(30, 1, port=0x402),
        TraceRecord(30, kvm_trace.PIO, 1, 2, QEMU, {}),
        TraceRecord(30, kvm_trace.PIO, 1, 2, QEMU, {"rw": 1, "port": 0xF4, "val": "?"}),
        TraceRecord(30, "kvm:kvm_exit", 1, 2, QEMU, {"exit_reason": 30}),
    ],
)
def test_other_events_are_passed_over(record: TraceRecord) -> None:
    """Reads, other ports, fields that are not there and unknown events are no marks."""
    assert [("exec", 10, 1)] == kinds(read([execed(10), record]))


def test_fields_that_newer_kernels_add_do_not_matter() -> None:
    """kvm_entry has had one, three and five fields."""
    entry = kvm(kvm_trace.ENTRY, 20, vcpu_id=0, rip=0xFFF0, immediate_exit=0, error_code=0)

    events = read([execed(10), entry])

    assert (20, kvm_trace.ENTRY, Bound.EXACT) == first_entry(events)


def test_losses_are_of_all_vms() -> None:
    """Where events were dropped nobody knows whose they were."""
    (event,) = read([Lost(15, 3)])

    assert ("lost", 15, -1, 3) == (*kinds([event])[0], event.fields["count"])


# --- the first guest entry --------------------------------------------------------------------


def test_the_first_of_many_entries_counts() -> None:
    """Entries after it, of any vCPU, are not given."""
    more = [kvm(kvm_trace.ENTRY, 20 + i, tid=2 + i, rip=i) for i in range(5)]

    assert (20, kvm_trace.ENTRY, Bound.EXACT) == first_entry(read([execed(10), *more, pio(30, 1)]))


def test_a_guest_without_marks_still_has_an_entry() -> None:
    """At the end of the recording it is given for those that never wrote."""
    assert (20, kvm_trace.ENTRY, Bound.EXACT) == first_entry(
        read([execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0)])
    )


def test_kvm_fpu_stands_in_where_kvm_entry_never_fires() -> None:
    """Only loading counts; the true first entry comes at or after it."""
    records = [kvm(kvm_trace.FPU, 18, load=0), kvm(kvm_trace.FPU, 19, load=1)]

    assert (19, kvm_trace.FPU, Bound.GE) == first_entry(read([execed(10), *records, pio(30, 1)]))


def test_the_master_clock_stands_in_from_a_vcpu_alone() -> None:
    """QEMU's main thread updates it too, when it sets up the clock."""
    records = [kvm(kvm_trace.MASTER_CLOCK, 12, tid=1), kvm(kvm_trace.MASTER_CLOCK, 17, tid=2)]

    expected = (17, kvm_trace.MASTER_CLOCK, Bound.GE)
    assert expected == first_entry(read([execed(10), *records, pio(30, 1)]))


def test_the_thread_that_runs_the_guest_stands_in() -> None:
    """Of a QEMU that has forked itself ftrace does not tell which thread is its first."""
    records = [kvm(kvm_trace.MASTER_CLOCK, 12, tid=3), kvm(kvm_trace.MASTER_CLOCK, 17, tid=2)]

    expected = (17, kvm_trace.MASTER_CLOCK, Bound.GE)
    assert expected == first_entry(read([execed(10), Forked(11, 3, 1), *records, pio(30, 1)]))


def test_the_best_of_several_witnesses_counts() -> None:
    """An entry beats its stand-ins, though they come first."""
    records = [
        kvm(kvm_trace.FPU, 17, load=1),
        kvm(kvm_trace.MASTER_CLOCK, 19),
        kvm(kvm_trace.ENTRY, 20, rip=0xFFF0),
    ]

    expected = (20, kvm_trace.ENTRY, Bound.EXACT)
    assert expected == first_entry(read([execed(10), *records, pio(30, 1)]))
    later = (19, kvm_trace.MASTER_CLOCK, Bound.GE)
    assert later == first_entry(read([execed(10), *records[:2], pio(30, 1)]))


@pytest.mark.parametrize(
    "record",
    [
        kvm(kvm_trace.ENTRY, 20, rip=0x1000),
        kvm(kvm_trace.FPU, 20, load=1),
        kvm(kvm_trace.MASTER_CLOCK, 20),
    ],
)
def test_a_vm_that_ran_before_the_recording_has_no_first_entry(record: TraceRecord) -> None:
    """Without its exec, an entry anywhere in the guest proves nothing."""
    assert [("port_write", 30, 1)] == kinds(read([record, pio(30, 6)]))


def test_the_reset_vector_is_a_first_entry_without_an_exec() -> None:
    """Nothing in a guest runs before it."""
    events = read([kvm(kvm_trace.ENTRY, 20, rip=0xFFF0), pio(30, 1)])

    assert [("entry", 20, 1), ("passed", 20, 1), ("port_write", 30, 1)] == kinds(events)


def test_the_reset_vector_after_a_mark_is_a_reset() -> None:
    """The guest begins again, and so does its firmware; other entries after a mark say nothing."""
    records = [pio(30, 1), kvm(kvm_trace.ENTRY, 40, rip=5), kvm(kvm_trace.ENTRY, 50, rip=0xFFF0)]

    assert [("reset", 50, 1), ("passed", 50, 1)] == kinds(read([execed(10), *records]))[-2:]


def test_after_a_reset_an_unpatched_guest_shows_all_again() -> None:
    """The second hand-over is as good as the first, and so is the second end."""
    over = [pio(30, 0, port=0xF0), pio(40, 0, port=0xF1), pio(50, 0x2001, port=0x604)]
    again = [record._replace(time_ns=record.time_ns + 100) for record in over]
    at_reset = kvm(kvm_trace.ENTRY, 120, rip=0xFFF0)

    events = read([execed(10), *over, at_reset, *again])

    assert [40, 50, 120, 140, 150] == [e.time_ns for e in events if e.kind is EventKind.PASSED]


# --- whose events -----------------------------------------------------------------------------


def test_another_vmm_is_known_by_its_cut_name() -> None:
    """The kernel keeps 15 bytes of a name."""
    vmm = Vmm(("cloud-hypervisor",))

    assert vmm.is_called("cloud-hyperviso")
    assert [("port_write", 30, 1)] == kinds(read([pio(30, 6, comm="cloud-hyperviso")], vmm))


def test_marks_of_unknown_programs_are_counted() -> None:
    """They are left out, and whoever asks can say whose they were."""
    trace = KvmTrace("perf")

    events = list(trace.read([pio(30, 1, 7, comm="crosvm"), pio(31, 1, 7, comm="crosvm")]))
    events += trace.read([pio(32, 1, 8, comm="")])

    assert ([], {"crosvm": 2, "process 8": 1}) == (events, dict(trace.unclaimed))


def test_a_qemu_that_detaches_itself_is_not_lost() -> None:
    """-daemonize: the child runs the guest, the exec was its parent's."""
    events = read([execed(10), Forked(12, 5, 1), Forked(13, 6, 5), pio(30, 1, 6, comm="")])

    started = ("started", 12, 1)
    assert [("exec", 10, 1), started, ("port_write", 30, 1)] == kinds(events)


def test_a_helper_that_qemu_starts_is_not_qemu() -> None:
    """What it forks and executes writes no marks of its own."""
    helper: list[Record] = [Forked(12, 5, 1), execed(13, 5, "/usr/lib/qemu/qemu-bridge-helper")]

    events = read([execed(10), *helper, pio(30, 1, 5, comm="qemu-bridge-hel")])

    assert [("exec", 10, 1), ("started", 12, 1)] == kinds(events)


def test_a_process_id_comes_again_after_a_fork() -> None:
    """The number of QEMU's child may later be that of another's."""
    again: list[Record] = [Forked(12, 5, 1), Forked(50, 5, 99), pio(60, 1, 5, comm="other")]

    assert [("exec", 10, 1), ("started", 12, 1)] == kinds(read([execed(10), *again]))


# --- QEMU's own start -------------------------------------------------------------------------


def started(events: Iterable[Event]) -> list[tuple[object, int]]:
    """Give the places of QEMU's start, with their times."""
    return [(e.fields["place"], e.time_ns) for e in events if e.kind is EventKind.STARTED]


def test_the_first_thread_is_the_begin_of_main() -> None:
    """A constructor starts it; further ones, and those of others, say nothing."""
    threads = [Forked(11, 9, 8), Forked(12, 2, 1), Forked(13, 3, 1)]

    assert [("qemu_main", 12)] == started(read([execed(10), *threads, pio(30, 1)]))


def test_the_second_time_that_the_first_vcpu_gets_its_tsc_is_the_end_of_the_devices() -> None:
    """Once when it is made, then at the end of the machine's, then at its reset; others have the same."""
    tsc = [(20, 0), (21, 1), (30, 0), (31, 1), (40, 0), (41, 1)]
    given = [kvm(kvm_trace.TSC, time_ns, vcpu_id=vcpu) for time_ns, vcpu in tsc]

    assert [("devices_made", 30)] == started(read([execed(10), *given, pio(50, 1)]))


def test_a_guest_that_sets_its_tsc_says_nothing_of_the_start() -> None:
    """Once it runs, nothing is a place of the start."""
    late = [kvm(kvm_trace.TSC, time_ns, vcpu_id=0) for time_ns in (40, 50)]

    assert [] == started(read([execed(10), pio(30, 1), *late]))


def test_a_process_id_comes_again_after_an_exec() -> None:
    """Each exec of QEMU is another VM, with its own first entry."""
    first = [execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0), pio(30, 1)]
    second = [execed(110), kvm(kvm_trace.ENTRY, 120, rip=0xFFF0), pio(130, 1)]

    entries = [time for kind, time, _ in kinds(read([*first, *second])) if kind == "entry"]

    assert [20, 120] == entries


def test_a_guest_without_marks_keeps_its_entry_when_its_number_comes_again() -> None:
    """The next exec ends the wait for its first write."""
    silent = [execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0)]

    expected = [("exec", 10, 1), ("entry", 20, 1), ("passed", 20, 1), ("exec", 110, 1)]
    assert expected == kinds(read([*silent, execed(110)]))


def test_a_wrapper_that_is_called_like_qemu() -> None:
    """A script of that name executes QEMU in its place: two execs, one process."""
    script = execed(5, filename="/home/me/bin/qemu-system-x86_64")

    assert [("exec", 5, 1), ("exec", 10, 1), ("port_write", 30, 1)] == kinds(
        read([script, execed(10), pio(30, 1)])
    )


def test_an_exec_knows_where_it_descends_from() -> None:
    """QEMU as the grandchild of what was started is still that start's."""
    events = read([Forked(1, 5, 3), Forked(2, 7, 5), execed(10, 7)])

    assert (7, 5, 3) == starters(events[0])


def test_a_mark_that_comes_before_its_exec_is_not_lost() -> None:
    """Live, what one CPU wrote may arrive before what another CPU executed earlier."""
    trace = KvmTrace("perf")
    early = [pio(5, 9, comm="sh"), pio(30, 1, comm="sh")]

    events = list(trace.read([*early, execed(10), pio(40, 6)]))

    assert [("exec", 10, 1), ("port_write", 30, 1), ("port_write", 40, 1)] == kinds(events)
    assert {"sh": 1} == dict(trace.unclaimed)


def test_two_vms_at_once() -> None:
    """Their entries and marks do not mix."""
    records = [
        execed(10, 1),
        execed(11, 4),
        kvm(kvm_trace.ENTRY, 20, 4, tid=5, rip=0xFFF0),
        kvm(kvm_trace.ENTRY, 21, 1, tid=2, rip=0xFFF0),
        pio(30, 1, 1),
        pio(31, 1, 4),
    ]

    of_1 = [("entry", 21, 1), ("passed", 21, 1), ("port_write", 30, 1)]
    of_4 = [("entry", 20, 4), ("passed", 20, 4), ("port_write", 31, 4)]
    assert [*of_1, *of_4] == kinds(read(records))[2:]


def test_an_entry_that_comes_again_is_no_second_reset() -> None:
    """The first instruction may take several entries: its page is not there yet, say."""
    again = [kvm(kvm_trace.ENTRY, time_ns, rip=0xFFF0) for time_ns in (40, 41, 42)]
    first = [execed(10), kvm(kvm_trace.ENTRY, 20, rip=0xFFF0), pio(30, 1)]

    found = read([*first, *again, pio(50, 1), kvm(kvm_trace.ENTRY, 60, rip=0xFFF0), pio(70, 1)])

    assert [40, 60] == [event.time_ns for event in found if event.kind is EventKind.RESET]


def test_a_guest_of_which_nothing_else_is_seen_was_entered_all_the_same() -> None:
    """Told once, when its boot is over: a stock firmware writes no mark, and has not failed."""
    trace = KvmTrace("perf")
    records = (execed(10), kvm(kvm_trace.ENTRY, 20))

    live = [event for record in records for event in trace.feed(record)]
    over, again = list(trace.rest()), list(trace.rest())

    assert [("exec", 10, 1)] == kinds(live)
    assert ([("entry", 20, 1)], []) == (kinds(over), again)
