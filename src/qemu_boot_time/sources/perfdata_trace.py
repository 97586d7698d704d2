"""perf.data as trace records of KVM: one path for a live stream and for a file of any size."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats import perfdata
from qemu_boot_time.model import Event
from qemu_boot_time.protocol import PORTS
from qemu_boot_time.sources import kvm_console, kvm_stock, kvm_trace
from qemu_boot_time.sources.base import Arm, Recording, events_of
from qemu_boot_time.sources.kvm_trace import Forked, KvmTrace, Lost, TraceRecord
from qemu_boot_time.sources.vmm import Vmm

_BUCKET_NS = 100_000_000
_FREQUENT = frozenset({kvm_trace.ENTRY, kvm_trace.MASTER_CLOCK})
_TELLING = (
    perfdata.FieldIn(kvm_trace.PIO, "port", (*PORTS, *kvm_stock.PORTS, *kvm_console.PORTS)),
    perfdata.FieldIn(kvm_stock.MSR, "ecx", kvm_stock.MSRS),
    perfdata.FieldIn(kvm_stock.IPI, "icr_low", kvm_stock.INIT_COMMANDS),
    perfdata.FieldIn(kvm_trace.FPU, "load", {1}),
)
_AT_RESET = perfdata.FieldIn(kvm_trace.ENTRY, "rip", {kvm_trace.RESET_VECTOR_RIP})
_FIRST_OF = (perfdata.FirstOf(kvm_trace.ENTRY, _AT_RESET), perfdata.FirstOf(kvm_trace.FPU))
"""What :func:`_thinned` drops, most of it before it is decoded: a recording may hold millions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Recording):
    """What a perf.data holds for us."""

    header: perfdata.Header
    killed: bool
    """Whether perf was killed before it wrote the end."""


def read_raw(request: Arm, pattern: str, source: str) -> Iterator[Event]:
    """Read the raw files of a run that are a perf.data each; ``vm`` is QEMU's process id.

    Raises InputError where there is none, CorruptFileError for damage after all that can be read:
    a writer that was killed leaves its last record torn.
    """
    yield from events_of(recordings(request, pattern, source))


def recordings(request: Arm, pattern: str, source: str) -> Iterator[Found]:
    """Read the raw files of a run that are a perf.data each. Raises InputError for none at all."""
    files = sorted(request.raw.glob(pattern))
    if not files:
        raise InputError(f"{request.raw / pattern}: missing", hint="was the run copied whole?")
    for file in files:
        yield events_in(file, source, request.vmm)


def events_in(file: Path, source: str, vmm: Vmm) -> Found:
    """Read the events of VMs in a recording.

    Memory grows with what is kept (marks, execs, forks, and ten guest entries a second and VM),
    not with the file. Raises InputError for what is no perf.data, CorruptFileError where it is
    damaged before the first record.
    """
    recording = perfdata.open_recording(
        file,
        wanted=kvm_trace.WANTED,
        where=_TELLING,
        first_of=_FIRST_OF,
        on_damage=perfdata.OnDamage.STOP,
    )
    records = sorted(_thinned(recording.records()), key=lambda record: record.time_ns)
    trace = KvmTrace(source, vmm)
    events = list(trace.read(chain(_Adapter().of(records), _lost_untold(records))))
    return Found(
        events=events,
        unclaimed=trace.unclaimed,
        error=recording.damage,
        header=recording.header,
        killed=recording.killed,
    )


class LiveTrace:
    """The same, of a stream that is still being written: good enough to see a mark come."""

    def __init__(self, source: str, vmm: Vmm, file: Path) -> None:
        wanted = perfdata.Wanted(events=frozenset(kvm_trace.WANTED))
        self._decoder = perfdata.Decoder(name=str(file), wanted=wanted)
        self._adapter = _Adapter()
        self._trace = KvmTrace(source, vmm)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Give the events that this chunk completes; a CPU's may be older than those given before."""
        records = self._adapter.of(self._decoder.feed(chunk))
        for record in sorted(records, key=lambda record: record.time_ns):
            yield from self._trace.feed(record)

    def rest(self) -> Iterator[Event]:
        """Give what only the end of a boot shows."""
        return self._trace.rest()


class _Adapter:
    """perf's records as ours; remembers what processes are called."""

    def __init__(self) -> None:
        self._comm: dict[int, str] = {}

    def of(self, records: Iterable[perfdata.Record]) -> Iterator[TraceRecord | Forked | Lost]:
        for record in records:
            match record:
                case perfdata.Sample():
                    comm = self._comm.get(record.pid, "")
                    yield TraceRecord(
                        record.time_ns, record.event, record.pid, record.tid, comm, record.fields
                    )
                case perfdata.Comm() if record.pid == record.tid:
                    self._comm[record.pid] = record.comm
                case perfdata.Fork() if record.pid != record.ppid:
                    self._comm[record.pid] = self._comm.get(record.ppid, "")
                    yield Forked(record.time_ns, record.pid, record.ppid)
                case perfdata.Fork():
                    yield Forked(record.time_ns, record.tid, record.pid)
                case perfdata.Lost(kind=perfdata.LossKind.RING):
                    yield Lost(record.time_ns, record.count)
                case _:
                    pass


def _lost_untold(records: Sequence[perfdata.Record]) -> Iterator[Lost]:
    """Tell what was lost last, where no ring had room again to say so: only the total knows."""
    by_kind = Counter[perfdata.LossKind]()
    for record in records:
        if isinstance(record, perfdata.Lost):
            by_kind[record.kind] += record.count
    untold = by_kind[perfdata.LossKind.TOTAL] - by_kind[perfdata.LossKind.RING]
    if untold > 0:
        yield Lost(records[-1].time_ns, untold)


def _thinned(records: Iterable[perfdata.Record]) -> Iterator[perfdata.Record]:
    """Drop what says nothing of a boot, and guest entries that cannot be a VM's first.

    CPUs are not in order with each other, so the first is only known at the end: the earliest of
    each tenth of a second is kept, and all at the reset vector. A process does not leave one guest
    and enter another in that.
    """
    earliest: dict[tuple[str, int, int], perfdata.Sample] = {}
    for record in records:
        if not isinstance(record, perfdata.Sample):
            if not isinstance(record, perfdata.Exit | perfdata.Throttle):
                yield record
        elif _is_one_of_many(record):
            key = (record.event, record.tid, record.time_ns // _BUCKET_NS)
            if key not in earliest or record.time_ns < earliest[key].time_ns:
                earliest[key] = record
        elif record.event != kvm_trace.FPU:
            yield record
    yield from earliest.values()


def _is_one_of_many(sample: perfdata.Sample) -> bool:
    """Whether this is an entry of the kind that a running guest makes all the time."""
    if sample.event == kvm_trace.FPU:
        return sample.fields.get("load") == 1
    at_reset_vector = sample.fields.get("rip") == kvm_trace.RESET_VECTOR_RIP
    return sample.event in _FREQUENT and not at_reset_vector
