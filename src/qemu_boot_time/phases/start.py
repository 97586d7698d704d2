"""QEMU's own start becomes the parts of a boot's first phase. Standard library only."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from qemu_boot_time.model import EXEC, Event, EventKind, Phase
from qemu_boot_time.protocol import (
    DEVICES_MADE,
    KERNEL_OPENED,
    KERNEL_READ,
    QEMU_GREETING,
    QEMU_INIT_END,
    QEMU_MAIN,
    QEMU_MONITOR,
    START_PLACES,
)

PART_NAMES = {
    (EXEC, QEMU_MAIN): "qemu_libraries",
    (QEMU_MAIN, QEMU_MONITOR): "qemu_options",
    (QEMU_MONITOR, QEMU_GREETING): "qemu_backends",
    (QEMU_GREETING, KERNEL_OPENED): "qemu_board",
    (KERNEL_OPENED, KERNEL_READ): "qemu_kernel",
    (KERNEL_READ, DEVICES_MADE): "qemu_devices",
    (DEVICES_MADE, QEMU_INIT_END): "qemu_reset",
}
"""What lies between two places that are next to each other."""

_RANK = {place.name: rank for rank, place in enumerate(START_PLACES, 1)}


def parts_of(phases: Sequence[Phase], events: Iterable[Event], exec_ns: int) -> tuple[Phase, ...]:
    """Part the first phase of a boot, where it begins at the exec of QEMU, by what was seen of its start.

    Where a place was not seen, or not in order, the parts on both sides are one, named by its ends;
    without any there are none. ``events`` are of the boot, with absolute times.
    """
    first = next(iter(phases), None)
    if first is None or first.begin != EXEC:
        return ()
    places = _in_order(_places(events, exec_ns, first.end_ns))
    if not places:
        return ()
    chain = [(EXEC, 0), *places, (first.end, first.end_ns)]
    return tuple(_part(begin, end) for begin, end in pairwise(chain))


def rank_of(place: str) -> int:
    """Give where a place stands in QEMU's start; what is none of its places ends it."""
    return 0 if place == EXEC else _RANK.get(place, len(_RANK) + 1)


def _places(events: Iterable[Event], exec_ns: int, end_ns: int) -> dict[str, int]:
    """Give when each place was first seen within the phase, in ns since the exec.

    Of the kernel's files the last touch counts as well as the first: they are read in between.
    """
    found: dict[str, int] = {}
    for event in sorted(events, key=lambda event: event.time_ns):
        time_ns = event.time_ns - exec_ns
        if event.kind is not EventKind.STARTED or not 0 < time_ns < end_ns:
            continue
        place = str(event.fields["place"])
        if place != KERNEL_OPENED:
            found.setdefault(place, time_ns)
        # Before QEMU has a monitor only a wrapper can have looked at the kernel.
        elif QEMU_MONITOR in found:
            found[KERNEL_READ if KERNEL_OPENED in found else KERNEL_OPENED] = time_ns
    return found


def _in_order(found: dict[str, int]) -> list[tuple[str, int]]:
    """Give the places by rank; one whose stamp is later than that of a later place is left out."""
    ordered = sorted(found, key=rank_of)
    return [
        (place, found[place])
        for i, place in enumerate(ordered)
        if all(found[place] <= found[later] for later in ordered[i + 1 :])
    ]


def _part(begin: tuple[str, int], end: tuple[str, int]) -> Phase:
    name = PART_NAMES.get((begin[0], end[0]), f"{begin[0]}..{end[0]}")
    return Phase(name, begin[0], end[0], begin[1], end[1])


def placed(time_ns: int, source: str, place: str) -> Event:
    """Make the event of a place that was seen by whoever started the boot; ``time_ns`` is absolute."""
    return Event(time_ns, source, EventKind.STARTED, -1, {"place": place})


def events_of(
    monitor_ns: int | None, greeting_ns: int | None, kernel_ns: Iterable[int]
) -> Iterator[Event]:
    """Give what whoever started the boot saw of it: absolute times, none of them too early."""
    if monitor_ns is not None:
        yield placed(monitor_ns, "qmp", QEMU_MONITOR)
    if greeting_ns is not None:
        yield placed(greeting_ns, "qmp", QEMU_GREETING)
    for time_ns in kernel_ns:
        yield placed(time_ns, "inotify", KERNEL_OPENED)
