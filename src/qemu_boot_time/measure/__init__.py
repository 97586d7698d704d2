"""The one orchestrator: N boots, one after another, each watched until it got there or ended.

It knows of time and order, not of meaning: what a source saw goes to its raw file, how a boot ended
goes to ``boots.jsonl``, and every number is made from those two by ``store.load``.
"""

import contextlib
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import BootError, ProgramError
from qemu_boot_time.host.files import sockets_directory
from qemu_boot_time.measure.inside import plan_for
from qemu_boot_time.measure.plan import Observer, Plan, Silence
from qemu_boot_time.measure.watch import Watch, last_words, register, step
from qemu_boot_time.model import Boot, EndedBy, Purpose
from qemu_boot_time.process.signals import deferred_signals
from qemu_boot_time.sources.base import Arm, Session, Source
from qemu_boot_time.sources.clocks import clock_pair
from qemu_boot_time.store.facts import BootFacts, RunWriter
from qemu_boot_time.store.inside import STREAM
from qemu_boot_time.store.load import boot_from_facts
from qemu_boot_time.vm.boot import BootRequest, RunningVm
from qemu_boot_time.vm.qmp import arguments as monitor_arguments

__all__ = ["Observer", "Plan", "Silence", "measure"]

_HOPELESS = 3


def measure(plan: Plan, writer: RunWriter, observer: Observer) -> list[Boot]:
    """Boot ``plan.warmup + plan.boots`` times; give the measured boots as seen live.

    A boot that fails is data. A Ctrl-C ends the boot it meets, which is kept as ``interrupted``,
    and is raised again when all is closed; BootError is raised where ``prepare`` fails.
    """
    boots: list[Boot] = []
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(process.Guard())
        sockets = Path(stack.enter_context(sockets_directory()))
        guard.watch("remove", str(sockets))
        request = Arm(
            writer.raw,
            plan.scope,
            plan.vmm,
            command=plan.command,
            asked=plan.asked,
            until=plan.rules.until,
            clock=plan.clock,
        )
        armed = [(s, stack.enter_context(s.arm(request, guard))) for s in plan.sources]
        session = _Measurement(plan, writer, armed, guard, sockets)
        writer.added(session.added)
        observer.added(session.added)
        for index in (*range(-plan.warmup, 0), *range(plan.boots)):
            observer.began(index)
            boot = session.boot(index)
            observer.ended(boot)
            boots += [boot] if index >= 0 else []
            if _hopeless(boots) and index + 1 < plan.boots and not plan.keep_going:
                observer.note(f"{_HOPELESS} boots, all failed: no more tried (--keep-going does)")
                break
        else:
            session.look_inside(observer)
        guard.release("remove", str(sockets))
    return boots


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
    purpose: Purpose = Purpose.MEASURED

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
        # A boot that has begun is told of, even if we are to end before we have seen it begin.
        with deferred_signals() as release, RunningVm(self._request(index), self.guard) as vm:
            watch = Watch(vm, self.plan, time.monotonic() + self.plan.timeout_s)
            watch.pids[vm.pid] = None
            interrupted = self._watch_until_over(watch, release)
            watch.accelerator = watch.accelerator or vm.accelerator()
            vm.stop(watch.heard)
            end_ns = time.monotonic_ns()
            for source, session in self.armed:
                watch.saw(source, session.end(index))
        facts = self._facts(index, watch, end_ns)
        self.writer.append(facts)
        if interrupted is not None:
            raise interrupted
        return boot_from_facts(facts, watch.events, self.plan.rules)

    def look_inside(self, observer: Observer) -> None:
        """Boot once more for each thing to look at; these boots are no part of the result."""
        for index, purpose in enumerate(self.plan.inside, self.plan.boots):
            handed_out = self.writer.console(index, STREAM)
            plan = plan_for(self.plan, purpose, self.sockets, handed_out)
            observer.looks(purpose, plan.command.argv[len(self.plan.command.argv) :])
            replace(self, plan=plan, purpose=purpose).boot(index)

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
        read_by = (session.stdout() for _, session in self.armed)
        pipe = next((fd for fd in read_by if fd is not None), None)
        held = [call for _, session in self.armed if (call := session.before_exec())]
        return BootRequest(
            argv=(*self.plan.command.argv, *self.added),
            stdout=self.writer.console(index, "stdout") if pipe is None else pipe,
            stderr=self.writer.console(index, "stderr"),
            monitor=self.sockets / "qmp",
            cpus=self.plan.cpus,
            before_exec=partial(_call_all, held) if held else None,
        )

    def _watch_until_over(
        self, watch: Watch, release: Callable[[], None]
    ) -> KeyboardInterrupt | None:
        monotonic_ns, realtime_ns = clock_pair()
        watch.realtime_offset_ns = monotonic_ns - realtime_ns
        try:
            release()
            with selectors.DefaultSelector() as selector:
                register(selector, watch, self.armed)
                while watch.ended_by is None:
                    step(selector, watch)
        except KeyboardInterrupt as interrupt:
            watch.ended_by = EndedBy.USER
            return interrupt
        return None

    def _facts(self, index: int, watch: Watch, end_ns: int) -> BootFacts:
        status = watch.vm.exit_status
        ended_by = watch.ended_by or EndedBy.ITSELF
        return BootFacts(
            index=index,
            purpose=self.purpose,
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
