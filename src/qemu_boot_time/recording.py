"""The other orchestrator: watches VMs that somebody else starts, for a while.

Nothing is known of them but what the sources saw: their boots are made of that alone, as those of a
recording made elsewhere are.
"""

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from qemu_boot_time import process
from qemu_boot_time.host.activity import is_running
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.phases import Rules
from qemu_boot_time.phases.seen import name_of
from qemu_boot_time.sources.base import Arm, Asked, Session, Source
from qemu_boot_time.sources.kvm_trace import starters
from qemu_boot_time.sources.vmm import Vmm
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.store.load import is_until

_TICK_S = 1.0
_STDERR = 2
_MARKS = {EventKind.PORT_WRITE, EventKind.PASSED}


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What to watch, and how long. What comes first ends it; nothing given: the user does."""

    rules: Rules
    sources: tuple[Source, ...]
    vmm: Vmm = field(default_factory=Vmm)
    seconds: float | None = None
    boots: int | None = None
    """Until so many VMs have reached the mark of ``rules.until``."""
    asked: Asked = field(default_factory=Asked)
    """What the sources are to see besides."""
    command: tuple[str, ...] = ()
    """As long as this runs; its output goes to our standard error."""


@dataclass(slots=True)
class Tally:
    """What was seen so far, live: good enough to end in time and to show progress."""

    rules: Rules
    execs: int = 0
    vms: int = 0
    """That passed a trace point."""
    reached: int = 0
    lines: list[tuple[int, ...]] = field(default_factory=list)
    """Of each VM that has got there: its process, and those it descends from as far as known."""
    _line: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _begun: set[int] = field(default_factory=set)
    _there: set[int] = field(default_factory=set)

    def saw(self, events: Iterable[Event]) -> None:
        """Count; one process id may be one VM after the other."""
        for event in events:
            if event.kind is EventKind.EXEC:
                self.execs += 1
                self._line[event.vm] = starters(event)
                self._begun.discard(event.vm)
                self._there.discard(event.vm)
            elif event.kind in _MARKS and name_of(event, self.rules.names):
                self.vms += event.vm not in self._begun
                self._begun.add(event.vm)
            if is_until(event, self.rules):
                self._got_there(event.vm)

    def _got_there(self, vm: int) -> None:
        if vm not in self._there:
            self.reached += 1
            self.lines.append(self._line.get(vm, (vm,)))
            self._there.add(vm)

    def on_their_way(self) -> tuple[int, ...]:
        """Give the VMs that have passed a trace point, are not there, and still run."""
        return tuple(vm for vm in sorted(self._begun - self._there) if is_running(vm))


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a recording ended."""

    tally: Tally
    command_status: int | None = None
    """As :mod:`subprocess` has it; None: there was no command, or we have ended it."""
    command_pid: int = 0
    """0: there was no command."""

    @property
    def strangers(self) -> tuple[int, ...]:
        """The VMs that got there and do not descend from the command, as far as that is known."""
        return tuple(
            vm for vm, *parents in self.tally.lines if parents and self.command_pid not in parents
        )


class Observer(Protocol):
    """Who is told how the recording goes."""

    def ready(self) -> None:
        """Be told that VMs started from now on are seen."""

    def tick(self, tally: Tally, left_s: float | None) -> None:
        """Be told at each event, and each second, what there is and how long it goes on."""


def record(plan: RecordPlan, writer: RunWriter, observer: Observer) -> Recorded:
    """Watch until the time is over, the command has ended, or enough VMs have got there.

    A command that still runs then is ended, with its process group. What was seen until a
    KeyboardInterrupt is kept. Raises HostError where the command or a source cannot be started.
    """
    tally = Tally(plan.rules)
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(process.Guard())
        request = Arm(
            writer.raw, vmm=plan.vmm, parallel=True, asked=plan.asked, until=plan.rules.until
        )
        sessions = [stack.enter_context(source.arm(request, guard)) for source in plan.sources]
        for session in sessions:
            session.begin(0)
        observer.ready()
        with _command(plan.command, guard) as child:
            watch = _Watch(plan, tally, observer, sessions, child)
            try:
                _watch(watch)
            finally:
                for session in sessions:
                    tally.saw(session.end(0) if session is sessions[0] else _unread(session))
                if watch.has_enough or not watch.is_over:
                    writer.met(tally.on_their_way())
            status, pid = (None, 0) if child is None else (child.poll(), child.pid)
    return Recorded(tally, status, pid)


def _unread(session: Session) -> tuple[Event, ...]:
    """End a further source: what it saw is the same, and counted already."""
    list(session.end(0))
    return ()


@contextlib.contextmanager
def _command(
    argv: tuple[str, ...], guard: process.Guard
) -> Iterator[subprocess.Popen[bytes] | None]:
    if not argv:
        yield None
        return
    child, _ = process.start(process.Start(argv, stdout=_STDERR, stderr=_STDERR))
    guard.watch("group", child.pid)
    try:
        yield child
    finally:
        if child.poll() is None:
            process.end_group(child)
        guard.release("group", child.pid)


@dataclass(frozen=True, slots=True)
class _Watch:
    plan: RecordPlan
    tally: Tally
    observer: Observer
    sessions: list[Session]
    child: subprocess.Popen[bytes] | None
    begin: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float | None:
        """How long it may still go on."""
        seconds = self.plan.seconds
        return None if seconds is None else max(0.0, self.begin + seconds - time.monotonic())

    @property
    def has_enough(self) -> bool:
        """Whether as many VMs have got there as were asked for."""
        return self.plan.boots is not None and self.tally.reached >= self.plan.boots

    @property
    def is_over(self) -> bool:
        """Whether one of the ends has come."""
        command_ended = self.child is not None and self.child.poll() is not None
        return self.has_enough or self.left_s == 0 or command_ended

    def take(self, index: int, read: Callable[[], Iterable[Event]]) -> None:
        """Take what a source saw; the first one's is counted."""
        events = list(read())
        if index == 0:
            self.tally.saw(events)


def _watch(watch: _Watch) -> None:
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        if watch.child is not None:
            ended = os.pidfd_open(watch.child.pid)
            stack.callback(os.close, ended)
            selector.register(ended, selectors.EVENT_READ, lambda: None)
        for index, session in enumerate(watch.sessions):
            for fd, read in session.readers().items():
                selector.register(fd, selectors.EVENT_READ, partial(watch.take, index, read))
        while not watch.is_over:
            watch.observer.tick(watch.tally, watch.left_s)
            left_s = watch.left_s
            for key, _ in selector.select(_TICK_S if left_s is None else min(left_s, _TICK_S)):
                key.data()
