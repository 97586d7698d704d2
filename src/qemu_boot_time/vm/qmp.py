"""QEMU's monitor: a small, non-blocking client of the machine protocol (QMP).

Enough to notice what a boot comes to (reset, panic, KVM's internal error), to let a paused guest
go, and to ask QEMU to leave. Spec: QEMU's docs/interop/qmp-spec. The ``qemu.qmp`` package is
asyncio throughout; one boot waits for six file descriptors in one ``selectors`` loop.

We listen and QEMU connects: so nobody has to poll, and a QEMU behind ``sudo`` reaches us, whereas
its own socket would be root's alone.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from qemu_boot_time.vm.command import escaped

_UCRED = struct.Struct("3i")
_MAX_LINE_BYTES = 1 << 20


class Qmp:
    """One connection from the monitor of one QEMU to a UNIX socket of ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        """Readable when QEMU has come."""
        self.listener.bind(str(path))
        self.listener.listen(1)
        self._socket: socket.socket | None = None
        self._buffer = b""
        self.qemu_pid = 0
        """The process at the other end; 0 before the connection stands."""

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._socket is not None

    def accept(self) -> None:
        """Take the connection that waits, and have it tell its events."""
        self._socket, _ = self.listener.accept()
        credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        self.qemu_pid = _UCRED.unpack(credentials)[0]
        self._socket.settimeout(0)
        self.execute("qmp_capabilities")

    def fileno(self) -> int:
        """Give the descriptor to wait on; only while connected."""
        assert self._socket is not None  # noqa: S101  # the caller asks connected first
        return self._socket.fileno()

    def execute(self, command: str, **arguments: str) -> None:
        """Send one command; its answer, with the command as ``id``, comes with the other messages.

        Names of arguments have ``_`` in place of ``-``.
        """
        if self._socket is not None:
            request: dict[str, Any] = {"execute": command, "id": command}
            if arguments:
                named = {name.replace("_", "-"): value for name, value in arguments.items()}
                request["arguments"] = named
            line = msgspec.json.encode(request)
            with contextlib.suppress(OSError):
                self._socket.sendall(line + b"\n")

    def messages(self) -> Iterator[dict[str, Any]]:
        """Give the messages that have arrived: the greeting, answers (by ``id``), events."""
        if self._socket is None:
            return
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._buffer = self._buffer[-_MAX_LINE_BYTES:]
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError):
                yield msgspec.json.decode(line, type=dict[str, Any])

    def close(self) -> None:
        """End the connection, and take none any more."""
        self._hang_up()
        self.listener.close()
        self._path.unlink(missing_ok=True)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def arguments(path: Path) -> tuple[str, ...]:
    """Give what QEMU must be told to come to a Qmp at ``path``; it leaves the user's own alone."""
    chardev = f"socket,id=qbt-qmp,path={escaped(path)}"
    return ("-chardev", chardev, "-mon", "chardev=qbt-qmp,mode=control")


def event_time_ns(message: dict[str, Any]) -> int:
    """Give the CLOCK_REALTIME stamp of an event, in ns; now, where it has none."""
    stamp = message.get("timestamp")
    if not isinstance(stamp, dict):
        return time.time_ns()
    return int(stamp.get("seconds", 0)) * 10**9 + int(stamp.get("microseconds", 0)) * 1000
