"""The boots of one side of a measurement: each is started, watched, ended and written down."""

import contextlib
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import BootError, HostError, ProgramError
from qemu_boot_time.measure import beside
from qemu_boot_time.measure.inside import plan_for
from qemu_boot_time.measure.mapper import Mapper
from qemu_boot_time.measure.plan import Plan, Side, named
from qemu_boot_time.measure.profile import profiled
from qemu_boot_time.measure.watch import Watch, drain, last_words, register, step
from qemu_boot_time.model import Boot, EndedBy, Purpose
from qemu_boot_time.process.signals import deferred_signals
from qemu_boot_time.sources.base import Arm, Armed, Session, Source, boot_name
from qemu_boot_time.sources.clocks import clock_pair
from qemu_boot_time.sources.exits import exits_file, maps_file, recorder
from qemu_boot_time.sources.exits.recorder import ExitRecorder
from qemu_boot_time.store.facts import BootFacts
from qemu_boot_time.store.inside import STREAM
from qemu_boot_time.store.load import boot_from_facts
from qemu_boot_time.store.precision import totals_of
from qemu_boot_time.vm.boot import BootRequest, RunningVm
from qemu_boot_time.vm.opens import watched_opens
from qemu_boot_time.vm.qmp import arguments as monitor_arguments

_HOPELESS = 3


@dataclass(slots=True)
class Series:
    """What all boots of one side share, and the measured ones so far, as seen live."""

    side: Side
    plan: Plan
    armed: list[tuple[Source, Session]]
    guard: process.Guard
    sockets: Path
    purpose: Purpose = Purpose.MEASURED
    boots: list[Boot] = field(default_factory=list)
    is_precise: bool = False
    """Whether the median of the total was known as well as was asked for when it was last looked at:
    where boots fail, the sides are looked at in different blocks."""
    idle: list[Session] = field(default_factory=list)
    """The sources of the other sides, which listen while this one boots."""
    announced: bool = False
    recorders: tuple[ExitRecorder, ...] = ()
    """What records the exits of the next boot: no source, for it tells no marks."""
    mapper: Mapper | None = None
    """Who takes QEMU's memory maps of the next boot."""

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing but failures is to be expected."""
        failed = len(self.boots) >= _HOPELESS and not any(boot.ok for boot in self.boots)
        return failed and not self.plan.keep_going

    def arm(self, stack: contextlib.ExitStack, raw: Path) -> None:
        """Arm the sources for as long as ``stack`` lasts; what they see goes to ``raw``."""
        plan = self.plan
        request = Arm(
            raw,
            plan.scope,
            plan.vmm,
            command=plan.command,
            asked=plan.asked,
            until=plan.rules.until,
            clock=plan.clock,
        )
        for source in plan.sources:
            self.armed.append((source, stack.enter_context(source.arm(request, self.guard))))
        if plan.profiles:
            recorder.require()  # not when all that was to be measured is

    def announce(self) -> None:
        """Say what is added to the command, as soon as that is known."""
        self.announced = True
        self.side.writer.added(self.added)
        self.side.observer.added(self.added)

    def measure(self, index: int) -> None:
        """Boot once; a boot that is no warm-up counts."""
        self.side.observer.began(index)
        boot = self.boot(index)
        self.side.observer.ended(boot)
        if boot.index >= 0:
            self.boots.append(boot)
            self._look(boot)

    def _look(self, boot: Boot) -> None:
        """See whether the boots so far are enough, where this one is the last of so many."""
        precision, totals = self.plan.precision, totals_of(self.boots, self.plan.clock)
        if precision is not None and boot.ok and len(totals) in precision.looks():
            self.is_precise = precision.is_reached(totals)

    def note(self, text: str) -> None:
        """Keep something that a reader of the result must know."""
        self.side.writer.noted((text,))

    @property
    def added(self) -> tuple[str, ...]:
        """What is added to the command."""
        ours = (words for _, session in self.armed for words in session.arguments())
        return (*monitor_arguments(self.sockets / "qmp"), *ours)

    def boot(self, index: int) -> Boot:
        """Boot once, and write down how it ended."""
        self._prepare()
        if self.plan.armed is Armed.ONCE:
            return self._boot(index)
        with contextlib.ExitStack() as stack:
            stack.callback(self.armed.clear)
            self._arm_anew(stack, index)
            return self._boot(index)

    def _arm_anew(self, stack: contextlib.ExitStack, index: int) -> None:
        raw = self.side.writer.raw / boot_name(index)
        raw.mkdir()
        with named(self.side.name):
            self.arm(stack, raw)
            if self.plan.beside is not None:
                stack.enter_context(beside.running(self.plan.beside, raw))
        if not self.announced:
            self.announce()

    def _boot(self, index: int) -> Boot:
        for _, session in self.armed:
            session.begin(index)
        for each in self.recorders:
            each.begin()
        # A boot that has begun is told of, even if we are to end before we have seen it begin.
        with deferred_signals() as release, RunningVm(self._request(index), self.guard) as vm:
            watch = Watch(vm, self.plan, time.monotonic() + self.plan.timeout_s, mapper=self.mapper)
            watch.pids[vm.pid] = None
            with watched_opens(self.plan.command) as watch.opens:
                interrupted = self._watch_until_over(watch, release)
            watch.accelerator = watch.accelerator or vm.accelerator()
            if self.mapper is not None:
                self.mapper.ask(vm.qmp)
            vm.stop(watch.heard)
            end_ns = time.monotonic_ns()
            for source, session in self.armed:
                watch.saw(source, session.end(index))
            for each in self.recorders:
                each.end()
        facts = self._facts(index, watch, end_ns)
        self.side.writer.append(facts)
        if interrupted is not None:
            raise interrupted
        names = tuple(source.name for source in self.plan.sources)
        return boot_from_facts(facts, watch.events, self.plan.rules, names)

    def look_further(self) -> None:
        """Make the boots that are no part of the result.

        Where no boot got there, none of these would: each would only take its whole time.
        """
        if self.plan.keep_going or any(boot.ok for boot in self.boots):
            self.look_inside()
            self.profile()
        elif asked := self._asked_besides():
            self.note(f"all boots failed: none more for {asked} (--keep-going has them)")

    def _asked_besides(self) -> str:
        asked = {"--inside": self.plan.inside, "--profile": self.plan.profiles}
        return " and ".join(option for option, is_asked in asked.items() if is_asked)

    def look_inside(self) -> None:
        """Boot once more for each thing to look at; these boots are no part of the result."""
        for index, purpose in enumerate(self.plan.inside, len(self.boots)):
            handed_out = self.side.writer.console(index, STREAM)
            plan = plan_for(self.plan, purpose, self.sockets, handed_out)
            self.side.observer.looks(purpose, plan.command.argv[len(self.plan.command.argv) :])
            replace(self, plan=plan, purpose=purpose).boot(index)

    def profile(self) -> None:
        """Boot some more to count their exits; these boots are no part of the result."""
        first = len(self.boots) + len(self.plan.inside)
        for index in range(first, first + self.plan.profiles):
            with contextlib.ExitStack() as stack:
                file = exits_file(self.side.writer.raw, index)
                try:
                    armed = stack.enter_context(recorder.arm(file))
                except HostError as error:  # it could be had before the first boot
                    self.note(f"boot {index + 1} and later ones have no profile: {error.what}")
                    return
                self._profile(index, armed)

    def _profile(self, index: int, armed: ExitRecorder) -> None:
        plan, paused = profiled(self.plan)
        added = plan.command.argv[len(self.plan.command.argv) :]
        self.side.observer.looks(Purpose.PROFILE, added)
        mapper = Mapper(maps_file(self.side.writer.raw, index), paused=paused)
        one = replace(self, plan=plan, purpose=Purpose.PROFILE, recorders=(armed,), mapper=mapper)
        one.boot(index)

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
            stdout=self.side.writer.console(index, "stdout") if pipe is None else pipe,
            stderr=self.side.writer.console(index, "stderr"),
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
                drain(selector, [*self.idle, *self.recorders])
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
            cpu_ns=watch.vm.cpu_ns,
            accelerator=watch.accelerator,
            resets_ns=tuple(watch.resets_ns),
            start=watch.start,
            message=watch.message or self._message(index, ended_by, status),
        )

    def _message(self, index: int, ended_by: EndedBy, status: int | None) -> str:
        if ended_by in {EndedBy.MARK, EndedBy.USER}:
            return ""
        if ended_by is EndedBy.ITSELF and status is not None and status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return last_words(self.side.writer.console(index, "stderr"), self.plan.command.program)


def _call_all(calls: Iterable[Callable[[int], None]], pid: int) -> None:
    for call in calls:
        call(pid)
