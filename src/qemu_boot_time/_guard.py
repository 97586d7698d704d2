"""The process behind ``process.Guard``: run as a script, waits for the end of its standard input.

One instruction a line: ``+KIND WHAT`` takes charge, ``-KIND WHAT`` lets go. At the end of input,
which comes when the parent ends in whatever way, what is left is ended, the newest first.
"""

import contextlib
import os
import shutil
import signal
import socket
import sys

_QUIT = b'{"execute":"qmp_capabilities"}{"execute":"quit"}'
_PATIENCE_S = 2.0


def quit_qemu(path: str) -> None:
    """Ask a QEMU to leave; works where its user id is not ours (sudo)."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(_PATIENCE_S)
        monitor.connect(path)
        monitor.sendall(_QUIT)
        while monitor.recv(4096):
            pass


def kill_group(pgid: str) -> None:
    """Kill a process group that the parent made."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(int(pgid), signal.SIGKILL)


def remove(path: str) -> None:
    """Remove a directory: ``rmdir`` alone does it for a tracefs instance."""
    try:
        os.rmdir(path)  # noqa: PTH106  # pathlib would double the start-up of this process
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


END = {"qmp": quit_qemu, "group": kill_group, "remove": remove}


def main() -> None:
    """Follow the parent to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    charge: dict[tuple[str, str], None] = {}
    for line in sys.stdin:
        kind, _, what = line[1:].rstrip("\n").partition(" ")
        if line[0] == "+":
            charge[kind, what] = None
        else:
            charge.pop((kind, what), None)
    for kind, what in reversed(charge):
        END[kind](what)


if __name__ == "__main__":
    main()
