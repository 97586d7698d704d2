"""One boot while it runs: what is seen and heard of it, and what ends it."""

import re
import selectors
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from qemu_boot_time import process
from qemu_boot_time.measure.mapper import NO_ANSWER, Mapper
from qemu_boot_time.measure.plan import Plan
from qemu_boot_time.model import EndedBy, Event, EventKind
from qemu_boot_time.sources.base import Session, Source
from qemu_boot_time.sources.kvm_trace import starters
from qemu_boot_time.store.facts import StartFacts
from qemu_boot_time.store.load import is_until
from qemu_boot_time.vm.boot import RunningVm
from qemu_boot_time.vm.command import has_own_control, is_said_by_qemu
from qemu_boot_time.vm.opens import Opens
from qemu_boot_time.vm.qmp import event_time_ns

_ORPHAN_POLL_S = 0.05
_MESSAGE_BYTES = 8192
_MOST_TOUCHES = 32
_SAYS_NOTHING = re.compile(r": warning: |: terminating on signal |^\s*$")
_GUEST_RUNS = {EventKind.ENTRY, EventKind.PORT_WRITE, EventKind.PASSED}
"""Before, a QEMU that has no VM of KVM's yet, though its monitor has come, is one of TCG by its looks."""
_KVM_GAVE_UP = "KVM internal error"


@dataclass(slots=True)
class Watch:
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
    opens: Opens | None = None
    """Tells when the kernel's files are opened and closed; None: there are none to be seen."""
    start: StartFacts = field(default_factory=StartFacts)
    mapper: Mapper | None = None
    """Who takes QEMU's memory maps; None: nobody asks for any."""
    message: str = ""
    """Why we ended it; empty: QEMU's own words say why it did."""

    def saw(self, source: Source, events: Iterable[Event]) -> None:
        """Take live events; the mark asked for ends the boot."""
        for event in events:
            if not (source.by_index or self._is_ours(event)):
                continue
            self.events.append(event)
            if event.kind in _GUEST_RUNS:
                self.accelerator = self.accelerator or self.vm.accelerator()
            if self.mapper is not None:
                self.mapper.saw(event, self.vm.qmp)
            if is_until(event, self.plan.rules) and self.ended_by is None:
                self.ended_by = EndedBy.MARK

    def heard(self, message: dict[str, Any]) -> None:
        """Take one message of the monitor."""
        if "QMP" in message:
            self._started(greeting_ns=time.monotonic_ns())
        if self.mapper is not None:
            self.mapper.heard(message)
        kind = message.get("event")
        if kind == "RESET":
            self.resets_ns.append(event_time_ns(message) + self.realtime_offset_ns)
        elif kind == "GUEST_PANICKED":
            self.ended_by = self.ended_by or EndedBy.PANIC
        elif kind == "STOP":
            self.vm.qmp.execute("query-status")
        value = message.get("return")
        if message.get("id") == "query-status" and isinstance(value, dict):
            self._status(str(value.get("status")))

    def meet(self) -> None:
        """Take the monitor's connection, and ask what a paused guest waits for.

        Nothing is asked of a guest that runs: QEMU (7.2) waits for ever if it ends while its
        monitor is at work, one tiny guest in eight.
        """
        self._started(monitor_ns=time.monotonic_ns())
        pid = self.vm.meet()
        self.pids[pid] = self.pids.pop(pid, None)
        if self.mapper is not None:
            self.mapper.ask(self.vm.qmp)
        if self._is_ours_to_continue or self.plan.command.has("-S"):
            self.vm.qmp.execute("query-status")

    def touched(self) -> None:
        """Take note that somebody has opened or closed one of the kernel's files."""
        now_ns = time.monotonic_ns()
        times = self.opens.take() if self.opens is not None else 0
        known = self.start.kernel_ns
        touched = (*known, *[now_ns] * times)
        # A wrapper may read the file for long; the first after it and the last are what is asked.
        if len(touched) > _MOST_TOUCHES:
            touched = touched[: _MOST_TOUCHES // 2] + touched[-_MOST_TOUCHES // 2 :]
        self._started(kernel_ns=touched)

    def _started(self, **stamps: Any) -> None:
        self.start = msgspec.structs.replace(self.start, **stamps)

    def _status(self, status: str) -> None:
        self.ended_by = self.ended_by or _ENDED_BY_STATUS.get(status)
        if status == "prelaunch" and self._may_continue():
            self.vm.qmp.execute("cont")

    def _may_continue(self) -> bool:
        command = self.plan.command
        own_control = has_own_control(command)
        return self._is_ours_to_continue or (command.has("-S") and not own_control)

    @property
    def _is_ours_to_continue(self) -> bool:
        """Whether it is we who have QEMU wait: behind a script nobody can see that it does."""
        return self.mapper is not None and self.mapper.paused

    def _is_ours(self, event: Event) -> bool:
        if event.vm not in self.pids and self.vm.pid in starters(event):
            self.pids[event.vm] = None
        return event.vm in self.pids


_ENDED_BY_STATUS = {
    "internal-error": EndedBy.INTERNAL_ERROR,
    "guest-panicked": EndedBy.PANIC,
    "shutdown": EndedBy.ITSELF,  # with -no-shutdown QEMU stays
}


def register(
    selector: selectors.BaseSelector, watch: Watch, armed: Iterable[tuple[Source, Session]]
) -> None:
    """Have everything waited for: QEMU's end, its monitor, and what the sources see."""
    monitor = watch.vm.qmp.listener
    selector.register(watch.vm, selectors.EVENT_READ, partial(selector.unregister, watch.vm))
    selector.register(monitor, selectors.EVENT_READ, partial(_meet, selector, watch))
    if watch.opens is not None:
        selector.register(watch.opens, selectors.EVENT_READ, watch.touched)
    for source, session in armed:
        for fd, read in session.readers().items():
            selector.register(fd, selectors.EVENT_READ, partial(_take, watch, source, read))


class Emptied(Protocol):
    """What is read for the sake of its file, or so that it does not fill up."""

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the descriptors to wait on, and what to call when one is readable."""
        ...


def drain(selector: selectors.BaseSelector, idle: Iterable[Emptied]) -> None:
    """Have recorders emptied which tell nothing of this boot: those of other sides, and of exits.

    One that nobody reads is full at some time, and then misses what its own side does (``perf``,
    whose output nobody took while another guest's console was recorded).
    """
    for session in idle:
        for fd, read in session.readers().items():
            selector.register(fd, selectors.EVENT_READ, partial(_drop, read))


def _drop(read: Callable[[], Iterable[Event]]) -> None:
    for _ in read():
        pass


def _take(watch: Watch, source: Source, read: Callable[[], Iterable[Event]]) -> None:
    watch.saw(source, read())


def step(selector: selectors.BaseSelector, watch: Watch) -> None:
    """Wait for the next thing to happen, and see what it means."""
    left_s = max(0.0, watch.deadline - time.monotonic())
    nobody_tells = watch.vm.leader_ended and not watch.vm.qmp.connected
    for key, _ in selector.select(min(left_s, _ORPHAN_POLL_S) if nobody_tells else left_s):
        key.data()
    if watch.ended_by is None and watch.vm.ended:
        watch.ended_by = EndedBy.ITSELF
    if watch.ended_by is None and watch.mapper is not None and watch.mapper.is_overdue:
        watch.ended_by, watch.message = EndedBy.TIMEOUT, NO_ANSWER
    if watch.ended_by is None and time.monotonic() >= watch.deadline:
        watch.ended_by = EndedBy.TIMEOUT


def _meet(selector: selectors.BaseSelector, watch: Watch) -> None:
    selector.unregister(watch.vm.qmp.listener)
    watch.meet()
    selector.register(watch.vm.qmp, selectors.EVENT_READ, partial(_hear, selector, watch))


def _hear(selector: selectors.BaseSelector, watch: Watch) -> None:
    qmp = watch.vm.qmp
    fd = qmp.fileno()
    for message in qmp.messages():
        watch.heard(message)
    if not qmp.connected:
        selector.unregister(fd)


def last_words(file: Path, program: str = "") -> str:
    """Give the line of a standard error that tells why QEMU left; ``""`` where none does.

    QEMU, or the ``program`` in its place, begins with its name; what follows below explains.
    """
    try:
        lines = process.tail(file, size_bytes=_MESSAGE_BYTES).strip().splitlines()
    except OSError:
        return ""
    telling = [line for line in lines if not _SAYS_NOTHING.search(line)]
    # Below this line is a dump of the registers.
    gave_up = next((line for line in telling if _KVM_GAVE_UP in line), None)
    named = [line for line in telling if _names(line, program)]
    why = gave_up or "".join((named or telling)[-1:])
    return "".join(c if c.isprintable() else " " for c in why).strip()


def _names(line: str, program: str) -> bool:
    """Whether a line begins with the name of QEMU, or of the program in its place."""
    if is_said_by_qemu(line):
        return True
    return bool(program) and line.startswith(f"{Path(program).name}: ")
