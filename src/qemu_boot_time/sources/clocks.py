"""The host's clocks, read together, and a timer to wait on."""

import ctypes
import os
import struct
import time

from qemu_boot_time.errors import HostError
from qemu_boot_time.process.libc import LIBC


def clock_pair() -> tuple[int, int]:
    """Read CLOCK_MONOTONIC and CLOCK_REALTIME at one moment, in ns: the tightest of five tries."""
    tries = []
    for _ in range(5):
        before = time.monotonic_ns()
        realtime = time.time_ns()
        after = time.monotonic_ns()
        tries.append((after - before, (before + after) // 2, realtime))
    _, monotonic, realtime = min(tries)
    return monotonic, realtime


def periodic_timer(every_ns: int) -> int:
    """Give a timerfd that is readable every so often (``os.timerfd_create`` of Python 3.13).

    Raises HostError where the kernel refuses one.
    """
    fd: int = LIBC.timerfd_create(time.CLOCK_MONOTONIC, os.O_CLOEXEC)
    seconds, nanoseconds = divmod(every_ns, 1_000_000_000)
    period = struct.pack("=4q", seconds, nanoseconds, seconds, nanoseconds)
    if fd < 0 or LIBC.timerfd_settime(fd, 0, period, None):
        raise HostError(f"no timer: {os.strerror(ctypes.get_errno())}", hint="ulimit -n 4096")
    return fd
