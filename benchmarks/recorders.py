"""Ways to be watched while a guest boots: not at all, by each source, and as it was done before."""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from common import progress
from qemu_boot_time import process
from qemu_boot_time.errors import BootError, HostError
from qemu_boot_time.sources.base import Arm, Session, Source
from qemu_boot_time.sources.table import SOURCES

NONE = "none"
OLD_WAY = "old way"
_OLD_EVENTS = ("kvm:kvm_entry", "kvm:kvm_pio", "sched:sched_process_exec")
_LONGEST_BOOT_S = 120.0
_STARTS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Timed:
    """One boot that has ended."""

    wall_ns: int
    """From just before the execve of QEMU until its end, both seen by the process that started it."""
    cpu_ns: int
    """CPU time of QEMU, its guest's included."""


def boot(argv: tuple[str, ...], session: Session | None = None, index: int = 0) -> Timed:
    """Boot once, serving the recorder meanwhile as ``qbt run`` does.

    Raises BootError where QEMU does not leave through isa-debug-exit.
    """
    if session is not None:
        session.begin(index)
        argv = (*argv, *session.arguments())
    child, begin_ns = process.start(process.Start(argv))
    ended = os.pidfd_open(child.pid)
    with contextlib.closing(os.fdopen(ended, "rb", buffering=0)), selectors.DefaultSelector() as s:
        s.register(ended, selectors.EVENT_READ, None)
        for fd, read in (session.readers() if session is not None else {}).items():
            s.register(fd, selectors.EVENT_READ, read)
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
def _nobody(_: Path) -> Iterator[None]:
    yield None


def _source(source: Source) -> Recorder:
    @contextlib.contextmanager
    def recording(directory: Path) -> Iterator[Session]:
        with process.Guard() as guard, source.arm(Arm(directory), guard) as session:
            yield session

    return recording


@contextlib.contextmanager
def _old_way(directory: Path) -> Iterator[None]:
    """Record as before, unfiltered; perf is running and enabled when the block begins."""
    command_in, command = os.pipe()
    answer, answer_out = os.pipe()
    events = [word for event in _OLD_EVENTS for word in ("-e", event)]
    control = ("-D", "-1", "--control", f"fd:{command_in},{answer_out}")
    argv = ("perf", "record", "-q", "-a", "-o", str(directory / "perf.data"), *events, *control)
    child, _ = process.start(process.Start(argv, pass_fds=(command_in, answer_out)))
    try:
        os.write(command, b"enable\n")
        with selectors.DefaultSelector() as selector:
            selector.register(answer, selectors.EVENT_READ)
            if not selector.select(_STARTS_WITHIN_S):
                raise HostError("perf record: does not begin", hint="perf 5.10 has --control")
        yield None
        child.send_signal(signal.SIGINT)
        child.wait(_STARTS_WITHIN_S)
    finally:
        process.end_group(child)
        for fd in (command_in, command, answer, answer_out):
            os.close(fd)


def available() -> Mapping[str, Recorder]:
    """Give the ways that work here, by name; those that do not are told."""
    found: dict[str, Recorder] = {NONE: _nobody}
    for source in SOURCES.values():
        probe = source.probe()
        if probe.ok:
            found[source.name] = _source(source)
        else:
            progress(f"without {source.name}: {probe.what}")
    return {**found, OLD_WAY: _old_way}


def bytes_in(directory: Path) -> int:
    """Count what a recorder has left."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
