"""Recordings of perf as events: to the nanosecond what perf itself says of them."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from build import PIO, Builder, event_format
from qemu_boot_time.formats.perfdata import Exit, LossKind, Lost, Sample
from qemu_boot_time.formats.perfdata.abi import RecordType
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.perfdata_trace import LiveTrace, _thinned, events_in
from qemu_boot_time.sources.vmm import Vmm

_DATA = Path(__file__).parents[1] / "data"
_SHARED = Path(__file__).parents[2].parent / "shared/data/recordings"
_WITHOUT_BOOTS = {"perf-group-read", "perf-one-event", "perf-lost", "perf-killed"}
_RECORDED = {
    path.parent.name: (path, path.parent / "script.txt")
    for path in sorted(_DATA.glob("*/perf.data"))
    if path.parent.name not in _WITHOUT_BOOTS
} | {path.name: (path, path.with_suffix(".txt")) for path in sorted(_SHARED.glob("*.perf.data"))}
_PIO = re.compile(
    r" (?P<pid>\d+)/\d+ +\[\d+\] +(?P<s>\d+)\.(?P<ns>\d{9}): +kvm:kvm_pio:"
    r" pio_write at (?P<port>0xf[45]) size 1 count 1 val (?P<value>0x\w+)"
)
_EXEC = re.compile(
    r" (?P<pid>\d+)/\d+ +\[\d+\] +(?P<s>\d+)\.(?P<ns>\d{9}): +sched:sched_process_exec:"
    r" filename=\S*/qemu-system-x86_64 "
)


def _time_ns(found: re.Match[str]) -> int:
    return int(found["s"]) * 10**9 + int(found["ns"])


def marks_in(script: str) -> list[tuple[int, int, str | None]]:
    """Read time, pid and name of all marks that perf script printed."""
    return sorted(
        (_time_ns(f), int(f["pid"]), Names().of(int(f["port"], 0), int(f["value"], 0)))
        for f in _PIO.finditer(script)
    )


def execs_in(script: str) -> list[tuple[int, int]]:
    """Read time and pid of QEMU's execs that perf script printed."""
    return sorted((_time_ns(found), int(found["pid"])) for found in _EXEC.finditer(script))


@pytest.mark.parametrize("name", _RECORDED)
def test_every_mark_is_at_perfs_own_nanosecond(name: str) -> None:
    """Exec plus time since the exec is the stamp that perf script prints, for every mark."""
    recording, script = _RECORDED[name]

    boots = open_input(str(recording), Options()).boots

    found = [
        ((boot.exec_ns or 0) + mark.time_ns, boot.pid, mark.name)
        for boot in boots
        for mark in boot.marks
        if mark.event == "kvm:kvm_pio"
    ]
    told = script.read_text()
    assert marks_in(told) == sorted(found)
    assert {(b.exec_ns, b.pid) for b in boots if b.exec_ns is not None} <= set(execs_in(told))


def test_the_first_entry_is_perfs_first_line_of_it() -> None:
    """584.355 ms after its exec, on a host with kvm_entry."""
    recording = _SHARED / "svm-three-tiny-boots.perf.data"
    if not recording.exists():
        pytest.skip(f"{recording.name} is not beside this checkout")

    events = events_in(recording, "perf", Vmm()).events

    entries = [event.time_ns for event in events if event.kind is EventKind.ENTRY]
    assert [9_949_600_757, 10_615_421_833, 11_250_998_752] == entries


def test_a_stream_gives_what_the_file_gives() -> None:
    """Fed byte for byte, live, the same marks come out."""
    file = _DATA / "perf-pipe/perf.data"
    trace = LiveTrace("perf", Vmm(), file)

    live = [event for byte in file.read_bytes() for event in trace.feed(bytes([byte]))]

    def writes(events: Iterable[Event]) -> list[Event]:
        return sorted(
            (e for e in events if e.kind is EventKind.PORT_WRITE), key=lambda e: e.time_ns
        )

    assert 15 == len(writes(live))
    assert writes(events_in(file, "perf", Vmm()).events) == writes(live)


def test_what_comes_together_is_put_in_order(tmp_path: Path) -> None:
    """A vCPU that moved on leaves the second half of a sign in the ring that is emptied first."""
    b = Builder()
    fields = ("unsigned rw;8;4;0", "unsigned port;12;4;0", "unsigned val;16;4;0")
    attr = b.record(RecordType.HEADER_ATTR, b.attr(7) + b.pack("Q", 1))
    comm = b.record(RecordType.COMM, b.pack("ii", 41, 41) + b"qemu-system-x86\0" + b.trailer())
    second, first = (
        b.sample(b.pack("HBBiIII", 7, 0, 0, 42, 1, port, 0), time_ns=time_ns)
        for port, time_ns in ((0xF1, 20), (0xF0, 10))
    )
    described = b.described({"kvm": [event_format("kvm_pio", 7, *fields)]})
    trace = LiveTrace("perf", Vmm(), tmp_path / "perf.data")

    events = list(trace.feed(b.stream(attr, described, comm, second, first)))

    assert [("linux_start_boot", 20)] == [(e.fields["name"], e.time_ns) for e in events]


def test_losses_are_told_once() -> None:
    """The rings' own records count; perf's totals at the end count the same losses."""
    events = events_in(_DATA / "perf-lost/perf.data", "perf", Vmm()).events

    assert 184 == sum(int(event.fields["count"]) for event in events)
    assert {EventKind.LOST} == {event.kind for event in events}


def test_processes_that_are_no_vm_are_named() -> None:
    """With another --comm the marks of QEMU are somebody else's."""
    found = events_in(_DATA / "perf-pipe/perf.data", "perf", Vmm(("crosvm",)))

    assert ({"qemu-system-x86": 15}, []) == (dict(found.unclaimed), found.events)


def sample(time_ns: int, event: str = "kvm:kvm_entry", *, tid: int = 2, **fields: int) -> Sample:
    """Record one event of process 1."""
    return Sample(time_ns, 1, tid, 0, event, fields)


def test_thinning_keeps_every_possible_first_entry() -> None:
    """Of each thread the earliest in a tenth of a second, and all at the reset vector."""
    records = [sample(n, rip=1) for n in (30, 20, 100_000_000)]

    kept = _thinned([*records, sample(25, rip=0xFFF0), sample(40, tid=3, rip=1)])

    assert [20, 25, 40, 100_000_000] == sorted(r.time_ns for r in kept if isinstance(r, Sample))


def test_thinning_drops_what_says_nothing() -> None:
    """Marks and losses are all kept; of kvm_fpu only what enters; no ends of processes."""
    mark, loss = sample(1, "kvm:kvm_pio"), Lost(5, 0, 1, "", LossKind.RING)
    fpu = [sample(n, "kvm:kvm_fpu", load=n % 2) for n in (2, 3)]

    found = list(_thinned([mark, *fpu, Exit(4, 1, 0, 1, 0), mark, loss]))

    assert [mark, mark, loss, fpu[1]] == found


def test_a_loss_that_only_the_total_tells_is_told_at_the_end(tmp_path: Path) -> None:
    """Where a ring never had room again, what was lost last is in perf's total alone."""
    build = Builder()
    tail = build.trailer(time_ns=4)
    records = [
        build.record(RecordType.LOST, build.pack("QQ", 1, 11) + tail),
        build.sample(build.pio(0xF4, 6), time_ns=9),
        build.record(RecordType.LOST_SAMPLES, build.pack("Q", 12) + build.trailer(time_ns=0)),
    ]
    features = build.features({"kvm": [PIO]})
    file = tmp_path / "perf.data"
    file.write_bytes(build.file([(build.attr(7), [1])], b"".join(records), features))

    events = events_in(file, "perf", Vmm()).events

    assert [(4, 11), (9, 1)] == [(event.time_ns, event.fields["count"]) for event in events]
