"""What a recording consists of, typed; named tuples where there may be millions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from qemu_boot_time.formats.tracing import Value


class Sample(NamedTuple):
    """One event of the kind that was asked for."""

    time_ns: int
    """On the clock of the recording (``Header.clock``)."""
    pid: int
    """The process; -1: it had ended already."""
    tid: int
    """The thread: of a KVM event the vCPU."""
    cpu: int
    event: str
    """``kvm:kvm_pio``."""
    fields: Mapping[str, Value]
    """The event's own, without ``common_*``; empty where its format is not known."""


class Comm(NamedTuple):
    """A thread got a name."""

    time_ns: int
    """0: perf wrote it down for a thread that existed before the recording."""
    pid: int
    tid: int
    comm: str
    is_exec: bool
    """Whether through execve."""


class Fork(NamedTuple):
    """A process or a thread began."""

    time_ns: int
    """0: it existed before the recording."""
    pid: int
    ppid: int
    tid: int
    ptid: int


class Exit(NamedTuple):
    """A thread ended."""

    time_ns: int
    pid: int
    ppid: int
    tid: int
    ptid: int


class LossKind(StrEnum):
    """Who counted a loss. The two count the same losses: never add them up."""

    RING = "ring"
    """The kernel, where the ring of one CPU overflowed: ``time_ns`` is when it had room again."""
    TOTAL = "total"
    """The kernel's total for one event, that perf (since 6.1) writes at the end: time and CPU are
    not known. It also counts what was lost last, when the ring never had room again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that happened and are not in the recording."""

    time_ns: int
    cpu: int
    """-1: not known."""
    count: int
    event: str
    """RING: an event of that ring, others may be lost too; empty: not known."""
    kind: LossKind


@dataclass(frozen=True, slots=True)
class Throttle:
    """The kernel stopped an event that came too often (``stopped``), or let it go on."""

    time_ns: int
    cpu: int
    event: str
    stopped: bool


Record = Sample | Comm | Fork | Exit | Lost | Throttle
