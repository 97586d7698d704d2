"""The kernel's trace events as what was seen of VMs: execs, guest entries, port writes.

One reading for all that record them: perf (live, perf.data, ``perf script -s``), perf_event,
tracefs, trace-cmd. Pure, and standard library only: perf's own Python imports this.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from qemu_boot_time.model import Bound, Event, EventKind
from qemu_boot_time.protocol import DEVICES_MADE, FW_START, PORTS, QEMU_MAIN
from qemu_boot_time.sources import kvm_stock
from qemu_boot_time.sources.vmm import Vmm

EXEC = "sched:sched_process_exec"
FORK = "sched:sched_process_fork"
PIO = kvm_stock.PIO
ENTRY = "kvm:kvm_entry"
FPU = "kvm:kvm_fpu"
MASTER_CLOCK = "kvm:kvm_update_master_clock"

TSC = "kvm:kvm_write_tsc_offset"

WANTED = (EXEC, PIO, ENTRY, FPU, MASTER_CLOCK, TSC, kvm_stock.MSR, kvm_stock.IPI)
"""The events of a recording that say something about a boot."""

RESET_VECTOR_RIP = 0xFFF0
"""Where the first vCPU of an x86 guest begins, with the code segment at 4 GiB - 64 KiB
(Intel SDM volume 3, 10.1.4 "First Instruction Executed")."""

_WRITE = 1
_EARLY = 64
_TSC_SET_WHEN_MADE = 2


class TraceRecord(NamedTuple):
    """One trace event, as any recorder gives it."""

    time_ns: int
    event: str
    """``system:name``."""
    pid: int
    """The process (tgid)."""
    tid: int
    comm: str
    fields: Mapping[str, object]
    """The event's own; what is not known here is passed over."""


class Forked(NamedTuple):
    """A new process, so that a QEMU that detaches itself is not lost; or a new thread."""

    time_ns: int
    pid: int
    """Of a thread: its own number."""
    parent: int


class Lost(NamedTuple):
    """The recorder dropped events around here."""

    time_ns: int
    events: int


def starters(event: Event) -> tuple[int, ...]:
    """Give the processes that an exec may go back to: its own, and those that it descends from."""
    return (event.vm, *map(int, str(event.fields.get("parents", "")).split()))


@dataclass(slots=True)
class _Vm:
    """One VM so far: what may turn out to be its first guest entry, and what it did since."""

    pid: int
    exec_seen: bool = False
    ran: bool = False
    """Whether the guest was seen at work, so that it has been entered."""
    at_reset_vector: bool = False
    """Of the first guest entry."""
    is_reset: bool = False
    """Whether it was reset, and nothing was seen of it since: the first entry may be repeated."""
    entered_ns: int | None = None
    """When it was first entered, by an entry itself."""
    stand_ins: dict[tuple[str, int], int] = field(default_factory=dict)
    """Event and thread to the time of its first that counts."""
    stock: kvm_stock.StockBoot = field(default_factory=kvm_stock.StockBoot)
    threaded: bool = False
    """Whether it has a thread besides its first."""
    tsc_set: int = 0
    """How often the first vCPU was given its TSC before it ran."""

    def first_entry(self, tid: int) -> tuple[str, int] | None:
        """Give the best sign of its first guest entry, and when; ``tid`` is who runs the guest.

        Another thread's counts only where that one gave none: of a QEMU that has forked itself, ftrace
        does not tell which thread is its first, and that one sets up the clock long before.
        """
        if self.entered_ns is not None:
            return ENTRY, self.entered_ns
        ranked = sorted(
            (thread != tid, _ENTRY_RANK[event], time_ns, event)
            for (event, thread), time_ns in self.stand_ins.items()
        )
        return next(((event, time_ns) for *_, time_ns, event in ranked), None)


class KvmTrace:
    """Turns trace records, fed in time order, into events whose ``vm`` is the VMM's process id.

    A recording may hold millions of guest entries, and one of each VM counts: it is given once the
    first sign of its guest (or the end) shows which candidate was the best, so its stamp may lie
    before those of events given earlier.
    """

    def __init__(self, source: str, vmm: Vmm | None = None) -> None:
        self._source = source
        self._vmm = vmm or Vmm()
        self._vms: dict[int, _Vm] = {}
        self._owner: dict[int, int] = {}
        self._parents: dict[int, int] = {}
        self._early: dict[int, deque[TraceRecord]] = {}
        self.unclaimed = Counter[str]()
        """Marks by processes that are no VM we know, by process name."""

    def read(self, records: Iterable[TraceRecord | Forked | Lost]) -> Iterator[Event]:
        """Turn a whole recording into events."""
        for record in records:
            yield from self.feed(record)
        yield from self.rest()

    def rest(self) -> Iterator[Event]:
        """Give the first guest entry of VMs of which nothing else was seen, now that they are over."""
        for vm in self._vms.values():
            yield from self._entry_of(vm)
            vm.ran = True

    def feed(self, record: TraceRecord | Forked | Lost) -> Iterator[Event]:
        """Take one record; give the events that it completes."""
        if isinstance(record, Forked):
            yield from self._first_thread(record)
            self._parents[record.pid] = record.parent
            self._owner.pop(record.pid, None)  # it was another process's number before
            if record.parent in self._owner:
                self._owner[record.pid] = self._owner[record.parent]
        elif isinstance(record, Lost):
            yield Event(record.time_ns, self._source, EventKind.LOST, -1, {"count": record.events})
        else:
            handle = self._HANDLERS.get(record.event)
            if handle is not None:
                yield from handle(self, record)

    def _exec(self, record: TraceRecord) -> Iterator[Event]:
        self._owner.pop(record.pid, None)
        vm = self._vms.pop(record.pid, None)
        if vm is not None:
            yield from self._entry_of(vm)
        if self._vmm.runs(str(record.fields.get("filename", ""))):
            self._owner[record.pid] = record.pid
            self._vms[record.pid] = _Vm(record.pid, exec_seen=True)
            fields = {"filename": str(record.fields["filename"]), "parents": self._line(record.pid)}
            yield self._event(record, EventKind.EXEC, record.pid, fields)
            yield from self._caught_up(record)

    def _caught_up(self, execed: TraceRecord) -> Iterator[Event]:
        """Give the marks of a VM that came before its exec: live, CPUs are not in order."""
        for record in self._early.pop(execed.pid, ()):
            if record.time_ns >= execed.time_ns:
                self.unclaimed.subtract([_called(record)])
                yield from self._pio(record)
        self.unclaimed = +self.unclaimed

    def _first_thread(self, forked: Forked) -> Iterator[Event]:
        """Give when QEMU's own code began: a constructor starts its first thread, just before main().

        That is rcu_init() in QEMU's util/rcu.c.
        """
        vm = self._vms.get(forked.parent)
        if vm is not None and vm.exec_seen and not vm.threaded:
            vm.threaded = True
            yield self._started(forked.time_ns, vm.pid, QEMU_MAIN, FORK)

    def _tsc(self, record: TraceRecord) -> Iterator[Event]:
        """Give when all devices were made: the first vCPU is given its state for the second time.

        The first time is when it is made; then QEMU's qdev_machine_creation_done() begins with this,
        and goes on to the tables for the guest, the ROMs and the reset, which is the third.
        """
        vm = self._vm_of(record)
        if vm is not None and vm.exec_seen and not vm.ran and record.fields.get("vcpu_id") == 0:
            vm.tsc_set += 1
            if vm.tsc_set == _TSC_SET_WHEN_MADE:
                yield self._started(record.time_ns, vm.pid, DEVICES_MADE, TSC)

    def _started(self, time_ns: int, vm: int, place: str, event: str) -> Event:
        fields = {"place": place, "event": event}
        return Event(time_ns, self._source, EventKind.STARTED, vm, fields)

    def _line(self, pid: int) -> str:
        """Give the processes that this one descends from, the nearest first, as far as known."""
        line: list[int] = []
        while (pid := self._parents.get(pid, 0)) and pid not in line:
            line.append(pid)
        return " ".join(map(str, line))

    def _pio(self, record: TraceRecord) -> Iterator[Event]:
        port, value = record.fields.get("port"), record.fields.get("val")
        if port not in PORTS:
            yield from self._stock(record)
            return
        is_write = record.fields.get("rw") == _WRITE
        if not is_write or not isinstance(port, int) or not isinstance(value, int):
            return
        vm = self._vm_of(record)
        if vm is None:
            self.unclaimed[_called(record)] += 1
            self._early.setdefault(record.pid, deque(maxlen=_EARLY)).append(record)
            return
        yield from self._at_work(vm, record.tid)
        written: dict[str, int | str] = {"port": port, "value": value, "event": PIO}
        yield self._event(record, EventKind.PORT_WRITE, vm.pid, written)

    def _stock(self, record: TraceRecord) -> Iterator[Event]:
        """Give what this tells of a guest that writes no marks."""
        vm = self._vm_of(record)
        if vm is None:
            return
        for seen in vm.stock.feed(record.time_ns, record.event, record.fields):
            yield from self._at_work(vm, record.tid)
            yield Event(seen.time_ns, self._source, seen.kind, vm.pid, seen.fields)

    def _entry(self, record: TraceRecord) -> Iterator[Event]:
        vm = self._vm_of(record)
        if vm is None:
            return
        at_reset_vector = record.fields.get("rip") == RESET_VECTOR_RIP
        if vm.ran and at_reset_vector and vm.is_reset:
            return
        vm.is_reset = vm.ran and at_reset_vector
        if vm.is_reset:
            vm.stock = kvm_stock.StockBoot()
            yield self._event(record, EventKind.RESET, vm.pid, {"event": ENTRY})
            yield self._firmware_of(vm, record.time_ns)
        elif not vm.ran and (vm.exec_seen or at_reset_vector) and vm.entered_ns is None:
            vm.entered_ns = record.time_ns
            vm.at_reset_vector = at_reset_vector

    def _stand_in(self, record: TraceRecord) -> Iterator[Event]:
        vm = self._vm_of(record)
        if vm is not None and vm.exec_seen and not vm.ran and _IS_ENTERING[record.event](record):
            vm.stand_ins.setdefault((record.event, record.tid), record.time_ns)
        yield from ()

    _HANDLERS: ClassVar[Mapping[str, Callable[["KvmTrace", TraceRecord], Iterator[Event]]]] = {
        EXEC: _exec,
        PIO: _pio,
        ENTRY: _entry,
        FPU: _stand_in,
        MASTER_CLOCK: _stand_in,
        TSC: _tsc,
        kvm_stock.MSR: _stock,
        kvm_stock.IPI: _stock,
    }

    def _vm_of(self, record: TraceRecord) -> _Vm | None:
        pid = self._owner.get(record.pid, record.pid)
        if pid not in self._vms and self._vmm.is_called(record.comm):
            self._vms[pid] = _Vm(pid)
        return self._vms.get(pid)

    def _at_work(self, vm: _Vm, tid: int) -> Iterator[Event]:
        """Take note that a thread runs the guest; give its first entry if that is still to be given."""
        yield from self._entry_of(vm, tid)
        vm.ran, vm.is_reset = True, False

    def _entry_of(self, vm: _Vm, tid: int = 0) -> Iterator[Event]:
        """Give the first guest entry once, seen by the best event that fired for this VM.

        ``tid`` is the thread that runs the guest; 0: nothing was seen of that.
        """
        found = vm.first_entry(tid)
        if found is not None and not vm.ran:
            best, time_ns = found
            fields = {"event": best, "bound": _ENTRY_BOUNDS[best].value}
            yield Event(time_ns, self._source, EventKind.ENTRY, vm.pid, fields)
            if best == ENTRY and vm.at_reset_vector:
                yield self._firmware_of(vm, time_ns)

    def _firmware_of(self, vm: _Vm, entered_ns: int) -> Event:
        """Give the begin of the firmware: the instruction at the reset vector is its first."""
        event = f"{ENTRY} {RESET_VECTOR_RIP:#x}"
        fields = {"name": FW_START, "event": event, "bound": Bound.GE.value}
        return Event(entered_ns, self._source, EventKind.PASSED, vm.pid, fields)

    def _event(
        self, record: TraceRecord, kind: EventKind, vm: int, fields: Mapping[str, int | str]
    ) -> Event:
        return Event(record.time_ns, self._source, kind, vm, fields)


def _called(record: TraceRecord) -> str:
    return record.comm or f"process {record.pid}"


_ENTRY_BOUNDS = {ENTRY: Bound.EXACT, MASTER_CLOCK: Bound.GE, FPU: Bound.GE}
"""The first guest entry and its stand-ins, best first. Both come on the vCPU's way into its first
run: the request that every new vCPU is given and vcpu_enter_guest() works off, and just before it
kvm_load_guest_fpu() in kvm_arch_vcpu_ioctl_run() (arch/x86/kvm/x86.c)."""

_ENTRY_RANK = {event: rank for rank, event in enumerate(_ENTRY_BOUNDS)}

_IS_ENTERING: Mapping[str, Callable[[TraceRecord], bool]] = {
    FPU: lambda record: record.fields.get("load") == 1,
    # The same event comes earlier from the main thread, when QEMU sets up the clock.
    MASTER_CLOCK: lambda record: record.tid != record.pid,
}
