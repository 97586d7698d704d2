"""The process behind ``process.Guard``: run as a script, waits for the end of its standard input.

That is a socket of packets, one instruction each: ``+KIND WHAT`` takes charge, ``-KIND WHAT`` lets
go. At its end, which comes when the parent ends in whatever way, what is left is ended, the newest
first.
"""

import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
import time

_QUIT = b'{"execute":"quit"}'
_PATIENCE_S = 2.0
_CLOSED_WITHIN_S = 20.0
"""A parent that was killed has closed its files by then, on a busy host too."""
_POLL_S = 0.02
_PACKET_BYTES = 8192


def quit_qemu(name: str, fds: list[int]) -> None:
    """Ask a QEMU to leave, through the parent's own monitor: this works behind sudo too."""
    del name
    with contextlib.suppress(OSError), socket.socket(fileno=fds[0]) as monitor:
        monitor.settimeout(_PATIENCE_S)
        monitor.sendall(_QUIT)
        while monitor.recv(4096):
            pass


def kill_group(pgid: str, fds: list[int]) -> None:
    """Kill a process group that the parent made."""
    del fds
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(int(pgid), signal.SIGKILL)


def remove(path: str, fds: list[int]) -> None:
    """Remove a directory: ``rmdir`` alone does it for a tracefs instance."""
    del fds
    deadline = time.monotonic() + _CLOSED_WITHIN_S
    while True:
        try:
            os.rmdir(path)  # noqa: PTH106  # pathlib would double the start-up of this process
        except OSError as error:
            if error.errno == errno.EBUSY and time.monotonic() < deadline:
                time.sleep(_POLL_S)  # the kernel is still closing what the parent had open in it
                continue
            shutil.rmtree(path, ignore_errors=True)
        return


END = {"qmp": quit_qemu, "group": kill_group, "remove": remove}


def main() -> None:
    """Follow the parent to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    charge: dict[tuple[str, str], list[int]] = {}
    with socket.socket(fileno=sys.stdin.fileno()) as parent:
        while True:
            packet, fds, _, _ = socket.recv_fds(parent, _PACKET_BYTES, 1)
            if not packet:
                break
            kind, _, what = packet[1:].decode().partition(" ")
            for fd in charge.pop((kind, what), ()):
                os.close(fd)
            if packet[:1] == b"+":
                charge[kind, what] = fds
    for (kind, what), fds in reversed(charge.items()):
        END[kind](what, fds)


if __name__ == "__main__":
    main()
