"""The Perfetto trace, read back through Perfetto's protos: exactly what the run holds."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos

from boots import booted, marks, started
from budgets import run_of
from qemu_boot_time.exits import CounterSample
from qemu_boot_time.model import (
    Alignment,
    Boot,
    Inside,
    Mark,
    Outcome,
    Phase,
    Profile,
    Purpose,
    Run,
    Span,
)
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.report.exports import exporter


@dataclass(frozen=True)
class Read:
    """One process of a trace."""

    name: str
    points: dict[str, list[tuple[str, int]]]
    """Track to its instants, with their times."""
    slices: dict[str, list[tuple[str, int, int]]]
    """Track to name, begin, end."""
    tracks: list[str]
    """Names; one may come twice."""
    counts: dict[str, list[tuple[int, int]]]
    """Counter track to its times and values."""


def read(*runs: Run) -> list[Read]:
    """Render runs, and read the trace as a viewer does: on a track, time does not fall."""
    content = exporter("perfetto")(runs)
    assert isinstance(content, bytes)
    trace = protos.Trace.FromString(content)
    described = {p.track_descriptor.uuid: p.track_descriptor for p in trace.packet if is_track(p)}
    by_process: dict[int, Read] = {
        uuid: Read(
            track.process.process_name, defaultdict(list), defaultdict(list), [], defaultdict(list)
        )
        for uuid, track in described.items()
        if track.HasField("process")
    }
    for track in described.values():
        if track.name:
            by_process[track.parent_uuid].tracks.append(track.name)
    open_slices: dict[int, list[tuple[str, int]]] = defaultdict(list)
    passed_ns: dict[int, int] = defaultdict(int)
    for packet in trace.packet:
        if not is_track(packet):
            assert passed_ns[packet.track_event.track_uuid] <= packet.timestamp
            passed_ns[packet.track_event.track_uuid] = packet.timestamp
            place(packet, described, by_process, open_slices)
    assert not any(open_slices.values())
    return list(by_process.values())


def is_track(packet: Any) -> bool:
    """Whether a packet tells of a track, not of an event on it."""
    return bool(packet.HasField("track_descriptor"))


def place(
    packet: Any,
    described: dict[int, Any],
    by_process: dict[int, Read],
    open_slices: dict[int, list[tuple[str, int]]],
) -> None:
    """Put an event where it belongs: an end belongs to what began last on its track."""
    event = packet.track_event
    track = described[event.track_uuid]
    process = by_process[track.parent_uuid]
    if event.type == protos.TrackEvent.TYPE_COUNTER:
        process.counts[track.name].append((packet.timestamp, event.counter_value))
    elif event.type == protos.TrackEvent.TYPE_INSTANT:
        process.points[track.name].append((event.name, packet.timestamp))
    elif event.type == protos.TrackEvent.TYPE_SLICE_BEGIN:
        open_slices[event.track_uuid].append((event.name, packet.timestamp))
    else:
        name, begin_ns = open_slices[event.track_uuid].pop()
        process.slices[track.name].append((name, begin_ns, packet.timestamp))


def recorded() -> Run:
    """Make a run of two boots whose execs were seen."""
    events = [*booted(1_000_000, vm=7), *booted(2_000_000, vm=8)]
    return Run("night", tuple(boots_of(events, Rules())))


def absolute(boot: Boot) -> list[tuple[str, int]]:
    """Give a boot's marks by the host's clock."""
    return [(mark.name, mark.time_ns + (boot.exec_ns or 0)) for mark in boot.marks]


def test_the_marks_are_exactly_the_runs() -> None:
    """One process a boot, on the host's clock, to the nanosecond."""
    run = recorded()

    processes = read(run)

    assert ["boot 1", "boot 2"] == [process.name for process in processes]
    assert [absolute(boot) for boot in run.boots] == [p.points["marks"] for p in processes]
    assert [6, 6] == [len(process.points["marks"]) for process in processes]


def test_the_phases_are_exactly_the_runs() -> None:
    """Each with its ends, the total around them."""
    run = recorded()

    processes = read(run)

    for boot, process in zip(run.boots, processes, strict=True):
        zero_ns = boot.exec_ns or 0
        expected = [(p.name, zero_ns + p.begin_ns, zero_ns + p.end_ns) for p in boot.phases]
        assert sorted(expected) == sorted(process.slices["phases"])
        assert ["phases", "marks", "unaccounted"] == process.tracks


def test_what_no_phase_explains_and_qemus_start_have_tracks() -> None:
    """Each gap and each part with its ends, on the host's clock."""
    (boot,) = boots_of([*booted(1000), started(1004, "qemu_main")], Rules())

    (process,) = read(Run("night", (boot,)))

    assert [("unaccounted", 1010, 1020)] == process.slices["unaccounted"]
    assert [("qemu_libraries", 1000, 1004), ("qemu_main..qemu_init_end", 1004, 1010)] == sorted(
        process.slices["QEMU's start"]
    )


def test_how_far_off_times_may_be_has_tracks() -> None:
    """Of the marks whose source says so, and of a guest's clock where it was tied."""
    boot = replace(marked_within(5), exec_ns=1000)
    known = Alignment(error_ns=3, apart_ns=100, first_ns=50)

    _, inside = read(Run("night", (boot,), inside=(Inside(Purpose.UNITS, boot, (), known),)))

    assert [("error of fw_start", 1015, 1025)] == inside.slices["mark error"]
    assert [("alignment error", 1047, 1053), ("alignment error", 1147, 1153)] == sorted(
        inside.slices["alignment error"]
    )


def marked_within(error_ns: int) -> Boot:
    """Make a boot whose one mark, at 20 ns, may be so far off."""
    return Boot(0, 7, Outcome.REACHED, (Mark("fw_start", 20, "debugcon", error_ns=error_ns),))


def test_a_boot_that_failed_is_there() -> None:
    """It says how, and keeps what was seen of it."""
    failed = Boot(4, 9, Outcome.TIMEOUT, marks(fw_start=5), exec_ns=100, message="stuck")

    (process,) = read(Run("night", (failed,)))

    assert "boot 5 (timeout)" == process.name
    assert {"marks": [("fw_start", 105)]} == process.points


def test_two_boots_of_one_process_id_are_two_processes() -> None:
    """A table knows no process ids, and a host uses them again; run names part several runs."""
    processes = read(run_of([100, 101]), run_of([102], name="day"))

    assert ["night boot 1", "night boot 2", "day boot 1"] == [p.name for p in processes]


def test_slices_of_which_none_holds_the_other_do_not_share_a_track() -> None:
    """Units that overlap end where they end, not where the other does."""
    boot = Boot(1, 7, Outcome.REACHED, exec_ns=1000)
    spans = (
        Span("a", 10, 30, "userspace", "systemd"),
        Span("b", 20, 40, "userspace", "systemd"),
        Span("c", 20, 30, "userspace", "systemd"),
        Span("d", 40, 40, "userspace", "systemd"),
    )
    run = Run("night", (), inside=(Inside(Purpose.UNITS, boot, spans),))

    (process,) = read(run)

    assert "inside: units" == process.name
    assert [("a", 1010, 1030), ("b", 1020, 1040), ("c", 1020, 1030), ("d", 1040, 1040)] == sorted(
        process.slices["units"]
    )


def test_what_lies_before_the_boot_moves_it() -> None:
    """No trace has a time below 0."""
    boot = Boot(0, 0, Outcome.REACHED, (Mark("fw_start", -5, "x"), Mark("fw_do_boot", 7, "x")))

    (process,) = read(Run("night", (boot,)))

    assert [("fw_start", 0), ("fw_do_boot", 12)] == process.points["marks"]


def test_marks_of_other_attempts_and_sources_have_tracks_of_their_own() -> None:
    """They are no marks of the run's statistics."""
    (boot,) = run_of([100]).boots
    boot = replace(boot, other_attempts=marks(fw_start=1), also_seen=marks(fw_start=2))

    (process,) = read(Run("night", (boot,)))

    assert [("fw_start", 1)] == process.points["earlier attempts"]
    assert [("fw_start", 2)] == process.points["also seen"]
    assert [("linux_start_kernel", 10_000_000), ("linux_start_user", 110_000_000)] == (
        process.points["marks"]
    )


def test_the_users_own_phases_may_overlap_the_others() -> None:
    """They have a track of their own; one that ends before it begins is turned round."""
    (boot,) = run_of([100]).boots
    own = Phase("net", "x", "y", 9, 5)

    (process,) = read(Run("night", (replace(boot, phases=(*boot.phases, own)),)))

    assert [("net", 5, 9)] == process.slices["own phases"]


def test_what_is_known_of_a_mark_is_with_it() -> None:
    """Its source, what was seen, how sure it is."""
    mark = Mark("fw_start", 5, "perf", "kvm:kvm_pio", error_ns=3, instructions=9)
    content = exporter("perfetto")([Run("night", (Boot(0, 0, Outcome.REACHED, (mark,)),))])
    assert isinstance(content, bytes)

    (event,) = (
        packet.track_event
        for packet in protos.Trace.FromString(content).packet
        if packet.HasField("track_event") and packet.track_event.name == "fw_start"
    )

    assert [("source", "perf"), ("event", "kvm:kvm_pio"), ("error_ns", 3), ("instructions", 9)] == [
        (fact.name, fact.string_value or fact.int_value) for fact in event.debug_annotations
    ]


def test_exits_are_counter_tracks() -> None:
    """One a device, in a process of its own, on the host's clock."""
    boot = Boot(5, 7, Outcome.REACHED, marks(fw_start=5), exec_ns=1000)
    samples = (
        CounterSample(10, "fw_cfg", 1),
        CounterSample(20, "ide", 4),
        CounterSample(30, "fw_cfg", 9),
    )

    (process,) = read(Run("night", (), profiles=(Profile(boot, samples=samples),)))

    assert "profile: boot 6" == process.name
    assert {
        "exits: fw_cfg": [(1010, 1), (1030, 9)],
        "exits: ide": [(1020, 4)],
    } == process.counts
