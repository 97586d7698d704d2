"""A trace for https://ui.perfetto.dev: a process a boot, tracks for its phases, marks, initcalls, units, exits.

Times are the host's CLOCK_MONOTONIC where the exec of QEMU was seen, so that boots lie where they
were; else a boot begins at 0. Written with Perfetto's published protos (``TracePacket`` with
``TrackDescriptor`` and ``TrackEvent``): https://perfetto.dev/docs/reference/synthetic-track-event.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from qemu_boot_time.host.libraries import lacks
from qemu_boot_time.model import Run
from qemu_boot_time.report.exports.tracks import Count, Process, Slice, Track, processes_of
from qemu_boot_time.report.json import plain

_SEQUENCE = 1
"""Of packets: all are of one writer."""


def export(runs: Sequence[Run]) -> bytes:
    """Render runs as one trace. Raises HostError where Perfetto's protos are missing."""
    try:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos
    except ImportError as error:
        raise lacks("perfetto") from error
    writer = _Writer(protos)
    return b"".join(writer.process(each) for each in processes_of(runs))


class _Writer:
    """Gives each process and track a number of its own: two boots may have had one process id."""

    def __init__(self, protos: Any) -> None:
        self._protos = protos
        self._numbers = count(1)

    def process(self, process: Process) -> bytes:
        """Render one boot. Traces that are written one after the other are one trace."""
        trace = self._protos.Trace()
        number = next(self._numbers)
        descriptor = _packet(trace).track_descriptor
        descriptor.uuid = number
        descriptor.process.pid = number
        descriptor.process.process_name = plain(process.name)
        descriptor.process.cmdline.extend(map(plain, process.command))
        descriptor.process.process_labels.extend(map(plain, _labels(process)))
        zero_ns = _zero_ns(process)
        for track in process.tracks:
            self._track(trace, track, number, zero_ns)
        for each in process.counts:
            self._count(trace, each, number, zero_ns)
        rendered: bytes = trace.SerializeToString()
        return rendered

    def _track(self, trace: Any, track: Track, parent: int, zero_ns: int) -> None:
        number = next(self._numbers)
        descriptor = _packet(trace).track_descriptor
        descriptor.uuid, descriptor.parent_uuid = number, parent
        descriptor.name = track.name
        descriptor.sibling_merge_behavior = descriptor.SIBLING_MERGE_BEHAVIOR_BY_TRACK_NAME
        ends: list[int] = []
        for each in track.slices:
            while ends and ends[-1] <= each.begin_ns:
                self._end(trace, number, zero_ns + ends.pop())
            self._begin(trace, number, zero_ns, each)
            ends += [] if each.is_instant else [each.end_ns]
        while ends:
            self._end(trace, number, zero_ns + ends.pop())

    def _count(self, trace: Any, each: Count, parent: int, zero_ns: int) -> None:
        number = next(self._numbers)
        descriptor = _packet(trace).track_descriptor
        descriptor.uuid, descriptor.parent_uuid = number, parent
        descriptor.name = plain(each.name)
        descriptor.counter.unit = descriptor.counter.UNIT_COUNT
        for time_ns, value in each.steps:
            packet = _packet(trace)
            packet.timestamp = zero_ns + time_ns
            event = packet.track_event
            event.type = self._protos.TrackEvent.TYPE_COUNTER
            event.track_uuid, event.counter_value = number, value

    def _begin(self, trace: Any, track: int, zero_ns: int, each: Slice) -> None:
        kinds = self._protos.TrackEvent
        packet = _packet(trace)
        packet.timestamp = zero_ns + each.begin_ns
        event = packet.track_event
        event.type = kinds.TYPE_INSTANT if each.is_instant else kinds.TYPE_SLICE_BEGIN
        event.track_uuid = track
        event.name = plain(each.name)
        for name, value in each.facts.items():
            fact = event.debug_annotations.add()
            fact.name = name
            if isinstance(value, int):
                fact.int_value = value
            else:
                fact.string_value = plain(value)

    def _end(self, trace: Any, track: int, time_ns: int) -> None:
        packet = _packet(trace)
        packet.timestamp = time_ns
        packet.track_event.type = self._protos.TrackEvent.TYPE_SLICE_END
        packet.track_event.track_uuid = track


def _packet(trace: Any) -> Any:
    packet = trace.packet.add()
    packet.trusted_packet_sequence_id = _SEQUENCE
    return packet


def _labels(process: Process) -> Iterator[str]:
    """Say what else a person may look for."""
    boot = process.boot
    if boot.pid:
        yield f"pid {boot.pid}"
    yield from boot.suspect
    if boot.message:
        yield boot.message


def _zero_ns(process: Process) -> int:
    """Give when the boot began; later, where what it holds would lie before 0, which no trace has."""
    earliest_ns = min((s.begin_ns for t in process.tracks for s in t.slices), default=0)
    return max(process.boot.exec_ns or 0, -earliest_ns)
