"""Ways to be watched while a guest boots: not at all, by each source, and as it was done before."""

import contextlib
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common import progress
from qemu_boot_time import process
from qemu_boot_time.errors import BootError, HostError
from qemu_boot_time.model import Event
from qemu_boot_time.sources.base import Arm, Session, Source
from qemu_boot_time.sources.table import SOURCES

NONE = "none"
OLD_WAY = "old way"
UNDER_KVM = tuple(source for source in SOURCES.values() if source.sees_port_writes)
"""The sources that can see the guests of these benchmarks."""
_OLD_EVENTS = ("kvm:kvm_entry", "kvm:kvm_pio", "sched:sched_process_exec")
_LONGEST_BOOT_S = 120.0
_STARTS_WITHIN_S = 30.0
_ANSWER_BYTES = 64


@dataclass(frozen=True, slots=True)
class Timed:
    """One boot that has ended."""

    wall_ns: int
    """From just before the execve of QEMU until its end, both seen by the process that started it."""
    cpu_ns: int
    """CPU time of QEMU, its guest's included."""


def boot(
    argv: tuple[str, ...],
    session: Session | None = None,
    index: int = 0,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
) -> Timed:
    """Boot once, serving the recorder meanwhile as ``qbt run`` does.

    ``stdout`` is QEMU's, unless the recorder reads that.
    Raises BootError where QEMU does not leave through isa-debug-exit.
    """
    if session is not None:
        session.begin(index)
        argv = (*argv, *session.arguments())
        read = session.stdout()
        stdout = stdout if read is None else read
    child, begin_ns = process.start(process.Start(argv, stdout=stdout))
    ended = os.pidfd_open(child.pid)
    with contextlib.closing(os.fdopen(ended, "rb", buffering=0)), selectors.DefaultSelector() as s:
        s.register(ended, selectors.EVENT_READ, None)
        for fd, take in (session.readers() if session is not None else {}).items():
            s.register(fd, selectors.EVENT_READ, take)
        end_ns = _serve(s, begin_ns + int(_LONGEST_BOOT_S * 1e9))
    _, status, usage = os.wait4(child.pid, 0 if end_ns else os.WNOHANG)
    child.returncode = os.waitstatus_to_exitcode(status)
    if not end_ns or child.returncode != 1:
        process.signal_group(child.pid, signal.SIGKILL)
        raise BootError(f"{argv[0]}: no end through isa-debug-exit", hint=" ".join(argv))
    if session is not None:
        list(session.end(index))
    return Timed(end_ns - begin_ns, int((usage.ru_utime + usage.ru_stime) * 1e9))


def _serve(selector: selectors.BaseSelector, deadline_ns: int) -> int:
    """Wait for the end of QEMU; give when it was, 0: not in time."""
    while (now_ns := time.monotonic_ns()) < deadline_ns:
        for key, _ in selector.select((deadline_ns - now_ns) / 1e9):
            if key.data is None:
                return time.monotonic_ns()
            list(key.data())
    return 0


Recorder = Callable[[Path], AbstractContextManager[Session | None]]
"""Holds a recorder that writes to a directory; its session, where QEMU or a reader must know."""


@contextlib.contextmanager
def nobody(_: Path) -> Iterator[None]:
    """Hold no recorder."""
    yield None


def _source(source: Source) -> Recorder:
    @contextlib.contextmanager
    def recording(directory: Path) -> Iterator[Session]:
        with process.Guard() as guard, source.arm(Arm(directory), guard) as session:
            yield session

    return recording


class OldWay:
    """``perf record`` as before, without filters, as a session."""

    def __init__(self, directory: Path) -> None:
        """Start perf, and wait until it records. Raises HostError where it does not."""
        command_in, self._command = os.pipe()
        self._answer, answer_out = os.pipe()
        events = [word for event in _OLD_EVENTS for word in ("-e", event)]
        control = ("-D", "-1", "--control", f"fd:{command_in},{answer_out}")
        argv = ("perf", "record", "-q", "-a", "-o", str(directory / "perf.data"), *events, *control)
        request = process.Start(argv, pass_fds=(command_in, answer_out))
        try:
            self._child, _ = process.start(request)
        finally:
            os.close(command_in)
            os.close(answer_out)
        self._enable()

    def _enable(self) -> None:
        """Have perf answer: it empties its rings between two answers."""
        os.write(self._command, b"enable\n")
        if not select.select([self._answer], [], [], _STARTS_WITHIN_S)[0]:
            raise HostError("perf record: no answer", hint="--control came with perf 5.10")
        os.read(self._answer, _ANSWER_BYTES)

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> None:
        """Need nothing of its process."""

    def begin(self, boot: int) -> None:
        """Need no preparation."""

    def stdout(self) -> None:
        """Leave QEMU's standard output alone."""

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Write the file without us."""
        return {}

    def end(self, boot: int) -> Iterable[Event]:
        """Have all that was recorded written."""
        del boot
        self._enable()
        self._enable()
        return ()

    def close(self) -> None:
        """End perf in order."""
        self._child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_STARTS_WITHIN_S)
        process.end_group(self._child)
        os.close(self._command)
        os.close(self._answer)


@contextlib.contextmanager
def _old_way(directory: Path) -> Iterator[Session]:
    with contextlib.closing(OldWay(directory)) as session:
        yield session


def available() -> Mapping[str, Recorder]:
    """Give the ways that work here, by name; those that do not are told."""
    found: dict[str, Recorder] = {NONE: nobody}
    for source in UNDER_KVM:
        probe = source.probe()
        if probe.ok:
            found[source.name] = _source(source)
        else:
            progress(f"without {source.name}: {probe.what}")
    return {**found, OLD_WAY: _old_way}


def bytes_in(directory: Path) -> int:
    """Count what a recorder has left."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
