"""An unprivileged user, with a capability or two, on a host whose tracing is closed."""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from qemu_boot_time import host
from qemu_boot_time.host.rights import find_tracefs, remount_argv
from real_host import require

NOBODY = 65534
SETPRIV = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
PERFMON = ["--inh-caps=-all,+perfmon", "--ambient-caps=-all,+perfmon"]


def python_for_nobody() -> str:
    """Give an interpreter that an unprivileged user may start; skip where there is none."""
    require(os.geteuid() == 0, "only root becomes nobody")
    ask = "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True); "
    ask += "sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        probe = [*SETPRIV, python, "-c", ask]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return python
    require(condition=False, reason="no Python 3.11 that nobody may start")
    return ""


_OPEN = stat.S_IXGRP | stat.S_IXOTH


def require_closed_host() -> None:
    """Skip where everybody may trace already, or those of a group."""
    tracefs = find_tracefs()
    require(tracefs is not None, "tracefs is not mounted")
    closed = tracefs is not None and not tracefs.directory.stat().st_mode & _OPEN
    require(closed, "tracefs is open to others than root here")
    paranoid = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    require(paranoid >= 0, "perf_event_paranoid lets everybody trace here")
    require(host.tracepoint_access().ok, "not even we may record tracepoints here")


@contextlib.contextmanager
def tracefs_closed_again() -> Iterator[Path]:
    """Give tracefs, and bring its group and mode back afterwards."""
    tracefs = find_tracefs()
    assert tracefs is not None
    before = tracefs.directory.stat()
    try:
        yield tracefs.directory
    finally:
        mode = stat.S_IMODE(before.st_mode)
        subprocess.run(remount_argv(tracefs.directory, before.st_gid, mode), check=True)
