"""The events on all CPUs, opened, filtered and led into their rings."""

import contextlib
import errno
import mmap
import os
import resource
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.perfdata.abi import (
    SOFTWARE_DUMMY,
    TYPE_SOFTWARE,
    TYPE_TRACEPOINT,
    AttrFlag,
    ReadFormat,
)
from qemu_boot_time.formats.perfdata.writer import AttrRequest
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.host.perf_event import Request, control, open_event, set_filter
from qemu_boot_time.sources.perf_event.ring import Ring
from qemu_boot_time.sources.tracepoints import Tracepoint

EVERYONE = -1
MARK_PAGES = 32
QUIET_PAGES = 64
"""With the two control pages 392 KiB a CPU: below kernel.perf_event_mlock_kb, 516 by default."""
DESCRIPTORS_PER_CPU = 11
"""Eight tracepoints, the dummy, and one that :mod:`mmap` keeps of each of the two rings."""
_OTHER_DESCRIPTORS = 64

_SELF = 0
_ANY_CPU = -1
_AT_ONCE = 1
_STATE = struct.Struct("=QQQ")
_LOCKED_KB = (MARK_PAGES + QUIET_PAGES + 2) * mmap.PAGESIZE // 1024


def descriptors_needed() -> int:
    """Give how many files are open while we record, others of ours included."""
    return DESCRIPTORS_PER_CPU * len(online_cpus()) + _OTHER_DESCRIPTORS


class State(NamedTuple):
    """What reading an event's descriptor tells."""

    hits: int
    """Samples so far."""
    id: int
    lost: int
    """Records that found no room; 0 before Linux 6.0, which does not tell."""


def state_of(descriptor: int) -> State:
    """Read an event that was opened with :func:`attrs`."""
    return State._make(_STATE.unpack(os.read(descriptor, _STATE.size).ljust(_STATE.size, b"\0")))


def attrs(tracepoints: Sequence[Tracepoint], *, inherit: bool) -> tuple[bytes, ...]:
    """Give what the kernel is asked for: the tracepoints, and last the dummy.

    The dummy never fires; FORK, EXIT and COMM come in its name. A mark must wake us at once, since it
    may end the boot, and is rare because of the filters. All else must not (:attr:`Tracepoint.wakes`;
    on a busy host processes come and go by the thousand), and has a ring of its own, which wakes us
    when it is half full.
    """
    common = AttrFlag.DISABLED | (AttrFlag.INHERIT if inherit else AttrFlag(0))
    tasks = common | AttrFlag.TASK | AttrFlag.COMM | AttrFlag.COMM_EXEC
    late = QUIET_PAGES * mmap.PAGESIZE // 2
    wanted = [
        (TYPE_TRACEPOINT, each.id, common, _AT_ONCE if each.wakes else late) for each in tracepoints
    ]
    wanted.append((TYPE_SOFTWARE, SOFTWARE_DUMMY, tasks, late))
    told = _read_format()
    return tuple(AttrRequest(*each, time.CLOCK_MONOTONIC, told).packed() for each in wanted)


def _read_format() -> ReadFormat:
    """Ask for the count of losses where the kernel has it: since Linux 6.0 (PERF_FORMAT_LOST)."""
    best = ReadFormat.ID | ReadFormat.LOST
    request = AttrRequest(
        TYPE_SOFTWARE, SOFTWARE_DUMMY, AttrFlag.DISABLED, 0, time.CLOCK_MONOTONIC, best
    )
    try:
        os.close(open_event(request.packed(), pid=_SELF, cpu=_ANY_CPU))
    except OSError as error:
        if error.errno == errno.EINVAL:
            return ReadFormat.ID
        raise refused(error, descriptors_needed()) from error
    return best


@dataclass(frozen=True, slots=True)
class CpuEvents:
    """What is open on one CPU."""

    cpu: int
    descriptors: tuple[int, ...]
    """In the order of the attrs."""
    marks: Ring
    quiet: Ring
    wakers: tuple[int, int]
    """The descriptors that are readable when a ring has reached its watermark."""


def open_cpus(
    stack: contextlib.ExitStack, found: Sequence[Tracepoint], asked: Sequence[bytes], *, pid: int
) -> tuple[CpuEvents, ...]:
    """Open all events on every CPU that is online, disabled; ``stack`` closes them.

    Raises HostError where that is not possible.
    """
    needed = make_room(DESCRIPTORS_PER_CPU * len(online_cpus()))
    try:
        opened = tuple(_open_each(stack, found, asked, pid))
    except OSError as error:
        raise refused(error, needed) from error
    if not opened:
        raise HostError("no CPU is online, as /sys has it", hint="qbt doctor")
    return opened


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def make_room(more: int) -> int:
    """Raise the limit of open files as far as ``more`` take and as we may: large machines have many CPUs.

    Gives how many are open then, those that are now and some others included.
    """
    needed = _open_files() + more + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    return needed


def _open_each(
    stack: contextlib.ExitStack, found: Sequence[Tracepoint], asked: Sequence[bytes], pid: int
) -> Iterator[CpuEvents]:
    for cpu in sorted(online_cpus()):
        with contextlib.ExitStack() as undo:
            try:
                opened = _open(undo, found, asked, pid=pid, cpu=cpu)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
                continue  # it went offline
            stack.push(undo.pop_all())
        yield opened


def _open(
    stack: contextlib.ExitStack,
    found: Sequence[Tracepoint],
    asked: Sequence[bytes],
    *,
    pid: int,
    cpu: int,
) -> CpuEvents:
    descriptors: list[int] = []
    for attr in asked:
        descriptors.append(open_event(attr, pid=pid, cpu=cpu))
        stack.callback(os.close, descriptors[-1])
    *traced, dummy = descriptors
    waker = next(fd for fd, each in zip(traced, found, strict=True) if each.wakes)
    marks, quiet = _ring(stack, waker, MARK_PAGES), _ring(stack, dummy, QUIET_PAGES)
    for descriptor, each in zip(traced, found, strict=True):
        if each.condition:
            set_filter(descriptor, each.condition)
        if descriptor != waker:
            control(descriptor, Request.SET_OUTPUT, waker if each.wakes else dummy)
    return CpuEvents(cpu, tuple(descriptors), marks, quiet, (waker, dummy))


def _ring(stack: contextlib.ExitStack, descriptor: int, pages: int) -> Ring:
    try:
        ring = Ring(descriptor, pages=pages)
    except PermissionError as error:
        raise HostError(
            f"no {_LOCKED_KB} KiB of locked memory a CPU are left for the rings of this user",
            hint="end your other recorders; or sudo sysctl kernel.perf_event_mlock_kb=1024; "
            "or ulimit -l unlimited",
        ) from error
    stack.callback(ring.close)
    return ring


def refused(error: OSError, needed: int, *, instead: str = "--source debugcon") -> HostError:
    """Say why the kernel does not let us; ``needed`` is how many files must be open."""
    if error.errno == errno.EMFILE:
        return HostError(
            f"too many open files: perf_event takes {needed}",
            hint=f"ulimit -Hn {2 * needed}; or {instead}",
        )
    return HostError(f"perf_event_open: {error.strerror}", hint=f"qbt doctor; or {instead}")
