"""Who recorded what, where and with which clock: the feature sections of a recording."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qemu_boot_time.formats.cursor import Cursor, text_of
from qemu_boot_time.formats.perfdata.abi import Feature

_CLOCKS = {0: "realtime", 1: "monotonic", 4: "monotonic_raw", 7: "boottime", 11: "tai"}


@dataclass(frozen=True, slots=True)
class WallClock:
    """One moment on two clocks."""

    clock_ns: int
    """On the clock of the recording."""
    realtime_ns: int
    """Since 1970."""


@dataclass(frozen=True, slots=True)
class Header:
    """The facts that a recording states about itself; empty where it does not."""

    hostname: str = ""
    os_release: str = ""
    """Of the kernel: ``6.1.0-56-amd64``."""
    perf_version: str = ""
    command: tuple[str, ...] = ()
    clock: str = "perf"
    """``monotonic``, ``monotonic_raw``...; ``perf``: the kernel's own (sched_clock)."""
    wall_clock: WallClock | None = None
    """Written by perf 5.10 or later when it was given a clock (``-k``)."""


def clock_name(clock_id: int | None) -> str:
    """Name the clock of perf_event_attr; None is the one nobody asked for."""
    if clock_id is None:
        return Header().clock
    return _CLOCKS.get(clock_id, f"clock {clock_id}")


def read_event_names(cursor: Cursor) -> Iterator[str]:
    """Read the names of EVENT_DESC, in the order of the events."""
    count, attr_size = cursor.u32(), cursor.u32()
    for _ in range(count):
        cursor.take(attr_size)
        ids = cursor.u32()
        yield _string(cursor)
        cursor.take(8 * ids)


def _string(cursor: Cursor) -> str:
    return text_of(cursor.take(cursor.u32()))


def _command(cursor: Cursor) -> dict[str, Any]:
    return {"command": tuple(_string(cursor) for _ in range(cursor.u32()))}


def _clock_data(cursor: Cursor) -> dict[str, Any]:
    version, _clock_id = cursor.u32(), cursor.u32()
    realtime_ns, clock_ns = cursor.u64s(2)
    return {"wall_clock": WallClock(clock_ns, realtime_ns)} if version == 1 else {}


FACTS: Mapping[int, Callable[[Cursor], dict[str, Any]]] = {
    Feature.HOSTNAME: lambda cursor: {"hostname": _string(cursor)},
    Feature.OSRELEASE: lambda cursor: {"os_release": _string(cursor)},
    Feature.VERSION: lambda cursor: {"perf_version": _string(cursor)},
    Feature.CMDLINE: _command,
    Feature.CLOCK_DATA: _clock_data,
}
"""By feature: what reads the section and gives the fields of :class:`Header` that it states."""
