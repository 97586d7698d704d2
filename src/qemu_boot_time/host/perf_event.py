"""perf_event_open(2) and its ioctls: what a recorder of tracepoints needs of them."""

import ctypes
import errno
import fcntl
import os
import platform
import struct
from enum import IntEnum

from qemu_boot_time.process.libc import LIBC

_SYSCALL = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "s390x": 331, "ppc64le": 319}
_PERF_TYPE_TRACEPOINT = 2
_PERF_SAMPLE_RAW = 1 << 10
_PERF_FLAG_FD_CLOEXEC = 1 << 3
_ATTR_SIZE = 64
"""PERF_ATTR_SIZE_VER0: all that is set below lies in it."""
_EVERYONE = -1


class Request(IntEnum):
    """The ioctls of an event (linux/perf_event.h), as architectures with the generic _IOC have them."""

    ENABLE = 0x2400
    DISABLE = 0x2401
    """Enable it for so many further overflows; refused for inherited events."""
    SET_OUTPUT = 0x2405
    """Write to the ring of another event on the same CPU."""
    SET_FILTER = 0x40082406


def open_event(attr: bytes, *, pid: int = _EVERYONE, cpu: int) -> int:
    """Open an event as ``attr`` (a perf_event_attr) asks; give its descriptor.

    ``pid`` -1 is every process. Closing the last one of a tracepoint takes tens of milliseconds (an
    RCU grace period). Raises OSError.
    """
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    descriptor = LIBC.syscall(number, attr, pid, cpu, -1, _PERF_FLAG_FD_CLOEXEC)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(descriptor)


def open_tracepoint(event_id: int, *, cpu: int) -> int:
    """Open a tracepoint on one CPU for all processes, as a recorder does; give its descriptor.

    Asks for raw samples, since that is where the kernel's check for CAP_PERFMON sits
    (``perf_trace_event_perm()``); reading the descriptor gives the count. Raises OSError.
    """
    attr = struct.pack(
        "=IIQQQ", _PERF_TYPE_TRACEPOINT, _ATTR_SIZE, event_id, 1, _PERF_SAMPLE_RAW
    ).ljust(_ATTR_SIZE, b"\0")
    return open_event(attr, cpu=cpu)


def control(descriptor: int, request: Request, argument: int = 0) -> None:
    """Make one of the requests that take a number or nothing. Raises OSError."""
    fcntl.ioctl(descriptor, request, argument)


def set_filter(descriptor: int, condition: str) -> None:
    """Have the kernel drop samples that are not so (Documentation/trace/events.rst). Raises OSError."""
    # Of any length: ioctl() takes an immutable argument of at most 1024 bytes.
    fcntl.ioctl(descriptor, Request.SET_FILTER, bytearray(condition.encode() + b"\0"))


def count(descriptor: int) -> int:
    """Give how often the tracepoint fired since it was opened."""
    return int.from_bytes(os.read(descriptor, 8), "little")
