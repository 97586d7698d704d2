"""Events and marks of boots, said as shortly as a boot allows."""

from collections.abc import Iterable, Iterator

from qemu_boot_time.model import Boot, Event, EventKind, Mark
from qemu_boot_time.phases import TOTAL

NAMES = {
    1: "fw_start",
    2: "linux_start_fwcfg",
    3: "linux_start_boot",
    4: "linux_start_pvhboot",
    5: "fw_do_boot",
    6: "linux_start_kernel",
    7: "linux_start_user",
}
"""The protocol once more, by hand."""


def executed(time_ns: int, *, vm: int = 1, source: str = "perf") -> Event:
    """See QEMU's exec."""
    return Event(time_ns, source, EventKind.EXEC, vm, {"filename": "/usr/bin/qemu-system-x86_64"})


def entered(time_ns: int, *, vm: int = 1, source: str = "perf") -> Event:
    """See a first guest entry."""
    return Event(time_ns, source, EventKind.ENTRY, vm, {"event": "kvm:kvm_entry"})


def wrote(
    time_ns: int, value: int, *, vm: int = 1, source: str = "perf", error_ns: int = 0
) -> Event:
    """See a write of ``value`` to the port that it belongs to."""
    port = 0xF5 if value in {1, 5} else 0xF4
    fields: dict[str, int | str] = {"port": port, "value": value, "error_ns": error_ns}
    return Event(time_ns, source, EventKind.PORT_WRITE, vm, fields)


def passed(
    time_ns: int, name: str, *, source: str = "perf", bound: str = "exact", **fields: int
) -> Event:
    """See a place that nobody writes."""
    return Event(
        time_ns,
        source,
        EventKind.PASSED,
        1,
        {"name": name, "event": "it", "bound": bound, **fields},
    )


def started(time_ns: int, place: str, *, vm: int = 1) -> Event:
    """See a place of QEMU's own start."""
    return Event(time_ns, "perf", EventKind.STARTED, vm, {"place": place})


def seen(kind: EventKind, time_ns: int, *, vm: int = 1) -> Event:
    """See anything that has no fields of interest."""
    return Event(time_ns, "perf", kind, vm)


def booted(
    begin_ns: int = 1000, values: Iterable[int] = (1, 5, 3, 6, 7), *, vm: int = 1
) -> Iterator[Event]:
    """See a boot: an exec, an entry 10 ns later, then a write every 10 ns."""
    yield executed(begin_ns, vm=vm)
    yield entered(begin_ns + 10, vm=vm)
    for i, value in enumerate(values, 2):
        yield wrote(begin_ns + 10 * i, value, vm=vm)


def marks(**times_ns: int) -> tuple[Mark, ...]:
    """Make marks by name and time."""
    return tuple(Mark(name, time_ns, "table") for name, time_ns in times_ns.items())


def times(boot: Boot) -> list[tuple[str, int]]:
    """Give the names and times of a boot's marks."""
    return [(mark.name, mark.time_ns) for mark in boot.marks]


def lengths(boot: Boot) -> dict[str, int]:
    """Give a boot's phases as name to length."""
    return {phase.name: phase.duration_ns for phase in boot.phases}


def names(boot: Boot) -> list[str]:
    """Give the names of a boot's marks."""
    return [mark.name for mark in boot.marks]


def parts(boot: Boot) -> dict[str, int]:
    """Give the phases that part the total."""
    return {name: length for name, length in lengths(boot).items() if name != TOTAL}
