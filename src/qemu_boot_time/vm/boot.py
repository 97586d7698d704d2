"""One boot as a context manager: QEMU is started here, watched, and never outlives the block."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qemu_boot_time import process
from qemu_boot_time.vm.qmp import Qmp

_QUIT_PATIENCE_S = 3.0
_TERM_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class BootRequest:
    """What one boot needs."""

    argv: tuple[str, ...]
    stdout: Path
    """Where QEMU's standard output goes: the guest's console with ``-serial stdio``."""
    stderr: Path
    monitor: Path
    """The UNIX socket of the monitor that ``argv`` asks for."""
    cpus: frozenset[int] = frozenset()
    before_exec: Callable[[int], None] | None = None
    """Called with the process id while the child waits just before its exec."""


_WAIT_THEN_EXEC = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")


class RunningVm:
    """A QEMU that runs, and the monitor that tells what becomes of it."""

    def __init__(self, request: BootRequest, guard: process.Guard) -> None:
        self._request = request
        self._guard = guard
        self.qmp = Qmp(request.monitor)
        self._reaped = False

    def __enter__(self) -> Self:
        held = self._request.before_exec
        argv = self._request.argv if held is None else (*_WAIT_THEN_EXEC, *self._request.argv)
        stdin = subprocess.DEVNULL if held is None else subprocess.PIPE
        with self._request.stdout.open("wb") as out, self._request.stderr.open("wb") as err:
            self._child, self.exec_stamp_ns = process.start(
                process.Start(argv, stdin, out, err, cpus=self._request.cpus)
            )
        self.pid = self._child.pid
        self._guard.watch("group", self.pid)
        self._guard.watch("qmp", str(self._request.monitor))
        self._pidfd = os.pidfd_open(self.pid)
        if held is not None:
            self._release_after(held)
        return self

    def _release_after(self, held: Callable[[int], None]) -> None:
        try:
            held(self.pid)
        except BaseException:
            self._close()
            raise
        assert self._child.stdin is not None  # noqa: S101  # a pipe was asked for
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(b"\n")
            self._child.stdin.close()
        self.exec_stamp_ns = time.monotonic_ns()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def fileno(self) -> int:
        """Give a descriptor that is readable once the process we started has ended."""
        return self._pidfd

    @property
    def ended(self) -> bool:
        """Whether QEMU has left: what we started has ended, and so has the monitor's other side.

        A script may end before the QEMU that it put into the background.
        """
        return bool(select.select([self._pidfd], [], [], 0)[0]) and not self.qmp.connected

    @property
    def exit_status(self) -> int | None:
        """Exit status as :mod:`subprocess` gives it; None while it runs."""
        return self._child.returncode

    def messages(self) -> Iterator[dict[str, Any]]:
        """Give what the monitor has said by now."""
        return self.qmp.messages()

    def stop(self) -> None:
        """End QEMU: ask it to leave, so that disks are flushed; then end its process group."""
        if self._reaped:
            return
        if self.qmp.connected:
            self.qmp.execute("quit")
            self._wait_until_ended(_QUIT_PATIENCE_S)
        if not self.ended:
            process.signal_group(self.pid, signal.SIGTERM)
            self._wait_until_ended(_TERM_PATIENCE_S)
        # The leader is not reaped yet, so its number still names our group and no other.
        process.signal_group(self.pid, signal.SIGKILL)
        self._child.wait()
        self._reaped = True

    def _wait_until_ended(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not self.ended and time.monotonic() < deadline:
            fd = self.qmp.fileno() if self.qmp.connected else self._pidfd
            if select.select([fd], [], [], 0.05)[0]:
                deque(self.qmp.messages(), maxlen=0)

    def _close(self) -> None:
        self.stop()
        self.qmp.close()
        os.close(self._pidfd)
        self._guard.release("qmp", str(self._request.monitor))
        self._guard.release("group", self.pid)
        self._request.monitor.unlink(missing_ok=True)
