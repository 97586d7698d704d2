"""What a recording consists of, typed; named tuples where there may be millions."""

from collections.abc import Mapping
from typing import NamedTuple

from qemu_boot_time.formats.tracing import Value


class TraceEvent(NamedTuple):
    """One event of the kind that was asked for."""

    time_ns: int
    """As ``trace-cmd report -t`` gives it: on the clock of the recording (``Header.clock``), or in
    its ticks where that clock has no nanoseconds (``Header.in_ns``)."""
    tid: int
    """The thread, whatever the kernel calls it (``common_pid``); 0: idle. Nothing tells the process."""
    cpu: int
    comm: str
    """The last name that ftrace remembered for this thread id; empty: it remembered none."""
    event: str
    """``kvm:kvm_pio``."""
    fields: Mapping[str, Value]
    """The event's own, without ``common_*``."""
    buffer: str
    """The instance (``trace-cmd record -B``); empty: the top one."""


class Lost(NamedTuple):
    """Events that happened and are not in the recording."""

    time_ns: int
    """When the buffer had room again: the time of the page that says so."""
    cpu: int
    events: int | None
    """None: the page does not tell their number."""
    buffer: str


Record = TraceEvent | Lost
