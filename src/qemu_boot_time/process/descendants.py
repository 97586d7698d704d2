"""What we and our children have started: which there are, whether they have ended, what they took."""

import contextlib
import os
import resource
import select
import signal
from collections.abc import Collection
from pathlib import Path

from qemu_boot_time.process.libc import LIBC

_PR_SET_CHILD_SUBREAPER = 36
_US_PER_S = 1_000_000
_NS_PER_US = 1_000


def adopt_orphans() -> None:
    """Become the parent of whatever our children leave behind when they end (prctl(2)).

    What a script has put into the background, or what made itself a daemon, is then still ours to
    see and to end.
    """
    LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> frozenset[int]:
    """Give the process ids of our children, adopted ones and unreaped ones too.

    Empty on a kernel without CONFIG_PROC_CHILDREN.
    """
    try:
        return frozenset(map(int, Path("/proc/thread-self/children").read_text().split()))
    except OSError:
        return frozenset()


def reap(pid: int) -> bool:
    """Say whether a child that is no Popen of ours has ended, and let the kernel forget it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def name_of(pid: int) -> str:
    """Give the kernel's name of a process: the first letters of its program's; "?": it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="backslashreplace").rstrip("\n")
    except OSError:
        return "?"


def end_left_behind(others: Collection[int]) -> None:
    """Kill all our children but ``others``, and what they leave to us in turn; whom we may not kill stays.

    What a child has left behind is among them after :func:`adopt_orphans`.
    """
    seen = set(others)
    while left := children() - seen:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        seen |= left


def has_ended(pid: int, *, within_s: float = 0) -> bool:
    """Say whether a child has ended, or does within so many seconds; leave it for whoever reaps it."""
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], within_s)[0])
    finally:
        os.close(descriptor)


def cpu_of_the_ended_ns() -> int:
    """Give the CPU time of all children that we have reaped, and of those that they have, in ns.

    A guest's own time is in it (getrusage(2), RUSAGE_CHILDREN; whole microseconds). What one child
    took is how much this has grown by.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((used.ru_utime + used.ru_stime) * _US_PER_S) * _NS_PER_US
