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
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BufferedWriter
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import ProgramError
from qemu_boot_time.host import Probe, kvm_device, perf_binary, tracepoint_access
from qemu_boot_time.host.rights import find_tracefs
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.protocol import PORTS
from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.base import Arm, Scope, Source
from qemu_boot_time.sources.kvm_trace import Vmm
from qemu_boot_time.sources.perfdata_trace import LiveTrace, read_raw

NAME = "perf"
_RAW_FILE = "perf.data"
_STARTS_WITHIN_S = 30.0
_ANSWERS_WITHIN_S = 10.0
_POLL_S = 0.1
_PIPE_BYTES = 1 << 16
_USAGE_STATUS = 129
_FORMAT_OF_ENTRY = "events/kvm/kvm_entry/format"


def record_argv(
    vmm: Vmm, *, control: tuple[int, int], pid: int | None, entry_has_rip: bool, has_synth: bool
) -> tuple[str, ...]:
    """Give the command that records one VM (``pid``) or all (None) to its standard output.

    Filters keep what matters: writes of the protocol's ports, execs, and the first entry, which is
    at the reset vector. ``--no-buffering`` wakes perf for each of the few events, so that a mark
    can end a boot at once. The master clock event is the cheap stand-in for the first entry.
    """
    ports = "||".join(f"port=={port:#x}" for port in PORTS)
    events = [(kvm_trace.PIO, f"rw==1&&({ports})"), (kvm_trace.EXEC, vmm.exec_filter())]
    if entry_has_rip:
        events.append((kvm_trace.ENTRY, f"rip=={kvm_trace.RESET_VECTOR_RIP:#x}"))
    events.append((kvm_trace.MASTER_CLOCK, ""))
    words = [
        "perf",
        "record",
        "--quiet",
        "-o",
        "-",
        "--no-buffering",
        "-B",
        "-k",
        "CLOCK_MONOTONIC",
    ]
    words += ["--synth=no"] if has_synth else []
    words += ["-D", "-1", "--control", f"fd:{control[0]},{control[1]}"]
    for event, condition in events:
        words += ["-e", event, *(["--filter", condition] if condition else [])]
    return (*words, *(["-a"] if pid is None else ["-p", str(pid)]))


def _argv_here(vmm: Vmm, *, control: tuple[int, int], pid: int | None) -> tuple[str, ...]:
    tracefs, entry_format = find_tracefs(), ""
    if tracefs is not None:
        with contextlib.suppress(OSError):
            entry_format = (tracefs.directory / _FORMAT_OF_ENTRY).read_text()
    offered = process.run(("perf", "record", "-h"), accept=(0, _USAGE_STATUS))
    return record_argv(
        vmm,
        control=control,
        pid=pid,
        entry_has_rip=" rip;" in entry_format,
        has_synth="--synth" in offered.stdout + offered.stderr,
    )


class _Recorder:
    """One ``perf record`` that runs, its control pipes, and the raw file that it fills."""

    def __init__(self, request: Arm, file: Path, guard: Guard, *, pid: int | None) -> None:
        self._guard = guard
        self._ends_with_target = pid is not None
        self._over = False
        self._trace = LiveTrace(NAME, request.vmm, file)
        self._errors = file.with_suffix(".stderr")
        command_in, self._command = os.pipe()
        self._answer, answer_out = os.pipe()
        try:
            self._child = self._start(
                _argv_here(request.vmm, control=(command_in, answer_out), pid=pid)
            )
        finally:
            os.close(command_in)
            os.close(answer_out)
        guard.watch("group", self._child.pid)
        assert self._child.stdout is not None  # noqa: S101  # a pipe was asked for
        self.fd = self._child.stdout.fileno()
        os.set_blocking(self.fd, False)  # os has no keyword for it
        self._raw: BufferedWriter = file.open("wb")

    def _start(self, argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
        control = tuple(int(fd) for fd in argv[argv.index("--control") + 1][3:].split(","))
        with self._errors.open("wb") as errors:
            request = process.Start(argv, stdout=subprocess.PIPE, stderr=errors, pass_fds=control)
            return process.start(request)[0]

    def enable(self, timeout_s: float = _ANSWERS_WITHIN_S) -> list[Event]:
        """Have perf enable its events and say so; give what arrived meanwhile."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._command, b"enable\n")
        deadline = time.monotonic() + timeout_s
        events: list[Event] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self.fd, selectors.EVENT_READ)
            selector.register(self._answer, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                ready = {key.fd for key, _ in selector.select(_POLL_S)}
                events += self.read()
                if self._over or (self._answer in ready and os.read(self._answer, 64)):
                    return events + self.read()
        raise ProgramError(
            f"perf record: no answer within {timeout_s:g} s: {self._last_words()}",
            returncode=None,
            hint="qbt doctor; or --source debugcon",
        )

    def flush(self) -> list[Event]:
        """Take all that has happened so far.

        Between two answers perf reads every ring once, so two questions bring it all.
        """
        return self.enable() + self.enable()

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
        if not self._errors.stat().st_size:
            self._errors.unlink()

    def _last_words(self) -> str:
        return process.tail(self._errors).strip().rpartition("\n")[2] or "it said nothing"


class PerfSession:
    """perf, armed once for all boots, or anew for the QEMU of each."""

    def __init__(self, request: Arm, guard: Guard) -> None:
        self._request = request
        self._guard = guard
        self._boot = 0
        self._recorder: _Recorder | None = None
        if request.scope is Scope.SYSTEM:
            self._record(_RAW_FILE, pid=None)

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> Callable[[int], None] | None:
        """Attach perf to the waiting process, where each boot has its own recorder."""
        return None if self._request.scope is Scope.SYSTEM else self._attach

    def begin(self, boot: int) -> None:
        """Know which file to fill."""
        self._boot = boot

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give perf's output."""
        return {} if self._recorder is None else {self._recorder.fd: self._recorder.read}

    def end(self, boot: int) -> Iterable[Event]:
        """Take all that this boot did."""
        del boot
        if self._recorder is None:
            return []
        events = self._recorder.flush()
        if self._request.scope is Scope.PROCESS:
            self.close()
        return events

    def close(self) -> None:
        """End the recorder, if one runs."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def _attach(self, pid: int) -> None:
        name = f"boot-{self._boot:04}" if self._boot >= 0 else f"warmup-{-self._boot:04}"
        self._record(f"{name}.{_RAW_FILE}", pid=pid)

    def _record(self, name: str, *, pid: int | None) -> None:
        self._recorder = _Recorder(self._request, self._request.raw / name, self._guard, pid=pid)
        self._recorder.enable(_STARTS_WITHIN_S)


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[PerfSession]:
    """Start perf (about a second) and wait until it records.

    Raises HostError where perf is missing, ProgramError where it may not record.
    """
    process.require("perf", hint=perf_binary().remedy)
    with contextlib.ExitStack() as stack:
        session = PerfSession(request, guard)
        stack.callback(session.close)
        yield session


def read(request: Arm) -> Iterator[Event]:
    """Read the raw files again; ``vm`` is QEMU's process id."""
    yield from read_raw(request, f"*{_RAW_FILE}", NAME)


def probe() -> Probe:
    """Say whether perf can record KVM's tracepoints here."""
    steps = (kvm_device, perf_binary, tracepoint_access)
    found = [step() for step in steps]
    return next((probe for probe in found if not probe.ok), found[-1])


SOURCE = Source(
    name=NAME,
    sees="exec, first guest entry and port writes, through perf record: the kernel's own stamps",
    needs_kvm=True,
    probe=probe,
    arm=arm,
    read=read,
)
