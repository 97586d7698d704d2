"""Our side of the guard, which ends what we started when we cannot; its own is ``_guard.py``."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class Guard:
    """Ends what we started when we cannot: killed, crashed, or simply careless.

    A child of ours that only waits for the end of a socket, in a session of its own. What is
    ``watch``-ed and not ``release``-d by then is ended or removed.
    """

    def __init__(self) -> None:
        script = Path(__file__).with_name("_guard.py")
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(script)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def watch(self, kind: str, what: str | int, *, fd: int | None = None) -> None:
        """Take charge of ``group PGID``, ``remove DIRECTORY``, or ``qmp NAME``.

        ``fd`` is the connection to the monitor, negotiated, of the latter.
        """
        self._tell(f"+{kind} {what}", () if fd is None else (fd,))

    def release(self, kind: str, what: str | int) -> None:
        """Forget what has ended well."""
        self._tell(f"-{kind} {what}")

    def _tell(self, instruction: str, fds: tuple[int, ...] = ()) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._ours, [instruction.encode()], fds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ours.close()
        self._child.wait()
