"""The one place that starts programs: argv lists, deadlines, death with the parent, output kept.

Every child is the leader of its own process group, so that a wrapper and what it started end
together, and a Ctrl-C at the terminal reaches only us: we decide what ends when. The kernel kills a
direct child when we die (``PR_SET_PDEATHSIG``); what a child started in turn is ended by the
:class:`Guard`, a tiny process that outlives us just long enough for that.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.process.descendants import (
    adopt_orphans,
    children,
    cpu_of_the_ended_ns,
    end_left_behind,
    has_ended,
    name_of,
    reap,
)
from qemu_boot_time.process.guard import Guard
from qemu_boot_time.process.libc import LIBC

__all__ = [
    "Finished",
    "Guard",
    "Start",
    "adopt_orphans",
    "begun",
    "children",
    "cpu_of_the_ended_ns",
    "end_group",
    "end_left_behind",
    "has_ended",
    "name_of",
    "reap",
    "require",
    "run",
    "run_logged",
    "signal_group",
    "start",
    "tail",
]

_PR_SET_PDEATHSIG = 1
_KILL_AFTER_S = 5.0
_TAIL_BYTES = 4096
_NOT_EXECUTABLE = "{}: not an executable program"


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended well."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a long-running program."""

    argv: tuple[str, ...]
    stdin: int | IO[bytes] = subprocess.DEVNULL
    stdout: int | IO[bytes] = subprocess.DEVNULL
    stderr: int | IO[bytes] = subprocess.DEVNULL
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    """The whole environment; None: ours."""
    cpus: frozenset[int] = frozenset()
    """Pin the child to these CPUs; empty: leave it alone."""
    pass_fds: tuple[int, ...] = ()
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends the child when we die."""
    blocked: frozenset[signal.Signals] = frozenset()
    """What the child begins with blocked, for it waits for them."""


def require(program: str, *, hint: str) -> str:
    """Find ``program`` on PATH (or as a path) and give its full path.

    Raises HostError with ``hint`` where it is missing or not executable.
    """
    found = shutil.which(program)
    if found:
        return found
    if Path(program).exists():
        raise HostError(_NOT_EXECUTABLE.format(program), hint=f"chmod +x {program}")
    raise HostError(f"{program}: not found", hint=hint)


def start(request: Start) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program; give it and the CLOCK_MONOTONIC stamp taken just before its execve.

    Raises HostError when it cannot be executed.
    """
    stamp_read, stamp_write = os.pipe()

    def before_exec() -> None:
        LIBC.prctl(_PR_SET_PDEATHSIG, int(request.death_signal))
        signal.pthread_sigmask(signal.SIG_BLOCK, request.blocked)
        if request.cpus:
            os.sched_setaffinity(0, request.cpus)
        os.write(stamp_write, time.monotonic_ns().to_bytes(8, "little"))

    try:
        child = subprocess.Popen(
            request.argv,
            stdin=request.stdin,
            stdout=request.stdout,
            stderr=request.stderr,
            cwd=request.cwd,
            env=request.env,
            pass_fds=request.pass_fds,
            process_group=0,
            preexec_fn=before_exec,  # noqa: PLW1509  # single-threaded by design
        )
        return child, int.from_bytes(os.read(stamp_read, 8), "little")
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(*_why_not_started(request.argv[0], error)) from error
    finally:
        os.close(stamp_read)
        os.close(stamp_write)


def _why_not_started(program: str, error: Exception) -> tuple[str]:
    if isinstance(error, PermissionError):
        return (_NOT_EXECUTABLE.format(program),)
    if isinstance(error, FileNotFoundError):
        return (f"{program}: not found",)
    return (f"{program}: cannot be started: {error}",)


def end_group(child: subprocess.Popen[bytes], *, patience_s: float = _KILL_AFTER_S) -> None:
    """End a child and its process group: SIGTERM, then SIGKILL after ``patience_s`` seconds."""
    signal_group(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(patience_s)
    signal_group(child.pid, signal.SIGKILL)
    child.wait()


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Send a signal to a process group of ours; one that has ended, or is not ours, is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


@contextlib.contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        end_group(child)
        raise


def run(
    argv: Sequence[str],
    *,
    timeout_s: float = 60.0,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    accept: Collection[int] = (0,),
    hint: str = "",
) -> Finished:
    """Run a program to its end and keep what it wrote.

    ``accept`` holds the exit statuses that are no failure. Raises ProgramError when it fails or passes its deadline, HostError when it is missing.
    """
    request = _to_keep(argv, cwd=cwd, env=env)
    require(request.argv[0], hint=hint)
    with _started(request) as child:
        return _finished(child, request, timeout_s=timeout_s, stdin=stdin, accept=accept, hint=hint)


@contextlib.contextmanager
def begun(argv: Sequence[str]) -> Iterator[Callable[[bytes], Finished]]:
    """Start a program and go on; hand over what gives it its input and waits for its end, as :func:`run` does.

    To be called once; it waits as long as it takes. Whoever leaves ends a program that still runs, and with it a
    thread's waiting.
    """
    request = _to_keep(argv)
    with _started(request) as child:
        yield lambda stdin: _finished(child, request, timeout_s=None, stdin=stdin)


def _to_keep(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Start:
    pipe = subprocess.PIPE
    return Start(tuple(argv), stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, env=env)


@contextlib.contextmanager
def _started(request: Start) -> Iterator[subprocess.Popen[bytes]]:
    child, _ = start(request)
    with child, _ended(child):
        yield child
        if child.poll() is None:
            end_group(child)


def _finished(
    child: subprocess.Popen[bytes],
    request: Start,
    *,
    timeout_s: float | None,
    stdin: bytes = b"",
    accept: Collection[int] = (0,),
    hint: str = "",
) -> Finished:
    argv = request.argv
    try:
        out, err = child.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired as late:
        what = f"{argv[0]}: no end after {timeout_s:g} s"
        raise ProgramError(what, returncode=None, hint=hint) from late
    stdout, stderr = out.decode(errors="replace"), err.decode(errors="replace")
    if child.returncode not in accept:
        last = (stderr.strip() or stdout.strip()).rpartition("\n")[2]
        words = (" ".join(argv[:2]), f"exit status {child.returncode}", last)
        raise ProgramError(
            ": ".join(filter(None, words)),
            returncode=child.returncode,
            output=stderr or stdout,
            hint=hint,
        )
    return Finished(argv, child.returncode, stdout, stderr)


def run_logged(
    argv: Sequence[str],
    *,
    log: Path,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run a long program with its output appended to ``log``; call ``tick`` a few times a second.

    Raises ProgramError whose ``output`` is the end of the log.
    """
    require(argv[0], hint=f"install the package that has {argv[0]}")
    with log.open("ab") as sink:
        sink.write(f"$ {' '.join(argv)}\n".encode())
        sink.flush()
        child, _ = start(Start(tuple(argv), stdout=sink, stderr=sink, cwd=cwd, env=env))
        with child, _ended(child):
            _wait_ticking(child, argv[0], timeout_s, tick)
    if child.returncode:
        raise ProgramError(
            f"{argv[0]}: exit status {child.returncode}",
            returncode=child.returncode,
            output=tail(log),
            hint=f"the whole log: {log}",
        )


def _wait_ticking(
    child: subprocess.Popen[bytes], name: str, timeout_s: float, tick: Callable[[], None]
) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            child.wait(0.2)
        except subprocess.TimeoutExpired as late:
            if time.monotonic() > deadline:
                what = f"{name}: no end after {timeout_s:g} s"
                raise ProgramError(what, returncode=None) from late
            tick()
        else:
            return


def tail(file: Path, *, size_bytes: int = _TAIL_BYTES) -> str:
    """Give the end of a text file, from the start of a line."""
    with file.open("rb") as stream:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, length - size_bytes))
        text = stream.read().decode(errors="replace")
    return text if length <= size_bytes else text.partition("\n")[2]
