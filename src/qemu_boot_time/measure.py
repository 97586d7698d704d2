"""The one orchestrator: N boots, one after another, each watched until it got there or ended.

It knows of time and order, not of meaning: what a source saw goes to its raw file, how a boot ended
goes to ``boots.jsonl``, and every number is made from those two by ``store.load``.
"""

import contextlib
import os
import re
import selectors
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from qemu_boot_time import process
from qemu_boot_time.errors import BootError, ProgramError
from qemu_boot_time.model import Boot, EndedBy, Event
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Arm, Scope, Session, Source
from qemu_boot_time.sources.clocks import clock_pair
from qemu_boot_time.sources.kvm_trace import Vmm, starters
from qemu_boot_time.store.facts import BootFacts, RunWriter
from qemu_boot_time.store.load import boot_from_facts, is_until
from qemu_boot_time.vm.boot import BootRequest, RunningVm
from qemu_boot_time.vm.command import QemuCommand, has_own_control
from qemu_boot_time.vm.qmp import arguments as monitor_arguments
from qemu_boot_time.vm.qmp import event_time_ns

_ORPHAN_POLL_S = 0.05
_MESSAGE_BYTES = 8192
_LONGEST_PARENT_BYTES = 80
_HOPELESS = 3
_SAYS_NOTHING = re.compile(r": warning: |: terminating on signal |^\s*$")
_KVM_GAVE_UP = "KVM internal error"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how often."""

    command: QemuCommand
    boots: int
    rules: Rules
    sources: tuple[Source, ...]
    scope: Scope = Scope.SYSTEM
    vmm: Vmm = field(default_factory=Vmm)
    warmup: int = 0
    timeout_s: float = 120.0
    prepare: str | None = None
    """A shell command before each boot."""
    cpus: frozenset[int] = frozenset()
    keep_going: bool = False
    """Go on although the first boots have all failed."""


class Observer(Protocol):
    """Who is told how the measurement goes."""

    def added(self, arguments: tuple[str, ...]) -> None:
        """Be told what is added to the command."""

    def began(self, index: int) -> None:
        """Be told that a boot begins (negative: a warm-up)."""

    def ended(self, boot: Boot) -> None:
        """Be told how it ended; the times are those seen live."""

    def note(self, text: str) -> None:
        """Be told something a reader of the result must know."""


class Silence:
    """An observer that nobody listens to."""

    def added(self, arguments: tuple[str, ...]) -> None:
        """Say nothing."""

    def began(self, index: int) -> None:
        """Say nothing."""

    def ended(self, boot: Boot) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


@dataclass(slots=True)
class _Watch:
    """One boot while it runs."""

    vm: RunningVm
    plan: Plan
    deadline: float
    ended_by: EndedBy | None = None
    events: list[Event] = field(default_factory=list)
    pids: dict[int, None] = field(default_factory=dict)
    resets_ns: list[int] = field(default_factory=list)
    accelerator: str = ""
    realtime_offset_ns: int = 0

    def saw(self, source: Source, events: Iterable[Event]) -> None:
        """Take live events; the mark asked for ends the boot."""
        for event in events:
            if not (source.by_index or self._is_ours(event)):
                continue
            self.events.append(event)
            if is_until(event, self.plan.rules) and self.ended_by is None:
                self.ended_by = EndedBy.MARK

    def heard(self, message: dict[str, Any]) -> None:
        """Take one message of the monitor."""
        kind = message.get("event")
        if kind == "RESET":
            self.resets_ns.append(event_time_ns(message) + self.realtime_offset_ns)
        elif kind == "GUEST_PANICKED":
            self.ended_by = self.ended_by or EndedBy.PANIC
        elif kind == "STOP":
            self.vm.qmp.execute("query-status")
        answer, value = message.get("id"), message.get("return")
        if isinstance(value, dict):
            if answer == "query-kvm":
                self.accelerator = "kvm" if value.get("enabled") else "tcg"
            elif answer == "query-status":
                self._status(str(value.get("status")))

    def _status(self, status: str) -> None:
        self.ended_by = self.ended_by or _ENDED_BY_STATUS.get(status)
        if status == "prelaunch" and self._may_continue():
            self.vm.qmp.execute("cont")

    def _may_continue(self) -> bool:
        command = self.plan.command
        return command.has("-S") and not has_own_control(command)

    def _is_ours(self, event: Event) -> bool:
        if event.vm not in self.pids and self.vm.pid in starters(event):
            self.pids[event.vm] = None
        return event.vm in self.pids


_ENDED_BY_STATUS = {
    "internal-error": EndedBy.INTERNAL_ERROR,
    "guest-panicked": EndedBy.PANIC,
    "shutdown": EndedBy.ITSELF,  # with -no-shutdown QEMU stays
}


def measure(plan: Plan, writer: RunWriter, observer: Observer) -> list[Boot]:
    """Boot ``plan.warmup + plan.boots`` times; give the measured boots as seen live.

    A boot that fails is data. A Ctrl-C ends the boot it meets, which is kept as ``interrupted``,
    and is raised again when all is closed; BootError is raised where ``prepare`` fails.
    """
    boots: list[Boot] = []
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(process.Guard())
        sockets = Path(stack.enter_context(_directory_of_sockets()))
        guard.watch("remove", str(sockets))
        request = Arm(writer.raw, plan.scope, plan.vmm)
        armed = [(s, stack.enter_context(s.arm(request, guard))) for s in plan.sources]
        session = _Measurement(plan, writer, armed, guard, sockets)
        writer.added(session.added)
        observer.added(session.added)
        for index in (*range(-plan.warmup, 0), *range(plan.boots)):
            observer.began(index)
            boot = session.boot(index)
            observer.ended(boot)
            boots += [boot] if index >= 0 else []
            if _hopeless(boots) and not plan.keep_going:
                observer.note(f"{_HOPELESS} boots, all failed: no more tried (--keep-going does)")
                break
        guard.release("remove", str(sockets))
    return boots


def _directory_of_sockets() -> tempfile.TemporaryDirectory[str]:
    """Make a directory whose path leaves room for a name: sun_path has 108 bytes (unix(7))."""
    parent = tempfile.gettempdir()
    return tempfile.TemporaryDirectory(
        prefix="qbt-",
        dir=parent if len(os.fsencode(parent)) < _LONGEST_PARENT_BYTES else "/tmp",  # noqa: S108  # a name that nobody can guess
    )


def _hopeless(boots: list[Boot]) -> bool:
    return len(boots) == _HOPELESS and not any(boot.ok for boot in boots)


@dataclass(slots=True)
class _Measurement:
    """What all boots of one run share."""

    plan: Plan
    writer: RunWriter
    armed: list[tuple[Source, Session]]
    guard: process.Guard
    sockets: Path

    @property
    def added(self) -> tuple[str, ...]:
        """What is added to the command."""
        ours = (words for _, session in self.armed for words in session.arguments())
        return (*monitor_arguments(self.sockets / "qmp"), *ours)

    def boot(self, index: int) -> Boot:
        """Boot once, and write down how it ended."""
        self._prepare()
        for _, session in self.armed:
            session.begin(index)
        with RunningVm(self._request(index), self.guard) as vm:
            watch = _Watch(vm, self.plan, time.monotonic() + self.plan.timeout_s)
            watch.pids[vm.pid] = None
            interrupted = self._watch_until_over(watch)
            vm.stop(watch.heard)
            end_ns = time.monotonic_ns()
            for source, session in self.armed:
                watch.saw(source, session.end(index))
        facts = self._facts(index, watch, end_ns)
        self.writer.append(facts)
        if interrupted is not None:
            raise interrupted
        return boot_from_facts(facts, watch.events, self.plan.rules)

    def _prepare(self) -> None:
        if self.plan.prepare is None:
            return
        try:
            process.run(("/bin/sh", "-c", self.plan.prepare), timeout_s=self.plan.timeout_s)
        except ProgramError as error:
            raise BootError(
                f"--prepare {self.plan.prepare!r}: {error.what}",
                hint="it is run by /bin/sh before each boot, and must end with status 0",
            ) from error

    def _request(self, index: int) -> BootRequest:
        held = [call for _, session in self.armed if (call := session.before_exec())]
        return BootRequest(
            argv=(*self.plan.command.argv, *self.added),
            stdout=self.writer.console(index, "stdout"),
            stderr=self.writer.console(index, "stderr"),
            monitor=self.sockets / "qmp",
            cpus=self.plan.cpus,
            before_exec=partial(_call_all, held) if held else None,
        )

    def _watch_until_over(self, watch: _Watch) -> KeyboardInterrupt | None:
        monotonic_ns, realtime_ns = clock_pair()
        watch.realtime_offset_ns = monotonic_ns - realtime_ns
        try:
            with selectors.DefaultSelector() as selector:
                self._register(selector, watch)
                while watch.ended_by is None:
                    _step(selector, watch)
        except KeyboardInterrupt as interrupt:
            watch.ended_by = EndedBy.USER
            return interrupt
        return None

    def _register(self, selector: selectors.BaseSelector, watch: _Watch) -> None:
        monitor = watch.vm.qmp.listener
        selector.register(watch.vm, selectors.EVENT_READ, partial(selector.unregister, watch.vm))
        selector.register(monitor, selectors.EVENT_READ, partial(_meet, selector, watch))
        for source, session in self.armed:
            for fd, read in session.readers().items():
                take = partial(_take, watch, source, read)
                selector.register(fd, selectors.EVENT_READ, take)

    def _facts(self, index: int, watch: _Watch, end_ns: int) -> BootFacts:
        status = watch.vm.exit_status
        ended_by = watch.ended_by or EndedBy.ITSELF
        return BootFacts(
            index=index,
            pids=tuple(watch.pids),
            exec_stamp_ns=watch.vm.exec_stamp_ns,
            end_ns=end_ns,
            ended_by=ended_by,
            exit_status=status,
            accelerator=watch.accelerator,
            resets_ns=tuple(watch.resets_ns),
            message=self._message(index, ended_by, status),
        )

    def _message(self, index: int, ended_by: EndedBy, status: int | None) -> str:
        if ended_by in {EndedBy.MARK, EndedBy.USER}:
            return ""
        if ended_by is EndedBy.ITSELF and status is not None and status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return last_words(self.writer.console(index, "stderr"))


def _call_all(calls: Iterable[Callable[[int], None]], pid: int) -> None:
    for call in calls:
        call(pid)


def _take(watch: _Watch, source: Source, read: Callable[[], Iterable[Event]]) -> None:
    watch.saw(source, read())


def _step(selector: selectors.BaseSelector, watch: _Watch) -> None:
    """Wait for the next thing to happen, and see what it means."""
    left_s = max(0.0, watch.deadline - time.monotonic())
    nobody_tells = watch.vm.leader_ended and not watch.vm.qmp.connected
    for key, _ in selector.select(min(left_s, _ORPHAN_POLL_S) if nobody_tells else left_s):
        key.data()
    if watch.ended_by is None and watch.vm.ended:
        watch.ended_by = EndedBy.ITSELF
    if watch.ended_by is None and time.monotonic() >= watch.deadline:
        watch.ended_by = EndedBy.TIMEOUT


def _meet(selector: selectors.BaseSelector, watch: _Watch) -> None:
    selector.unregister(watch.vm.qmp.listener)
    pid = watch.vm.meet()
    watch.pids[pid] = watch.pids.pop(pid, None)
    selector.register(watch.vm.qmp, selectors.EVENT_READ, partial(_hear, selector, watch))


def _hear(selector: selectors.BaseSelector, watch: _Watch) -> None:
    qmp = watch.vm.qmp
    fd = qmp.fileno()
    for message in qmp.messages():
        watch.heard(message)
    if not qmp.connected:
        selector.unregister(fd)


def last_words(file: Path) -> str:
    """Give the line of a standard error that tells why QEMU left; ``""`` where none does."""
    try:
        lines = process.tail(file, size_bytes=_MESSAGE_BYTES).strip().splitlines()
    except OSError:
        return ""
    telling = [line for line in lines if not _SAYS_NOTHING.search(line)]
    # Below this line is a dump of the registers.
    why = next((line for line in telling if _KVM_GAVE_UP in line), "".join(telling[-1:]))
    return "".join(c if c.isprintable() else " " for c in why).strip()
