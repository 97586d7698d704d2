"""A program that watches from outside while one boot goes on: what its watching costs is asked."""

import contextlib
import shlex
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import BootError, HostError
from qemu_boot_time.measure.plan import Beside
from qemu_boot_time.process.keeper import HEARD, kept
from qemu_boot_time.process.signals import deferred_signals

LOG = "observer.log"
"""What it says, in the directory of the boot's raw files."""
_ENDS_WITHIN_S = 10.0
_HINT = "it must run until it is interrupted, and say why where it does not: {}"


@contextlib.contextmanager
def running(beside: Beside, directory: Path) -> Iterator[None]:
    """Have it run in ``directory``, where its own files go, for as long as the block lasts.

    It is given ``beside.settle_s`` seconds to get going, and is ended as Ctrl-C would end it; what it
    has left behind is killed, and is no child of ours meanwhile. Where there is no program, the wait is all there is.
    Raises BootError where it ends by itself, HostError where it cannot be started or something of it stays.
    """
    if not beside.argv:
        time.sleep(beside.settle_s)
        yield
        return
    log = directory / LOG
    process.adopt_orphans()
    with contextlib.ExitStack() as stack:
        stack.callback(_end_left_behind, beside, process.children())
        with deferred_signals():
            child = _started(beside, log)
            stack.callback(_end, child)
        time.sleep(beside.settle_s)
        _require_running(child, beside, log)
        yield
        _require_running(child, beside, log)


def _started(beside: Beside, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        request = process.Start(
            kept(beside.argv),
            stdout=sink,
            stderr=sink,
            cwd=log.parent,
            death_signal=signal.SIGTERM,  # so that it ends what it keeps
            blocked=HEARD,
        )
        return process.start(request)[0]


def _require_running(child: subprocess.Popen[bytes], beside: Beside, log: Path) -> None:
    # Not poll(): to reap it now would count its CPU time as the boot's.
    if not process.has_ended(child.pid):
        return
    last = process.tail(log).strip().rpartition("\n")[2]
    what = f"{shlex.join(beside.argv)}: ended by itself" + (f": {last}" if last else "")
    raise BootError(what, hint=_HINT.format(log))


def _end(child: subprocess.Popen[bytes]) -> None:
    process.signal_group(child.pid, signal.SIGINT)
    process.has_ended(child.pid, within_s=_ENDS_WITHIN_S)
    # It is not reaped yet, so its number still names its group and no other. What it kept comes to us.
    process.signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _end_left_behind(beside: Beside, others: Collection[int]) -> None:
    """Kill what came to us. Raises HostError where something of it stays."""
    process.end_left_behind(others)
    if left := sorted(process.children() - set(others)):
        names = ", ".join(f"{process.name_of(pid)} (process {pid})" for pid in left)
        raise HostError(
            f"{shlex.join(beside.argv)}: left behind what does not end, whoever may end it: {names}",
            hint="end it by hand; an observer must end all that it has started when it is interrupted",
        )
