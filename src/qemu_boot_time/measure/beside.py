"""A program that watches from outside while one boot goes on: what its watching costs is asked."""

import contextlib
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import BootError
from qemu_boot_time.measure.plan import Beside

LOG = "observer.log"
"""What it says, in the directory of the boot's raw files."""
_ENDS_WITHIN_S = 10.0
_HINT = "it must run until it is interrupted, and say why where it does not: {}"


@contextlib.contextmanager
def running(beside: Beside, directory: Path, guard: process.Guard) -> Iterator[None]:
    """Have it run in ``directory``, where its own files go, for as long as the block lasts.

    It is given ``beside.settle_s`` seconds to get going, and is ended as Ctrl-C would end it.
    Raises BootError where it ends by itself, HostError where it cannot be started.
    """
    log = directory / LOG
    with log.open("wb") as sink:
        child, _ = process.start(
            process.Start(beside.argv, stdout=sink, stderr=sink, cwd=directory)
        )
    guard.watch("group", child.pid)
    try:
        time.sleep(beside.settle_s)
        _require_running(child, beside, log)
        yield
        _require_running(child, beside, log)
    finally:
        _end(child)
        guard.release("group", child.pid)


def _require_running(child: subprocess.Popen[bytes], beside: Beside, log: Path) -> None:
    # Not poll(): to reap it now would count its CPU time as the boot's.
    if not process.has_ended(child.pid):
        return
    last = process.tail(log).strip().rpartition("\n")[2]
    what = f"{shlex.join(beside.argv)}: ended by itself" + (f": {last}" if last else "")
    raise BootError(what, hint=_HINT.format(log))


def _end(child: subprocess.Popen[bytes]) -> None:
    process.signal_group(child.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_ENDS_WITHIN_S)
    process.end_group(child)
