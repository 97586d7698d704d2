"""One recording: drains the rings into its raw file, and reads the same bytes to see a mark come."""

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qemu_boot_time import __version__
from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.perfdata import writer
from qemu_boot_time.formats.perfdata.abi import Feature
from qemu_boot_time.host import activity
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.host.perf_event import Request, control
from qemu_boot_time.host.rights import find_tracefs
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.sources import kvm_console, kvm_stock
from qemu_boot_time.sources.base import Arm
from qemu_boot_time.sources.clocks import clock_pair, periodic_timer
from qemu_boot_time.sources.kvm_trace import starters
from qemu_boot_time.sources.perf_event.opened import (
    EVERYONE,
    attrs,
    open_cpus,
    state_of,
)
from qemu_boot_time.sources.perfdata_trace import LiveTrace
from qemu_boot_time.sources.tracepoints import (
    Enabled,
    Tracepoint,
    find_tracepoints,
    tracing_files,
)

NAME = "perf_event"
_LOOK_EVERY_NS = 10_000_000
"""So late a mark that wakes nobody may end a boot."""
_AT_WORK = {EventKind.PORT_WRITE, EventKind.PASSED}


class Recorder:
    """The events of every CPU, for all processes or for one and what it starts.

    Raises HostError where the kernel does not let us.
    """

    def __init__(self, request: Arm, file: Path, *, pid: int | None = None) -> None:
        self._told = self._last_ns = 0
        self._repeats = False
        self._sees_others = pid is None
        self._in_parallel = request.parallel
        self._ours: set[int] = set()
        with contextlib.ExitStack() as stack:
            tracefs = readable_tracefs()
            console = request.asked.kvm_console
            found = find_tracepoints(tracefs, request.vmm, console=console)
            asked = attrs(found, inherit=pid is not None)
            self._cpus = open_cpus(stack, found, asked, pid=EVERYONE if pid is None else pid)
            self._raw = stack.enter_context(file.open("wb"))
            self._trace = LiveTrace(NAME, request.vmm, file)
            self._keep(head(tracefs, found, asked, [cpu.descriptors for cpu in self._cpus]))
            self._poll = stack.enter_context(select.epoll())
            self._now = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            stack.callback(os.close, self._now)
            self._ticks: int | None = None
            if request.until in _quiet_marks(console=console):
                self._ticks = periodic_timer(_LOOK_EVERY_NS)
                stack.callback(os.close, self._ticks)
            opened_ns = time.monotonic_ns()
            self._enable(found)
            if request.parallel:
                self._keep(self._names(opened_ns))
            self._undo = stack.pop_all()

    def _enable(self, found: Sequence[Tracepoint]) -> None:
        when = [*(each.enabled for each in found), Enabled.ALWAYS]
        by_time: dict[Enabled, list[int]] = {each: [] for each in Enabled}
        for cpu in self._cpus:
            for waker in cpu.wakers:
                self._poll.register(waker, select.EPOLLIN)
            for descriptor, enabled in zip(cpu.descriptors, when, strict=True):
                by_time[enabled].append(descriptor)
        self._until_mark = by_time[Enabled.UNTIL_MARK]
        for descriptor in by_time[Enabled.ALWAYS]:
            control(descriptor, Request.ENABLE)

    def _names(self, time_ns: int) -> bytes:
        """Give the processes that were there before: the kernel names those alone that come later.

        Asked for when it does so already, and stamped before: so each that may run a VM is named.
        """
        event_id = state_of(self._cpus[0].descriptors[-1]).id
        return b"".join(
            writer.comm_record(event_id, pid, comm, time_ns=time_ns)
            for pid, comm in activity.names()
        )

    def readers(self) -> dict[int, Callable[[], list[Event]]]:
        """Give the descriptor that tells of marks, one that is readable once, now, and a clock.

        The clock is there where the mark that ends a boot may be one that wakes nobody.

        The kernel tells of a mark to whoever looks first, and epoll_ctl(2) looks: what came before
        our caller waits for the rings would be announced to nobody.
        """
        os.eventfd_write(self._now, 1)
        regularly = {} if self._ticks is None else {self._ticks: self._look}
        return {self._poll.fileno(): self.read, self._now: self._read_now, **regularly}

    def _look(self) -> list[Event]:
        os.read(self._ticks or 0, 8)
        return self.read()

    def _read_now(self) -> list[Event]:
        os.eventfd_read(self._now)
        return self.read()

    @property
    def is_stale(self) -> bool:
        """Whether a new recorder must take over: other CPUs are online, or a loss is still to be told.

        The kernel tells of a loss with the next record that finds room: in the next boot, which is
        innocent of it.
        """
        return (
            self._repeats
            or sum(self._lost().values()) > self._told
            or online_cpus() != {cpu.cpu for cpu in self._cpus}
        )

    def begin_boot(self) -> None:
        """Be ready for the next exec."""
        self.read()
        self._ours.clear()
        for descriptor in self._until_mark:
            control(descriptor, Request.ENABLE)

    def read(self) -> list[Event]:
        """Take what is in the rings: to the raw file, and as events."""
        # Marks first, so that the forks that precede a mark are in what is taken after it.
        marks = [cpu.marks.take() for cpu in self._cpus]
        taken = b"".join([*(cpu.quiet.take() for cpu in self._cpus), *marks])
        if not taken:
            return []
        events = self._keep(taken + writer.round_record())
        for event in sorted(events, key=lambda event: event.time_ns):
            self._react(event)
        return events

    def _react(self, event: Event) -> None:
        """Disarm what would cost too much if it were always enabled, once our own VM is at work."""
        if event.kind is EventKind.EXEC:
            alone = not self._sees_others or os.getpid() in starters(event)
            if alone and not self._in_parallel:
                self._ours.add(event.vm)
        elif event.kind in _AT_WORK and event.vm in self._ours:
            self._ours.clear()
            self._disarm()

    def end_boot(self) -> list[Event]:
        """Take the rest of a boot, and note what was lost without the kernel having told yet."""
        events = self.read()
        self._disarm()
        lost = self._lost()
        untold = sum(lost.values()) - self._told
        if untold > 0:
            self._repeats = True
            most = max(lost, key=lost.__getitem__)
            # A ring that lost records holds others of this boot: the last of them is the stamp.
            events += self._keep(writer.lost_record(most, untold, time_ns=self._last_ns))
        return [*events, *self._trace.rest()]

    def close(self) -> None:
        """Close it all; takes a tenth of a second (an RCU grace period)."""
        self._undo.close()

    def _lost(self) -> dict[int, int]:
        """Give what each event has lost so far, by id."""
        states = (state_of(descriptor) for cpu in self._cpus for descriptor in cpu.descriptors)
        return {state.id: state.lost for state in states}

    def _keep(self, records: bytes) -> list[Event]:
        self._raw.write(records)
        self._raw.flush()
        events = list(self._trace.feed(records))
        self._last_ns = max((event.time_ns for event in events), default=self._last_ns)
        losses = (event for event in events if event.kind is EventKind.LOST)
        self._told += sum(int(event.fields["count"]) for event in losses)
        return events

    def _disarm(self) -> None:
        for descriptor in self._until_mark:
            control(descriptor, Request.DISABLE)


def _quiet_marks(*, console: bool) -> frozenset[str]:
    """Give the trace points that may be seen by events which wake nobody."""
    return kvm_stock.NAMES | (frozenset(kvm_console.SHOWS) if console else frozenset())


def readable_tracefs() -> Path:
    """Give where tracefs is. Raises HostError where we may not read it."""
    found = find_tracefs()
    if found is None or not found.readable:
        raise HostError("tracefs cannot be read", hint="qbt doctor; or --source debugcon")
    return found.directory


def head(
    tracefs: Path,
    found: Sequence[Tracepoint],
    asked: Sequence[bytes],
    descriptors: Sequence[Sequence[int]],
) -> bytes:
    """Give what precedes the kernel's records, so that perf and we can read them.

    ``descriptors`` are those of each CPU, in the order of ``asked``.
    """
    parts = [writer.pipe_header()]
    for i, attr in enumerate(asked):
        ids = [state_of(of_cpu[i]).id for of_cpu in descriptors]
        parts.append(writer.attr_record(attr, ids))
    parts.append(writer.tracing_data_record(tracing_files(tracefs, found)))
    names = [*(each.format.full_name for each in found), "dummy"]
    described = writer.names_section(zip(names, asked, strict=True))
    parts.append(writer.feature_record(Feature.EVENT_DESC, described))
    return b"".join([*parts, *_facts()])


def _facts() -> Iterator[bytes]:
    host = os.uname()
    clock_ns, realtime_ns = clock_pair()
    texts = {
        Feature.HOSTNAME: host.nodename,
        Feature.OSRELEASE: host.release,
        Feature.VERSION: f"qemu-boot-time {__version__}",
    }
    for feature, text in texts.items():
        yield writer.feature_record(feature, writer.text_section(text))
    yield writer.feature_record(Feature.CMDLINE, writer.command_section(sys.argv))
    clock = writer.clock_section(time.CLOCK_MONOTONIC, clock_ns=clock_ns, realtime_ns=realtime_ns)
    yield writer.feature_record(Feature.CLOCK_DATA, clock)
