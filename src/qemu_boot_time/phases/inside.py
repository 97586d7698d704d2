"""What a guest handed out of its boot becomes spans on the host's timeline."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from qemu_boot_time.formats import kmsg, properties
from qemu_boot_time.formats.handed_out import Section
from qemu_boot_time.model import Boot, Event, EventKind, Inside, Purpose, Span
from qemu_boot_time.phases.guest_clock import (
    GuestClock,
    GuestClocks,
    Readings,
    clocks_of,
    lost_ns,
    stamps_of,
)
from qemu_boot_time.phases.initcalls import Initcall, initcalls
from qemu_boot_time.phases.parts import Rules
from qemu_boot_time.phases.seen import SOURCES_BY_ACCURACY
from qemu_boot_time.phases.units import Manager, Times, manager_of, stages, units
from qemu_boot_time.protocol import CLOCK_AFTER, CLOCK_BEFORE, HANDED_OUT, LOG_AFTER, Names

END = "handed_out"
"""The mark that ends a boot of this kind."""
RULES = Rules(Names({HANDED_OUT: END}), END)
"""What such a boot is judged by, whatever the user's own rules are."""

_CLOCK_VALUES = frozenset({CLOCK_BEFORE, CLOCK_AFTER, LOG_AFTER})
_OUR_LINE = "qbt-inside: clock "
_UNPACKING = ("Trying to unpack rootfs image as initramfs", "Unpacking initramfs")
_UNPACKED = "Freeing initrd memory"
_KERNEL, _LOG = "kernel", "kmsg"
_INITRAMFS = "initramfs"


def is_clock_mark(event: Event) -> bool:
    """Whether an event ties clocks and is no trace point of the boot."""
    return event.kind is EventKind.PORT_WRITE and event.fields["value"] in _CLOCK_VALUES


@dataclass(frozen=True)
class _HandedOut:
    """What came out of one guest, in its sections."""

    sections: Sequence[Section]

    def lines(self, name: str) -> list[str]:
        """Give the lines of all sections of this name, since the guest's last reset."""
        alive = self.sections[self.reset_at :]
        return [line for section in alive if section.name == name for line in section.lines]

    def has(self, name: str) -> bool:
        return any(section.name == name for section in self.sections[self.reset_at :])

    @cached_property
    def readings(self) -> list[Readings]:
        """The guest's readings of its clock, the early ones and the late ones, resets or not."""
        found = (_readings(section) for section in self.sections)
        return [one for one in found if one is not None]

    @cached_property
    def reset_at(self) -> int:
        """The section where the guest's last life begins: its clock had gone back; 0: its only one."""
        begins, before_ns = 0, 0
        for at, section in enumerate(self.sections):
            one = _readings(section)
            if one is not None and one.taken_ns:
                begins = at if one.taken_ns[0] < before_ns else begins
                before_ns = one.taken_ns[-1]
        return begins

    @cached_property
    def log(self) -> list[kmsg.Record]:
        return list(kmsg.records(self.lines("kmsg")))

    @property
    def manager(self) -> Manager:
        return manager_of(next(properties.blocks(self.lines("manager")), {}))

    def clocks(self, events: Iterable[Event]) -> GuestClocks | None:
        marked = {
            int(reading): record.time_ns
            for record in self.log
            if record.text.startswith(_OUR_LINE)
            and _is_count(reading := record.text.removeprefix(_OUR_LINE))
        }
        return clocks_of(list(stamps_of(_best(events))), self.readings, marked)


def _readings(section: Section) -> Readings | None:
    numbers = [int(line) for line in section.lines if _is_count(line)]
    return Readings(numbers[0], numbers[1:]) if section.name == "clock" and numbers else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004  # digits of 2^64


def _best(events: Iterable[Event]) -> list[Event]:
    """Give the events of the most accurate source that saw our writes."""
    ours = [event for event in events if is_clock_mark(event)]
    sources = {event.source for event in ours}
    best = next((name for name in SOURCES_BY_ACCURACY if name in sources), "")
    return [event for event in ours if event.source == best]


def inside_of(
    purpose: Purpose, boot: Boot, events: Iterable[Event], sections: Sequence[Section]
) -> Inside:
    """Give what was handed out its place in the boot: times count from the exec of QEMU."""
    handed = _HandedOut(sections)
    clocks = handed.clocks(events)
    if clocks is None or boot.exec_ns is None:
        return Inside(purpose, boot, notes=(_nothing(handed),))
    place = _Place(clocks, boot.exec_ns)
    found = sorted(
        (*_shared(handed, place), *_VIEWS[purpose](handed, place)),
        key=lambda span: (span.begin_ns, -span.end_ns),
    )
    clock = clocks.log if purpose is Purpose.INITCALLS and clocks.log else clocks.monotonic
    alignment = replace(
        clock.alignment,
        first_ns=clock.first.host_ns - boot.exec_ns,
        lost_ns=lost_ns(handed.log),
    )
    notes = (*_untied(clocks), *_missing(purpose, handed))
    return Inside(purpose, boot, tuple(found), alignment, notes)


def _nothing(handed: _HandedOut) -> str:
    if not handed.sections:
        return (
            "nothing was handed out: our init was not run, or may not use ports 0xf4 to 0xf6 "
            "(a kernel that is locked down, or built without X86_IOPL_IOPERM)"
        )
    return "the clocks are not tied: no source saw the guest's writes to port 0xf4, or not all"


def _untied(clocks: GuestClocks) -> list[str]:
    if clocks.log is not None:
        return []
    return [
        "the clock of the kernel's log is not tied: it has none of our lines, so nothing of it is shown"
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a guest's times lie in the boot."""

    clocks: GuestClocks
    exec_ns: int

    def monotonic_ns(self, guest_ns: int) -> int:
        return self._since_exec(self.clocks.monotonic, guest_ns)

    def logged(self, name: str, begin_ns: int, end_ns: int, parent: str, source: str) -> list[Span]:
        """Place what the log tells; nothing, where its clock is not tied."""
        if self.clocks.log is None:
            return []
        begin_ns, end_ns = (self._since_exec(self.clocks.log, ns) for ns in (begin_ns, end_ns))
        return [Span(name, begin_ns, end_ns, parent, source)]

    @property
    def init_ns(self) -> int:
        """When our init ran."""
        return self.clocks.monotonic.first.host_ns - self.exec_ns

    def span(self, times: Times, parent: str, source: str) -> Span:
        ends = (self.monotonic_ns(times.begin_ns), self.monotonic_ns(times.end_ns))
        return Span(times.name, *ends, parent, source)

    def _since_exec(self, clock: GuestClock, guest_ns: int) -> int:
        return clock.host_ns(guest_ns) - self.exec_ns


def _shared(handed: _HandedOut, place: _Place) -> Iterator[Span]:
    """Give what both kinds of looking show: the initramfs, unpacked and run."""
    begins = [r.time_ns for r in handed.log if r.text.startswith(_UNPACKING)]
    ends = [r.time_ns for r in handed.log if r.text.startswith(_UNPACKED)]
    if begins and ends:
        yield from place.logged("unpack initramfs", begins[0], ends[0], _KERNEL, _LOG)
    if handed.manager.userspace_ns:
        end_ns = place.monotonic_ns(handed.manager.userspace_ns)
        yield Span(_INITRAMFS, place.init_ns, end_ns, source="qbt-inside")


def _initcall_spans(handed: _HandedOut, place: _Place) -> Iterator[Span]:
    for call in initcalls(handed.log):
        if call.end_ns is not None:
            parent = call.module or _KERNEL
            yield from place.logged(call.name, call.begin_ns, call.end_ns, parent, "initcall_debug")


def _unit_spans(handed: _HandedOut, place: _Place) -> Iterator[Span]:
    for stage in stages(handed.manager):
        yield place.span(stage, "", "systemd")
    for unit in units(properties.blocks(handed.lines("units"))):
        yield place.span(unit, "userspace", "systemd")


_VIEWS: Mapping[Purpose, Callable[[_HandedOut, _Place], Iterator[Span]]] = {
    Purpose.INITCALLS: _initcall_spans,
    Purpose.UNITS: _unit_spans,
}


def _missing(purpose: Purpose, handed: _HandedOut) -> Iterator[str]:
    """Say what could not be seen."""
    if handed.reset_at:
        yield "the guest was reset; what was before is left out"
    if not handed.has("end"):
        yield "the guest left, or its time was up, before it had handed out all"
    if purpose is Purpose.INITCALLS:
        yield from _missing_initcalls(list(initcalls(handed.log)))
    elif not handed.manager.userspace_ns:
        yield (
            "no units: systemd did not get as far as multi-user.target, or is not there; a /run that "
            "the initrd does not hand on is not seen"
        )


def _missing_initcalls(calls: Sequence[Initcall]) -> Iterator[str]:
    if not calls:
        yield "no initcalls in the kernel's log: it was built without, or has overwritten them"
    hanging = [call.name for call in calls if call.end_ns is None]
    if hanging:
        yield f"not returned from: {', '.join(hanging)}"
