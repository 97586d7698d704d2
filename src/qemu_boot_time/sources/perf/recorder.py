"""``perf record`` with filters in the kernel: a boot costs a few hundred bytes.

perf writes its pipe format to us: we append it to the raw file as it comes, so that a SIGKILL costs
no boot that has ended, and read the same bytes to see the mark that ends a boot. Another program
opens the raw file with ``perf script -i perf.data``.
"""

import contextlib
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from io import BufferedWriter
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.host.rights import find_tracefs
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm
from qemu_boot_time.sources.clocks import periodic_timer
from qemu_boot_time.sources.perfdata_trace import LiveTrace
from qemu_boot_time.sources.tracepoints import (
    Tracepoint,
    each_event_once,
    find_tracepoints,
)

NAME = "perf"
_STARTS_WITHIN_S = 30.0
_ANSWERS_WITHIN_S = 10.0
_POLL_S = 0.1
_ASK_EVERY_NS = 10_000_000
"""So late a mark may end a boot."""
_ENABLE, _PING, _ACK = b"enable\n", b"ping\n", b"ack"
_PING_WITHIN_S = 5.0
"""A busy host has perf wait: without pings no mark ends a boot live."""
_PIPE_BYTES = 1 << 16
_USAGE_STATUS = 129
_SYNTH = {False: "no", True: "task"}


def record_argv(
    found: Sequence[Tracepoint], *, control: tuple[int, int], pid: int | None, synth: str
) -> tuple[str, ...]:
    """Give the command that records one VM (``pid``) or all (None) to its standard output.

    ``synth`` is what perf is to tell of processes that are there already (``no``, ``task``); empty: it
    cannot be asked. What must be armed for one hit is left out: perf cannot. Never with ``--no-buffering``: it has each event wake perf through an
    interrupt, which is pending when the guest is entered, so that it leaves before its first
    instruction, is entered again at the reset vector, and so for ever.
    """
    words = [
        "perf",
        "record",
        "--quiet",
        "-o",
        "-",
        "-B",
        "-k",
        "CLOCK_MONOTONIC",
    ]
    words += [f"--synth={synth}"] if synth else []
    words += ["-D", "-1", "--control", f"fd:{control[0]},{control[1]}"]
    for each in each_event_once(found):
        words += ["-e", each.format.full_name]
        words += ["--filter", each.condition] if each.condition else []
    return (*words, *(["-a"] if pid is None else ["-p", str(pid)]))


def _argv_here(request: Arm, *, control: tuple[int, int], pid: int | None) -> tuple[str, ...]:
    tracefs = find_tracefs()
    if tracefs is None:
        raise HostError("no tracefs is mounted", hint="qbt doctor; or --source debugcon")
    console = request.asked.kvm_console
    found = find_tracepoints(tracefs.directory, request.vmm, console=console)
    offered = process.run(("perf", "record", "-h"), accept=(0, _USAGE_STATUS))
    has_synth = "--synth" in offered.stdout + offered.stderr
    # VMs that others start may be there already, and are known by their names then.
    synth = _SYNTH[request.parallel] if has_synth else ""
    return record_argv(found, control=control, pid=pid, synth=synth)


class Recorder:
    """One ``perf record`` that runs, its control pipes, and the raw file that it fills.

    Raises ProgramError where perf may not record.
    """

    def __init__(self, request: Arm, file: Path, guard: Guard, *, pid: int | None) -> None:
        self._guard = guard
        self._ends_with_target = pid is not None
        self._over = False
        self._unanswered = 0
        self._pings = True
        self._ticks = periodic_timer(_ASK_EVERY_NS)
        self._trace = LiveTrace(NAME, request.vmm, file)
        self._errors = file.with_suffix(".stderr")
        command_in, self._command = os.pipe()
        self._answer, answer_out = os.pipe()
        try:
            self._child = self._start(
                _argv_here(request, control=(command_in, answer_out), pid=pid)
            )
        finally:
            os.close(command_in)
            os.close(answer_out)
        guard.watch("group", self._child.pid)
        assert self._child.stdout is not None  # noqa: S101  # a pipe was asked for
        self.fd = self._child.stdout.fileno()
        os.set_blocking(self.fd, False)  # os has no keyword for it
        self._raw: BufferedWriter = file.open("wb")
        try:
            self._converse(_ENABLE, _STARTS_WITHIN_S)
            self._learn_to_ping()
        except BaseException:
            self.close()
            raise

    def _start(self, argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
        control = tuple(int(fd) for fd in argv[argv.index("--control") + 1][3:].split(","))
        with self._errors.open("wb") as errors:
            request = process.Start(argv, stdout=subprocess.PIPE, stderr=errors, pass_fds=control)
            return process.start(request)[0]

    def _learn_to_ping(self) -> None:
        """See whether this perf answers pings (since 5.12); else marks come when a boot has ended.

        An answer may still come: :meth:`end_boot` asks once more then, as nothing tells answers apart.
        """
        try:
            self._converse(_PING, _PING_WITHIN_S)
        except ProgramError:
            self._unanswered = 0
            self._pings = False

    def readers(self) -> dict[int, Callable[[], list[Event]]]:
        """Give perf's output, its answers, and the clock by which it is asked for more."""
        asking = {self._answer: self._hear, self._ticks: self._ask} if self._pings else {}
        return {self.fd: self.read, **asking}

    def _converse(self, command: bytes, timeout_s: float) -> list[Event]:
        self._say(command)
        deadline = time.monotonic() + timeout_s
        events: list[Event] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self.fd, selectors.EVENT_READ)
            selector.register(self._answer, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                ready = {key.fd for key, _ in selector.select(_POLL_S)}
                events += self.read()
                if self._answer in ready:
                    self._hear()
                if self._over or not self._unanswered:
                    return events + self.read()
        raise ProgramError(
            f"perf record: no answer within {timeout_s:g} s: {self._last_words()}",
            returncode=None,
            hint="qbt doctor; or --source debugcon",
        )

    def _ask(self) -> list[Event]:
        """Have perf empty its rings, which it does before each answer but the first."""
        os.read(self._ticks, 8)
        if not self._unanswered:
            self._say(_PING)
        return []

    def _say(self, command: bytes) -> None:
        self._unanswered += 1
        with contextlib.suppress(BrokenPipeError):
            os.write(self._command, command)

    def _hear(self) -> list[Event]:
        answers = os.read(self._answer, 64).count(_ACK)
        self._unanswered = max(self._unanswered - answers, 0)  # one may be that of a ping given up
        return []

    @property
    def is_stale(self) -> bool:
        """Never: perf follows the CPUs itself."""
        return False

    def begin_boot(self) -> None:
        """Need nothing: perf records."""

    def end_boot(self) -> list[Event]:
        """Take all that has happened so far.

        Between two answers perf reads every ring once, so two questions bring it all.
        """
        questions = 2 if self._pings else 3
        events = [e for _ in range(questions) for e in self._converse(_ENABLE, _ANSWERS_WITHIN_S)]
        return [*events, *self._trace.rest()]

    def read(self) -> list[Event]:
        """Take what perf has written: to the raw file, and as events."""
        events: list[Event] = []
        while True:
            try:
                chunk = os.read(self.fd, _PIPE_BYTES)
            except BlockingIOError:
                self._raw.flush()
                return events
            if not chunk and self._ends_with_target:
                self._over = True
                return events
            if not chunk:
                raise ProgramError(
                    f"perf record ended early: {self._last_words()}",
                    returncode=self._child.poll(),
                    hint="qbt doctor; or --source debugcon",
                )
            self._raw.write(chunk)
            events += self._trace.feed(chunk)

    def close(self) -> None:
        """End perf in order, so that it finishes its stream, and keep the last of it."""
        self._child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _ANSWERS_WITHIN_S
        chunk = b"the first"
        while chunk and time.monotonic() < deadline:
            select.select([self.fd], [], [], _POLL_S)
            with contextlib.suppress(BlockingIOError):
                chunk = os.read(self.fd, _PIPE_BYTES)
                self._raw.write(chunk)
        process.end_group(self._child)
        assert self._child.stdout is not None  # noqa: S101  # as above
        self._child.stdout.close()
        self._guard.release("group", self._child.pid)
        self._raw.close()
        os.close(self._command)
        os.close(self._answer)
        os.close(self._ticks)
        if not self._errors.stat().st_size:
            self._errors.unlink()

    def _last_words(self) -> str:
        return process.tail(self._errors).strip().rpartition("\n")[2] or "it said nothing"
