"""trace.dat as trace records of KVM: boots of a recording that trace-cmd made."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats import tracedat
from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.base import Recording
from qemu_boot_time.sources.kvm_trace import KvmTrace, Lost, TraceRecord
from qemu_boot_time.sources.threads import NEEDED, Processes, Unmatched
from qemu_boot_time.sources.vmm import Vmm

_MOST_LISTED = 6
_BUCKET_NS = 100_000_000
_FREQUENT = frozenset({kvm_trace.ENTRY, kvm_trace.FPU, kvm_trace.MASTER_CLOCK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Recording):
    """What a trace.dat holds for us."""

    unmatched: tuple[Unmatched, ...]
    """Threads whose marks are left out: nothing tells which of several VMs they belong to."""
    header: tracedat.Header
    buffers: tuple[str, ...]
    """The names of the ring buffers that were read; the top one's is empty."""

    @property
    def doubt(self) -> str:
        """Say whose marks are left out because they may be of several VMs; empty: nobody's."""
        if not self.unmatched:
            return ""
        tids = _listed(thread.tid for thread in self.unmatched)
        pids = _listed(sorted({pid for thread in self.unmatched for pid in thread.pids}))
        return (
            f"marks of threads {tids} left out: they may be of any of the VMs {pids}; "
            "record -e sched:sched_process_fork too"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what a reader of these boots must know."""
        facts = {
            f"clock of the recording: {self.header.clock}": True,
            f"ring buffers read: {', '.join(name or 'top' for name in self.buffers)}": any(
                self.buffers
            ),
            "a guest's own recording: its times are not the host's": self.header.host_trace_id
            is not None,
            self.doubt: self.unmatched,
        }
        return tuple(fact for fact, is_so in facts.items() if is_so)


def events_in(file: Path, source: str, vmm: Vmm) -> Found:
    """Read the events of VMs in a recording.

    Memory grows with what is kept (marks, execs, forks, and ten guest entries a second and thread),
    not with the file. Raises InputError for what is no trace.dat or has no clock of nanoseconds,
    CorruptFileError where it is damaged before its pages.
    """
    recording = tracedat.open_recording(file, wanted=NEEDED)
    _require_one_clock(recording)
    records, error = _kept(recording)
    processes, trace = Processes(vmm), KvmTrace(source, vmm)
    events = list(trace.read(processes.of(records)))
    return Found(
        events=events,
        unclaimed=trace.unclaimed,
        error=error,
        unmatched=tuple(processes.unmatched.values()),
        header=recording.header,
        buffers=tuple(recording.buffers),
    )


def _listed(numbers: Iterable[int]) -> str:
    """Name the first of them."""
    texts = [str(number) for number in numbers]
    more = len(texts) - _MOST_LISTED
    return ", ".join(texts[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _require_one_clock(recording: tracedat.Recording) -> None:
    clocks = sorted(set(recording.buffers.values()))
    if len(clocks) > 1:
        raise InputError(
            f"{recording.path}: its buffers have different clocks: {', '.join(clocks)}",
            hint="trace-cmd record -C mono, and -C mono behind each -B",
        )
    if not recording.header.in_ns:
        raise InputError(
            f"{recording.path}: clock {recording.header.clock} counts ticks, and nothing tells how "
            "many make a second",
            hint="trace-cmd record -C mono, or --tsc2nsec",
        )


def _kept(
    recording: tracedat.Recording,
) -> tuple[list[TraceRecord | Lost], CorruptFileError | None]:
    """Read what is wanted, and what is wrong with the rest."""
    records: list[TraceRecord | Lost] = []
    damage = None
    try:
        records.extend(_thinned(adapted(recording.records())))
    except CorruptFileError as error:
        damage = error
    untold = recording.header.lost
    if records and untold and not any(isinstance(record, Lost) for record in records):
        records.append(Lost(records[-1].time_ns, untold))
    return records, damage


def adapted(records: Iterable[tracedat.Record]) -> Iterator[TraceRecord | Lost]:
    """Give the records as ours; their process is not known yet."""
    for record in records:
        if isinstance(record, tracedat.Lost):
            yield Lost(record.time_ns, record.events or 1)  # at least: the page does not say
        else:
            tid = record.tid
            yield TraceRecord(record.time_ns, record.event, tid, tid, record.comm, record.fields)


def _thinned(records: Iterable[TraceRecord | Lost]) -> Iterator[TraceRecord | Lost]:
    """Drop guest entries that cannot be a VM's first, nor one at the reset vector.

    The first of each thread in a tenth of a second is kept: a thread does not leave one guest and
    enter another in that.
    """
    kept: dict[tuple[str, int], int] = {}
    for record in records:
        if isinstance(record, TraceRecord) and record.event in _FREQUENT:
            if record.event == kvm_trace.FPU and record.fields.get("load") != 1:
                continue
            place, bucket = (record.event, record.tid), record.time_ns // _BUCKET_NS
            at_reset_vector = record.fields.get("rip") == kvm_trace.RESET_VECTOR_RIP
            if kept.get(place) == bucket and not at_reset_vector:
                continue
            kept[place] = bucket
        yield record
