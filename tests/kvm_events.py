"""KVM's events of a VM as columns, written as lines, and what becomes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from qemu_boot_time.formats.mtree import MemoryMap, Region
from qemu_boot_time.formats.perfdata.columns import Columns
from qemu_boot_time.sources.exits.maps import Lookup, TimedMap
from qemu_boot_time.sources.exits.pairing import Exits, exits_of
from qemu_boot_time.sources.exits.stream import FIELDS, KINDS, stream_of

PID, TID = 41, 42
FILE = "boot-0001.exits.data"
Line = tuple[int, str, dict[str, int]]
"""When, which event of kvm, its fields."""


def pio(time_ns: int, port: int, *, write: bool = True, count: int = 1, value: int = 0) -> Line:
    """Access a port."""
    return time_ns, "kvm_pio", {"rw": int(write), "port": port, "count": count, "val": value}


def mmio(time_ns: int, gpa: int, kind: int) -> Line:
    """Access an address: 0 an announced read, 1 a read, 2 a write."""
    return time_ns, "kvm_mmio", {"type": kind, "gpa": gpa}


def msr(time_ns: int, number: int) -> Line:
    """Read a register."""
    return time_ns, "kvm_msr", {"write": 0, "ecx": number}


def to_qemu(time_ns: int, reason: int, errno: int = 0) -> Line:
    """Leave KVM for QEMU."""
    return time_ns, "kvm_userspace_exit", {"reason": reason, "errno": errno}


def back(time_ns: int) -> Line:
    """Come back from QEMU."""
    return time_ns, "kvm_fpu", {"load": 1}


def left(time_ns: int, reason: int, isa: int = 2) -> Line:
    """Leave the guest, where kvm_exit tells."""
    return time_ns, "kvm_exit", {"exit_reason": reason, "isa": isa}


def entered(time_ns: int) -> Line:
    """Enter the guest."""
    return time_ns, "kvm_entry", {}


def columns(*lines: Line, pid: int = PID, tid: int = TID) -> dict[str, Columns]:
    """Make columns of all events that a recording has, of one thread."""
    found: dict[str, Columns] = {}
    for event, names in FIELDS.items():
        own = [line for line in lines if f"kvm:{line[1]}" == event]
        fields = {
            name: np.array([line[2].get(name, 0) for line in own], np.int64) for name in names
        }
        times = np.array([line[0] for line in own], np.int64)
        ids = [np.full(len(own), number) for number in (pid, tid)]
        found[event] = Columns(times, ids[0], ids[1], fields, 100 + 8 * np.arange(len(own)))
    return found


def joined(*parts: Mapping[str, Columns]) -> dict[str, Columns]:
    """Join what several threads did."""
    return {
        event: Columns(
            np.concatenate([part[event].time_ns for part in parts]),
            np.concatenate([part[event].pid for part in parts]),
            np.concatenate([part[event].tid for part in parts]),
            {n: np.concatenate([part[event].fields[n] for part in parts]) for n in FIELDS[event]},
            np.concatenate([part[event].at for part in parts]),
        )
        for event in FIELDS
    }


def exits(*lines: Line, lookup: Lookup | None = None) -> Exits:
    """Make exits of one thread's events."""
    return exits_by(columns(*lines), lookup=lookup)


def exits_by(*threads: Mapping[str, Columns], lookup: Lookup | None = None) -> Exits:
    """Make exits of several threads' events."""
    return exits_of(stream_of(joined(*threads), PID, FILE), (lookup or Lookup(())).served_by_kvm)


def told(found: Exits) -> list[tuple[Any, ...]]:
    """Give each exit: when, kind, address, accesses, reason, time outside."""
    numbers = (
        found.time_ns,
        found.kind,
        found.address,
        found.accesses,
        found.reason,
        found.outside_ns,
    )
    return [
        (time_ns, str(KINDS[kind]), address, accesses, found.reasons[reason], outside_ns)
        for time_ns, kind, address, accesses, reason, outside_ns in zip(
            *(column.tolist() for column in numbers), strict=True
        )
    ]


def ports(*regions: tuple[int, int, str], at_ns: int = 0, took_ns: int = 0) -> TimedMap:
    """Make a map of ports."""
    found = tuple(Region(begin, end, name, "i/o") for begin, end, name in regions)
    return TimedMap(at_ns, at_ns + took_ns, MemoryMap(ports=found))
