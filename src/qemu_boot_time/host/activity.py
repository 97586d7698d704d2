"""What this machine is busy with, watched for a moment; and whether its clock is kept."""

import contextlib
import ctypes
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qemu_boot_time.host.files import ROOT, as_int, number, text
from qemu_boot_time.process.libc import LIBC

_STEAL = 7
"""Column of /proc/stat's ``cpu`` line (proc_stat(5)); guest time, after it, counts as user time."""
_CPU_COLUMNS = 8
_UTIME_AND_STIME = slice(11, 13)
"""Of /proc/PID/stat, counted after the closing parenthesis of the name."""
_ENDED = {"Z", "X"}
"""States of a process whose parent has not asked for its end yet, and of one that is gone."""
_TIMEX_BYTES = 256
"""More than the 208 of struct timex on 64 bits."""
_TIMEX_STATUS_OFFSET = 40
_STA_UNSYNC = 0x40


@dataclass(frozen=True, slots=True)
class Process:
    """One process, and the CPU time it had so far."""

    name: str
    ticks: int


def names(root: Path = ROOT) -> Iterator[tuple[int, bytes]]:
    """Give all processes that there are, and what the kernel calls them: at most 15 bytes each."""
    for file in (root / "proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield int(file.parent.name), file.read_bytes().removesuffix(b"\n")


def is_running(pid: int, root: Path = ROOT) -> bool:
    """Say whether a process, or a thread, is there and has not ended yet (proc_pid_stat(5))."""
    state = (text(root / f"proc/{pid}/stat") or "").rpartition(")")[2].split()[:1]
    return bool(state) and state[0] not in _ENDED


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The kernel's counters at one moment; ticks are USER_HZ."""

    time_ns: int
    """CLOCK_MONOTONIC."""
    all_ticks: int
    steal_ticks: int
    throttles: int
    """Thermal throttling since the host booted, all CPUs together."""
    processes: Mapping[int, Process] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Busy:
    """A process that used the CPU while we watched."""

    pid: int
    name: str
    cpus: float
    """1.0: one CPU all the time."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened between two snapshots."""

    steal: float
    """The part of the time that the hypervisor below kept for others, 0 to 1."""
    busy: tuple[Busy, ...]
    """The busiest first; ourselves left out."""
    processes: tuple[Busy, ...]
    """All processes, with what they used."""
    throttles: int
    """Since the host booted."""
    throttles_now: int
    """While we watched."""


def snapshot(root: Path = ROOT) -> Snapshot:
    """Read the counters."""
    line = (text(root / "proc/stat") or "").partition("\n")[0].split()[1:]
    ticks = [as_int(word) or 0 for word in line[:_CPU_COLUMNS]]
    counts = (root / "sys/devices/system/cpu").glob("cpu*/thermal_throttle/*_throttle_count")
    return Snapshot(
        time_ns=time.monotonic_ns(),
        all_ticks=sum(ticks),
        steal_ticks=ticks[_STEAL] if len(ticks) > _STEAL else 0,
        throttles=sum(number(file) or 0 for file in counts),
        processes=_processes(root),
    )


def _processes(root: Path) -> dict[int, Process]:
    found: dict[int, Process] = {}
    for file in (root / "proc").glob("[0-9]*/stat"):
        name, _, rest = (text(file) or "").partition("(")[2].rpartition(")")
        ticks = [as_int(word) or 0 for word in rest.split()[_UTIME_AND_STIME]]
        found[int(file.parent.name)] = Process(name, sum(ticks))
    return found


def between(before: Snapshot, after: Snapshot, *, busy_from: float = 0.1) -> Activity:
    """Tell what happened; ``busy_from``: the part of a CPU from which a process counts as busy."""
    elapsed_ticks = max(1.0, (after.time_ns - before.time_ns) * os.sysconf("SC_CLK_TCK") / 1e9)
    used = [
        Busy(pid, now.name, (now.ticks - before.processes[pid].ticks) / elapsed_ticks)
        for pid, now in after.processes.items()
        if pid in before.processes and pid != os.getpid()
    ]
    used.sort(key=lambda process: process.cpus, reverse=True)
    return Activity(
        steal=(after.steal_ticks - before.steal_ticks) / max(1, after.all_ticks - before.all_ticks),
        busy=tuple(process for process in used if process.cpus >= busy_from),
        processes=tuple(used),
        throttles=after.throttles,
        throttles_now=after.throttles - before.throttles,
    )


def watch(
    root: Path = ROOT, *, for_s: float = 0.5, wait: Callable[[float], None] = time.sleep
) -> Activity:
    """Watch the machine for ``for_s`` seconds."""
    before = snapshot(root)
    wait(for_s)
    return between(before, snapshot(root))


def clock_kept() -> bool | None:
    """Tell whether somebody keeps the clock right (adjtimex(2)); None where it cannot be asked."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    with contextlib.suppress(AttributeError):
        if LIBC.adjtimex(timex) >= 0:
            status: int = struct.unpack_from("=i", timex, _TIMEX_STATUS_OFFSET)[0]
            return not status & _STA_UNSYNC
    return None
