"""What a recording says about itself, read from its options."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qemu_boot_time.formats.cursor import Cursor, text_of
from qemu_boot_time.formats.tracedat.abi import Option

_NS_CLOCKS = frozenset(
    {"local", "global", "uptime", "perf", "mono", "mono_raw", "boot", "tai", "tsc2nsec"}
)
"""Clocks whose unit is the nanosecond: trace_clocks[] in kernel/trace/trace.c."""
_DEFAULT_CLOCK = "local"
_MOST_SHIFT = 64
_NUMBER = re.compile(r"[+-]?(?:(?P<hex>0[xX][0-9a-fA-F]{1,16})|\d{1,20})")
_LOSSES = re.compile(rb"^(?:commit )?(?:overrun|dropped events): (\d{1,18})$", re.MULTILINE)
"""In the kernel's ``per_cpu/cpuN/stats``."""


@dataclass(frozen=True, slots=True)
class TimeScale:
    """How the stamps of the ring buffer become times, as ``trace-cmd report`` does it."""

    mult: int = 0
    """0: they are not scaled."""
    shift: int = 0
    offset_ns: int = 0

    def time_ns(self, stamp: int) -> int:
        """Convert one stamp."""
        scaled = stamp * self.mult >> self.shift if self.mult else stamp
        return scaled + self.offset_ns


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest that was traced at the same time (``trace-cmd record -A``)."""

    name: str
    trace_id: int
    vcpus: tuple[int, ...]
    """The threads of the host that run its vCPUs, in their order."""


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of one recording."""

    version: int
    """Of the file format: 6 or 7."""
    clock: str = _DEFAULT_CLOCK
    """As in tracefs ``trace_clock``."""
    scale: TimeScale = field(default_factory=TimeScale)
    uname: str = ""
    """Operating system, node, kernel and machine that were traced."""
    trace_cmd_version: str = ""
    trace_id: int | None = None
    """Names this session of tracing: its guests' recordings have it as ``host_trace_id``."""
    cpus: int | None = None
    """Of the machine that was traced."""
    guests: tuple[Guest, ...] = ()
    host_trace_id: int | None = None
    """Set in a guest's recording; its times are the guest's own, not shifted to the host's."""
    lost: int = 0
    """Events that the kernel counted as lost on all CPUs, where trace-cmd asked it at the end."""

    @property
    def in_ns(self) -> bool:
        """Whether times are nanoseconds, rather than ticks of a counter."""
        return self.scale.mult != 0 or self.clock in _NS_CLOCKS


def read_header(version: int, options: Iterable[tuple[int, Cursor]]) -> Header:
    """Gather the facts; options that do not matter here are skipped.

    Raises CorruptFileError where an option is shorter than what it holds.
    """
    header = Header(version)
    for number, data in options:
        reader = _READERS.get(number)
        if reader is not None:
            header = replace(header, **reader(header, data))
    return header


def clock_name(text: str) -> str:
    """Give the clock in use of a tracefs ``trace_clock`` text, where it stands in brackets."""
    chosen = re.search(r"\[([^\]]*)\]", text)
    return (chosen[1] if chosen else text).strip() or _DEFAULT_CLOCK


def count_lost(stats: bytes) -> int:
    """Give how many events a CPU has lost, as the kernel's ``per_cpu/cpuN/stats`` counts them."""
    return sum(map(int, _LOSSES.findall(stats)))


_Facts = dict[str, Any]


def _text(data: Cursor) -> str:
    return text_of(data.data).strip()


def _scaled(header: Header, data: Cursor) -> _Facts:
    mult, shift = data.u32(), data.u32()
    if shift > _MOST_SHIFT:
        raise data.corrupt(f"a shift of {shift} bits")
    return {"scale": replace(header.scale, mult=mult, shift=shift)}


def _shifted(unit_ns: int) -> Callable[[Header, Cursor], _Facts]:
    def read(header: Header, data: Cursor) -> _Facts:
        number = _NUMBER.match(_text(data))
        if not number:
            raise data.corrupt(f"{_text(data)[:40]!r} is no offset")
        offset = int(number[0], 16 if number["hex"] else 10)
        offset_ns = header.scale.offset_ns + unit_ns * offset
        return {"scale": replace(header.scale, offset_ns=offset_ns)}

    return read


def _guest(header: Header, data: Cursor) -> _Facts:
    name, trace_id = data.c_string(), data.u64()
    vcpus = sorted((data.u32(), data.u32()) for _ in range(_count(data, 8)))
    guest = Guest(name, trace_id, tuple(tid for _, tid in vcpus))
    return {"guests": (*header.guests, guest)}


def _count(data: Cursor, each_bytes: int) -> int:
    count = data.u32()
    if count * each_bytes > data.remaining:
        raise data.corrupt(f"{count} parts in {data.remaining} bytes")
    return count


_READERS: Mapping[int, Callable[[Header, Cursor], _Facts]] = {
    Option.DATE: _shifted(1000),  # in microseconds
    Option.OFFSET: _shifted(1),
    Option.CPUSTAT: lambda header, data: {"lost": header.lost + count_lost(data.data)},
    Option.TRACECLOCK: lambda _, data: {"clock": clock_name(_text(data))},
    Option.UNAME: lambda _, data: {"uname": _text(data)},
    Option.VERSION: lambda _, data: {"trace_cmd_version": _text(data)},
    Option.CPUCOUNT: lambda _, data: {"cpus": data.u32()},
    Option.TRACEID: lambda _, data: {"trace_id": data.u64()},
    Option.TIME_SHIFT: lambda _, data: {"host_trace_id": data.u64()},
    Option.GUEST: _guest,
    Option.TSC2NSEC: _scaled,
}
