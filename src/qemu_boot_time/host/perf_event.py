"""perf_event_open(2) for one tracepoint on one CPU: enough to ask for leave, and to count."""

import ctypes
import errno
import os
import platform
import struct

_SYSCALL = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "s390x": 331, "ppc64le": 319}
_PERF_TYPE_TRACEPOINT = 2
_PERF_SAMPLE_RAW = 1 << 10
_PERF_FLAG_FD_CLOEXEC = 1 << 3
_ATTR_SIZE = 64
"""PERF_ATTR_SIZE_VER0: all that is set below lies in it."""
_EVERYONE = -1
_LIBC = ctypes.CDLL(None, use_errno=True)


def open_tracepoint(event_id: int, *, cpu: int) -> int:
    """Open a tracepoint on one CPU for all processes, as a recorder does; give its descriptor.

    Asks for raw samples, since that is where the kernel's check for CAP_PERFMON sits
    (``perf_trace_event_perm()``); reading the descriptor gives the count. Closing it takes tens of
    milliseconds (an RCU grace period). Raises OSError.
    """
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    attr = struct.pack(
        "=IIQQQ", _PERF_TYPE_TRACEPOINT, _ATTR_SIZE, event_id, 1, _PERF_SAMPLE_RAW
    ).ljust(_ATTR_SIZE, b"\0")
    descriptor = _LIBC.syscall(number, attr, _EVERYONE, cpu, -1, _PERF_FLAG_FD_CLOEXEC)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(descriptor)


def count(descriptor: int) -> int:
    """Give how often the tracepoint fired since it was opened."""
    return int.from_bytes(os.read(descriptor, 8), "little")
