# SPDX-License-Identifier: GPL-2.0-or-later
"""The way that was there before, kept as the peer to compare with: one handler an event.

::

    perf record -a -e kvm:kvm_entry -e kvm:kvm_pio -e sched:sched_process_exec
    perf script -s old_way.py -i perf.data

Like every script that ``perf script -g python`` begins, it has an empty handler for all other
events, for which perf makes two dictionaries each. The argument ``bare`` leaves it out.
"""

# ruff: noqa: ARG001, PLR0917  # perf calls by place, and gives its dictionary to the last

import sys
from typing import Any

_VMM = "qemu-system-x86"
_PORTS = (0xF4, 0xF5)
_NS_PER_S = 1_000_000_000

_begun: dict[int, int] = {}
_entered: dict[int, int] = {}
_marks: dict[int, list[tuple[int, int, int]]] = {}


def sched__sched_process_exec(
    name: str,
    context: object,
    cpu: int,
    secs: int,
    nsecs: int,
    tid: int,
    comm: str,
    callchain: object,
    filename: str,
    pid: int,
    old_pid: int,
    sample: Any,
) -> None:
    """Begin a boot."""
    if comm == _VMM:
        _begun[pid] = sample["sample"]["time"]


def kvm__kvm_entry(*args: object) -> None:
    """Take the first entry of each process; its fields are others in each kernel."""
    secs, nsecs, pid, comm = args[3:7]
    if comm == _VMM:
        _entered.setdefault(int(str(pid)), int(str(secs)) * _NS_PER_S + int(str(nsecs)))


def kvm__kvm_pio(
    name: str,
    context: object,
    cpu: int,
    secs: int,
    nsecs: int,
    tid: int,
    comm: str,
    callchain: object,
    rw: int,
    port: int,
    size: int,
    count: int,
    val: int,
    sample: Any,
) -> None:
    """Take what is written to the protocol's ports."""
    if comm == _VMM and port in _PORTS:
        known = sample["sample"]
        _marks.setdefault(known["pid"], []).append((known["time"], port, val))


def trace_unhandled(name: str, context: object, fields: Any, sample: Any) -> None:
    """Pass over all else."""


def trace_end() -> None:
    """Print the marks of each process, in seconds since its exec."""
    for pid, marks in _marks.items():
        zero = _begun.get(pid, marks[0][0])
        for time_ns, port, value in marks:
            print(f"{pid} {(time_ns - zero) / _NS_PER_S:.9f} {port:#x} {value}")


if sys.argv[1:] == ["bare"]:
    del trace_unhandled
