"""One recording: keeps the pages of an instance as they come, and reads them to see a mark come."""

import contextlib
import os
import select
from collections.abc import Iterator, Sequence
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.formats import tracedat
from qemu_boot_time.formats.tracedat import parts
from qemu_boot_time.formats.tracedat.ring import PageError, read_layout
from qemu_boot_time.formats.tracing import FieldError
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.model import Event
from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.kvm_trace import KvmTrace, Lost, TraceRecord
from qemu_boot_time.sources.threads import NEEDED, Processes
from qemu_boot_time.sources.tracedat_trace import adapted
from qemu_boot_time.sources.tracefs.instance import refused
from qemu_boot_time.sources.tracepoints import Tracepoint, tracing_files
from qemu_boot_time.sources.vmm import Vmm

NAME = "tracefs"
_MOST_PASSES = 8


class Cpu:
    """The ring buffer of one CPU, read without waiting."""

    def __init__(self, directory: Path, kept: Path, page_bytes: int) -> None:
        self.number = int(directory.name.removeprefix("cpu"))
        self._stats = directory / "stats"
        self._kept = kept / parts.PAGES.format(self.number)
        self._page_bytes = page_bytes
        self._lost = 0
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        self.descriptor = os.open(directory / "trace_pipe_raw", flags)

    def pages(self) -> Iterator[bytes]:
        """Take what is there, to the raw file first."""
        while True:
            try:
                page = os.read(self.descriptor, self._page_bytes)
            except OSError:  # EAGAIN: nothing is there; ENODEV: this CPU was never online
                return
            if not page:
                return
            self.keep(page)
            yield page

    def keep(self, page: bytes) -> None:
        """Append a page to the raw file."""
        with self._kept.open("ab", buffering=0) as raw:
            raw.write(page)

    def newly_lost(self) -> int:
        """Give how many events were lost since this was asked before."""
        before, self._lost = self._lost, tracedat.count_lost(self._stats.read_bytes())
        return self._lost - before

    def close(self) -> None:
        """Let go of the ring buffer."""
        os.close(self.descriptor)


class Comms:
    """What threads are called, asked of the kernel when one is first seen at work in KVM.

    ``saved`` is tracefs' ``saved_cmdlines``: lines of a thread id and the name that it had when it
    last left a CPU (kernel/trace/trace_sched_switch.c). It outlives the thread, but holds the last
    128 names of the whole host alone; so the names that matter here are kept in ``file``.
    """

    def __init__(self, file: Path, saved: Path) -> None:
        self._file = file
        self._saved = saved
        self._of: dict[int, str] = {}
        file.touch()

    def name(self, record: TraceRecord) -> TraceRecord:
        """Give the record with its thread's name; empty where nobody knows it any more."""
        if record.event == kvm_trace.FORK:
            self._of.pop(_int(record.fields.get("child_pid")), None)
            return record
        if record.event == kvm_trace.EXEC:
            self._of.pop(record.tid, None)
        if record.tid not in self._of:
            self._ask(record.tid)
        return record._replace(comm=self._of[record.tid])

    def _ask(self, tid: int) -> None:
        comm = _bytes(Path(f"/proc/{tid}/comm")).strip() or self._last_name(tid)
        self._of[tid] = comm.decode(errors="backslashreplace")
        if comm:
            with self._file.open("ab") as raw:
                raw.write(b"%d %s\n" % (tid, comm))

    def _last_name(self, tid: int) -> bytes:
        """Give what a thread was called that has ended; empty: the kernel has forgotten it."""
        lines = (line.partition(b" ") for line in _bytes(self._saved).splitlines())
        return next((comm.strip() for number, _, comm in lines if number == b"%d" % tid), b"")


class Recorder:
    """What an instance records, from now on. Raises HostError where it cannot be read."""

    def __init__(self, instance: Path, found: Sequence[Tracepoint], kept: Path, vmm: Vmm) -> None:
        files = tracing_files(instance, found)
        layout = read_layout(files.header_page.decode(), files.header_event.decode(), "<")
        self._page_bytes = layout.page_bytes
        kept.mkdir(parents=True, exist_ok=True)
        (kept / parts.HEAD).write_bytes(parts.head(files, page_bytes=self._page_bytes))
        (kept / parts.CLOCK).write_bytes((instance / "trace_clock").read_bytes())
        self._comms = Comms(kept / parts.COMMS, _top(instance) / "saved_cmdlines")
        formats = {each.format.id: each.format for each in found}
        described = tracedat.Described(layout, formats)
        self._decoder = tracedat.PageDecoder(described, str(instance), NEEDED)
        self._processes, self._trace = Processes(vmm), KvmTrace(NAME, vmm)
        self._loss_told = False
        self._last_ns = 0
        with contextlib.ExitStack() as stack:
            self._cpus = self._open(stack, instance, kept)
            self._poll = stack.enter_context(select.epoll())
            online = online_cpus()
            for cpu in self._cpus:
                if cpu.number in online:  # another one would tell of its error again and again
                    self._poll.register(cpu.descriptor, select.EPOLLIN)
            self._undo = stack.pop_all()

    def _open(self, stack: contextlib.ExitStack, instance: Path, kept: Path) -> tuple[Cpu, ...]:
        cpus = []
        for directory in sorted((instance / "per_cpu").iterdir()):
            try:
                cpu = Cpu(directory, kept, self._page_bytes)
            except OSError as error:
                raise refused(directory, error) from error
            stack.callback(cpu.close)
            cpus.append(cpu)
        return tuple(cpus)

    def fileno(self) -> int:
        """Give a descriptor that is readable when there is something to read."""
        return self._poll.fileno()

    def read(self) -> list[Event]:
        """Take what is in the rings: to the raw file, and as events."""
        records = sorted(self._take(), key=lambda record: record.time_ns)
        self._last_ns = max((record.time_ns for record in records), default=self._last_ns)
        self._loss_told = self._loss_told or any(isinstance(each, Lost) for each in records)
        named = [r if isinstance(r, Lost) else self._comms.name(r) for r in records]
        return [event for each in self._processes.of(named) for event in self._trace.feed(each)]

    def end_boot(self) -> list[Event]:
        """Take the rest of a boot, and note what was lost without a page having told."""
        events = self.read()
        for cpu in self._cpus:
            lost = cpu.newly_lost()
            if lost and not self._loss_told:
                cpu.keep(parts.lost_page(self._last_ns, lost, page_bytes=self._page_bytes))
                events += self._trace.feed(Lost(self._last_ns, lost))
        self._loss_told = False
        return [*events, *self._trace.rest()]

    def close(self) -> None:
        """Let go of the rings, so that the instance can be removed."""
        self._undo.close()

    def _take(self) -> Iterator[TraceRecord | Lost]:
        """Take all records. A pass that finds none shows that nothing older is still to come."""
        for _ in range(_MOST_PASSES):
            fresh = [record for cpu in self._cpus for record in self._records(cpu)]
            if not fresh:
                return
            yield from fresh

    def _records(self, cpu: Cpu) -> Iterator[TraceRecord | Lost]:
        for page in cpu.pages():
            try:
                yield from adapted(self._decoder.records(page, cpu=cpu.number))
            except (PageError, FieldError) as error:
                raise CorruptFileError(
                    f"CPU {cpu.number}", 0, "page of the ring buffer", str(error)
                ) from error


def _top(instance: Path) -> Path:
    """Give the tracefs that an instance lies in."""
    return instance.parents[1]


def _bytes(file: Path) -> bytes:
    """Read a file of the kernel's; empty where it is not there, or its thread has ended."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
