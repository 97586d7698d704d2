"""Whose thread is this: VMs' processes, where a recorder tells threads alone (ftrace does).

Pure, and standard library only. Nothing is guessed: a thread that may be of two VMs is of none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from qemu_boot_time.protocol import LINUX_START_USER, PORTS, TRACE_POINTS
from qemu_boot_time.sources.kvm_trace import (
    ENTRY,
    EXEC,
    FORK,
    PIO,
    WANTED,
    Forked,
    Lost,
    TraceRecord,
)
from qemu_boot_time.sources.vmm import Vmm

EXIT = "sched:sched_process_exit"

NEEDED = (*WANTED, FORK, EXIT)
"""The events of a recording that say something about a boot or about whose thread one is."""

_VCPU_COMM = "CPU */KVM"
"""What QEMU calls its vCPUs' threads under ``-name debug-threads=on``, libvirt's default."""

_BY_BOOT_CPU = frozenset(
    (point.port, point.value)
    for point in TRACE_POINTS
    if point.port is not None and point.name != LINUX_START_USER
)
"""Writes that only a VM's first vCPU makes; kernel_init() may run on any of them."""


class Unmatched(NamedTuple):
    """A thread that wrote marks, and may belong to several VMs."""

    tid: int
    pids: tuple[int, ...]
    """The VMs' processes."""


@dataclass(slots=True)
class _Vm:
    pid: int
    vcpus: set[int] = field(default_factory=set)
    """The numbers of those vCPUs whose threads are known."""


class Processes:
    """Gives trace records their processes. ``unmatched`` is complete once all are given."""

    def __init__(self, vmm: Vmm) -> None:
        self._vmm = vmm
        self._of: dict[int, int] = {}
        """Thread to process, as far as known."""
        self._vms: dict[int, _Vm] = {}
        """By process: the VMs that may begin to run further threads."""
        self._vcpus: dict[int, int] = {}
        """Thread to the number of the vCPU that it runs."""
        self._doubtful: dict[int, Unmatched] = {}
        self.unmatched: dict[int, Unmatched] = {}

    def of(self, records: Iterable[TraceRecord | Lost]) -> Iterator[TraceRecord | Forked | Lost]:
        """Give the records, which come in the order of their times, with their processes.

        ``pid`` of what is given in is not looked at. Records of threads without a process are left
        out. May be called again with what came after.
        """
        records = list(records)
        self._vcpus.update(_vcpus(records))
        for record in records:
            if isinstance(record, Lost):
                yield record
            elif record.event == FORK:
                yield from self._fork(record)
            elif record.event == EXIT:
                self._exit(record.tid)
            elif record.event == EXEC:
                self._exec(record)
                yield record._replace(pid=record.tid)
            else:
                yield from self._seen(record)

    def _fork(self, record: TraceRecord) -> Iterator[Forked]:
        """Take note of a new thread or process: which of them, the event does not tell."""
        parent, child = record.fields.get("parent_pid"), record.fields.get("child_pid")
        if isinstance(parent, int) and isinstance(child, int):
            self._of[child] = self._of.get(parent, parent)
            # The thread itself: its process may have been another before an exec nobody recorded.
            yield Forked(record.time_ns, child, parent)

    def _exit(self, tid: int) -> None:
        self._of.pop(tid, None)
        self._vms.pop(tid, None)

    def _exec(self, record: TraceRecord) -> None:
        pid = record.tid
        self._of[pid] = pid
        self._vms.pop(pid, None)
        if self._vmm.runs(str(record.fields.get("filename", ""))):
            self._vms[pid] = _Vm(pid)

    def _seen(self, record: TraceRecord) -> Iterator[TraceRecord]:
        """Match a thread when it is first seen at work in KVM."""
        tid = record.tid
        if tid not in self._of and tid not in self._doubtful:
            self._match(record)
        if tid in self._of:
            pid = self._of[tid]
            if pid in self._vms and tid in self._vcpus:
                self._vms[pid].vcpus.add(self._vcpus[tid])
            yield record._replace(pid=pid)
        elif _is_mark(record):
            self.unmatched[tid] = self._doubtful[tid]

    def _match(self, record: TraceRecord) -> None:
        tid, vcpu = record.tid, self._vcpus.get(record.tid)
        may_be_vm = self._vmm.is_called(record.comm) or fnmatchcase(record.comm, _VCPU_COMM)
        # A process is older than its threads, and runs each vCPU in one thread. Process ids are
        # handed out in ascending order, up to kernel.pid_max: four millions on 64-bit machines.
        pids = tuple(
            vm.pid
            for vm in self._vms.values()
            if (may_be_vm or not record.comm) and vm.pid < tid and vcpu not in vm.vcpus
        )
        if len(pids) > 1:
            self._doubt(Unmatched(tid, pids))
            return
        self._of[tid] = pids[0] if pids else tid
        if not pids and may_be_vm and vcpu == 0:
            self._vms[tid] = _Vm(tid)  # older than the recording: its first vCPU names it

    def _doubt(self, thread: Unmatched) -> None:
        """Take note; N threads that run the same vCPU of N VMs leave that of none to others."""
        self._doubtful[thread.tid] = thread
        vcpu = self._vcpus.get(thread.tid)
        rivals = [
            other.tid
            for other in self._doubtful.values()
            if other.pids == thread.pids and self._vcpus.get(other.tid) == vcpu
        ]
        if vcpu is not None and len(rivals) == len(thread.pids):
            for pid in thread.pids:
                self._vms[pid].vcpus.add(vcpu)


def _vcpus(records: Iterable[TraceRecord | Lost]) -> Iterator[tuple[int, int]]:
    """Give threads and the numbers of the vCPUs that they run, where that is to be seen."""
    for record in records:
        if isinstance(record, Lost):
            continue
        number = record.fields.get("vcpu_id") if record.event == ENTRY else None
        if isinstance(number, int):
            yield record.tid, number
        elif _is_mark(record) and _written(record) in _BY_BOOT_CPU:
            yield record.tid, 0


def _is_mark(record: TraceRecord) -> bool:
    is_write = record.event == PIO and record.fields.get("rw") == 1
    return is_write and record.fields.get("port") in PORTS


def _written(record: TraceRecord) -> tuple[object, object]:
    return record.fields.get("port"), record.fields.get("val")
