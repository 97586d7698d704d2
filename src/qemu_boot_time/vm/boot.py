"""One boot as a context manager: QEMU is started here, watched, and never outlives the block."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.vm.qmp import Qmp

_KVM_VM = "anon_inode:kvm-vm"
_PF_EXITING = 0x4  # include/linux/sched.h
_QUIT_PATIENCE_S = 3.0
_TERM_PATIENCE_S = 2.0
_KILL_PATIENCE_S = 20.0
"""Whoever can be killed has ended by then, on a busy host too."""
_ORPHAN_POLL_S = 0.05
_ENDINGS = ((signal.SIGTERM, _TERM_PATIENCE_S), (signal.SIGKILL, _KILL_PATIENCE_S))


@dataclass(frozen=True, slots=True)
class BootRequest:
    """What one boot needs."""

    argv: tuple[str, ...]
    stdout: Path | int
    """Where QEMU's standard output goes: the guest's console with ``-serial stdio``. A file to be
    written, or a descriptor that stays its owner's."""
    stderr: Path
    monitor: Path
    """The UNIX socket that the monitor of ``argv`` connects to."""
    cpus: frozenset[int] = frozenset()
    before_exec: Callable[[int], None] | None = None
    """Called with the process id while the child waits just before its exec."""


_WAIT_THEN_EXEC = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")


def _opened(target: Path | int) -> contextlib.AbstractContextManager[int | IO[bytes]]:
    return contextlib.nullcontext(target) if isinstance(target, int) else target.open("wb")


def _flags(process_directory: Path) -> int:
    """Give the kernel's flags of a process: the seventh word after its name (proc(5))."""
    return int((process_directory / "stat").read_text().rpartition(")")[2].split()[6])


class RunningVm:
    """A QEMU that runs, and the monitor that tells what becomes of it.

    What we start may be a script that leaves QEMU to itself: such orphans are adopted, so that the
    boot ends with the last of them. Raises HostError where something cannot be started or ended.
    """

    def __init__(self, request: BootRequest, guard: process.Guard) -> None:
        self._request = request
        self._guard = guard
        self._reaped = False
        self._cpu_before_ns = 0
        self.cpu_ns: int | None = None
        """CPU time of all that was started, its guest's included, in ns; None while it runs."""
        process.adopt_orphans()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            self.qmp = Qmp(self._request.monitor)
            undo.callback(self.qmp.close)
            self._others = process.children()
            self._start()
            undo.callback(self._close)
            if self._request.before_exec is not None:
                self._release_after(self._request.before_exec)
            # A recorder that attached itself may have run programs of its own.
            self._cpu_before_ns = process.cpu_of_the_ended_ns()
            undo.pop_all()
        return self

    def _start(self) -> None:
        held = self._request.before_exec is not None
        argv = (*_WAIT_THEN_EXEC, *self._request.argv) if held else self._request.argv
        stdin = subprocess.PIPE if held else subprocess.DEVNULL
        with _opened(self._request.stdout) as out, self._request.stderr.open("wb") as err:
            self._child, self.exec_stamp_ns = process.start(
                process.Start(argv, stdin, out, err, cpus=self._request.cpus)
            )
        self.pid = self._child.pid
        self._guard.watch("group", self.pid)
        self._pidfd = os.pidfd_open(self.pid)

    def _release_after(self, held: Callable[[int], None]) -> None:
        held(self.pid)
        self._others = process.children()
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
    def leader_ended(self) -> bool:
        """Whether the process that we started has ended; a QEMU that it left behind may run."""
        return bool(select.select([self._pidfd], [], [], 0)[0])

    @property
    def ended(self) -> bool:
        """Whether all of it has: what we started, what it left behind, the monitor's other end."""
        return self.leader_ended and not self.qmp.connected and not self._orphans()

    def meet(self) -> int:
        """Take the monitor's connection; give QEMU's process id."""
        self.qmp.accept()
        self._guard.watch("qmp", self.pid, fd=self.qmp.fileno())
        return self.qmp.qemu_pid

    def accelerator(self) -> str:
        """Say what runs the guest: ``kvm`` where QEMU holds a VM of KVM's open, else ``tcg``.

        Empty where nobody may look, or QEMU has left. Its monitor could tell, but see Watch.meet.
        """
        process_directory = Path(f"/proc/{self.qmp.qemu_pid or self.pid}")
        try:
            open_files = {str(fd.readlink()) for fd in (process_directory / "fd").iterdir()}
            # Looked at last: a process that leaves closes its files first.
            stays = not _flags(process_directory) & _PF_EXITING
        except OSError:
            return ""
        if _KVM_VM in open_files:
            return "kvm"
        return "tcg" if stays and self.qmp.qemu_pid else ""

    def _orphans(self) -> list[int]:
        left = process.children() - self._others - {self.pid}
        return [pid for pid in left if not process.reap(pid)]

    @property
    def exit_status(self) -> int | None:
        """Exit status as :mod:`subprocess` gives it; None while it runs."""
        return self._child.returncode

    def stop(self, hear: Callable[[dict[str, Any]], None]) -> None:
        """End QEMU: ask it to leave, so that disks are flushed; then end all that is left of it.

        ``hear`` is told what the monitor still has to say.
        """
        if self._reaped:
            return
        if self.qmp.connected:
            self.qmp.execute("quit")
            self._wait_until_ended(_QUIT_PATIENCE_S, hear)
        for number, patience_s in _ENDINGS:
            if not self.ended:
                self._signal(number)
                self._wait_until_ended(patience_s, hear)
        # The leader is not reaped yet, so its number still names our group and no other.
        process.signal_group(self.pid, signal.SIGKILL)
        if not self.ended:
            raise HostError(
                f"{self._request.argv[0]} (process {self.pid}) does not end, whoever may end it",
                hint='end it by hand; a script must hand on "$@", so that QEMU can be asked to leave',
            )
        self._child.wait()
        self._reaped = True
        self.cpu_ns = process.cpu_of_the_ended_ns() - self._cpu_before_ns

    def _signal(self, number: signal.Signals) -> None:
        process.signal_group(self.pid, number)
        for pid in self._orphans():
            with contextlib.suppress(PermissionError):
                os.kill(pid, number)

    def _wait_until_ended(self, patience_s: float, hear: Callable[[dict[str, Any]], None]) -> None:
        deadline = time.monotonic() + patience_s
        while not self.ended and time.monotonic() < deadline:
            waits_for = [self.qmp] if self.qmp.connected else [] if self.leader_ended else [self]
            select.select(waits_for, [], [], _ORPHAN_POLL_S)
            for message in self.qmp.messages():
                hear(message)

    def _close(self) -> None:
        try:
            self.stop(lambda _: None)
        finally:
            self.qmp.close()
            os.close(self._pidfd)
            self._guard.release("qmp", self.pid)
            self._guard.release("group", self.pid)
