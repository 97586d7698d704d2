"""What a guest handed out of its boot becomes spans on the host's timeline."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from qemu_boot_time.formats import properties
from qemu_boot_time.formats.handed_out import Section
from qemu_boot_time.model import Alignment, Boot, Event, EventKind, Inside, Purpose, Span
from qemu_boot_time.phases.guest_clock import (
    GuestClocks,
    TiedClock,
    TscClock,
    clocks_of,
    lost_ns,
    stamps_of,
    tsc_per_ms,
)
from qemu_boot_time.phases.initcalls import Initcall
from qemu_boot_time.phases.parts import Rules
from qemu_boot_time.phases.seen import SOURCES_BY_ACCURACY
from qemu_boot_time.phases.told import Told
from qemu_boot_time.phases.units import Times, stages, units
from qemu_boot_time.protocol import CLOCK_AFTER, CLOCK_BEFORE, HANDED_OUT, LOG_AFTER, Names

END = "handed_out"
"""The mark that ends a boot of this kind."""
RULES = Rules(Names({HANDED_OUT: END}), END)
"""What such a boot is judged by, whatever the user's own rules are."""

_CLOCK_VALUES = frozenset({CLOCK_BEFORE, CLOCK_AFTER, LOG_AFTER})
_UNPACKING = ("Trying to unpack rootfs image as initramfs", "Unpacking initramfs")
_UNPACKED = "Freeing initrd memory"
_KERNEL = "kernel"
_NOT_TIED = {
    True: "their clock, the TSC, is tied but once, and the guest's kernel does not know its rate",
    False: "the clock of the kernel's log is not tied, for it has none of our lines",
}
"""Whether a trace tells of the initcalls, and why its clock or the log's is of no use."""


def is_clock_mark(event: Event) -> bool:
    """Whether an event ties clocks and is no trace point of the boot."""
    return event.kind is EventKind.PORT_WRITE and event.fields["value"] in _CLOCK_VALUES


def inside_of(
    purpose: Purpose, boot: Boot, events: Iterable[Event], sections: Sequence[Section]
) -> Inside:
    """Give what was handed out its place in the boot: times count from the exec of QEMU."""
    told = Told(sections)
    stamps = list(stamps_of(_most_accurate(events)))
    clocks = clocks_of(stamps, told.readings, told.logged, tsc_per_ms(told.log))
    if clocks is None or boot.exec_ns is None:
        return Inside(purpose, boot, notes=(_nothing(told, boot.message),))
    placed = _Placed(told, clocks, boot.exec_ns)
    found = sorted(
        (*placed.initramfs(), *_VIEWS[purpose](placed)),
        key=lambda span: (span.begin_ns, -span.end_ns),
    )
    notes = tuple(_missing(purpose, placed))
    return Inside(purpose, boot, tuple(found), placed.alignment(purpose), notes)


def _most_accurate(events: Iterable[Event]) -> list[Event]:
    """Give the events of the most accurate source that saw our writes."""
    ours = [event for event in events if is_clock_mark(event)]
    sources = {event.source for event in ours}
    best = next((name for name in SOURCES_BY_ACCURACY if name in sources), "")
    return [event for event in ours if event.source == best]


def _nothing(told: Told, message: str) -> str:
    if message:
        return f"nothing is known: {message}"
    if not told.sections:
        return (
            "nothing was handed out: our init was not run, or may not use ports 0xf4 to 0xf6 "
            "(a kernel that is locked down, or built without X86_IOPL_IOPERM)"
        )
    return "the clocks are not tied: no source saw the guest's writes to port 0xf4, or not all"


@dataclass(frozen=True, slots=True)
class _Placed:
    """What a guest told, and where its times lie in the boot."""

    told: Told
    clocks: GuestClocks
    exec_ns: int

    @property
    def calls_clock(self) -> TiedClock | None:
        """The clock that the initcalls lie on; None: it is not tied."""
        return self.clocks.tsc if self.told.calls.by_tsc else self.clocks.log

    def alignment(self, purpose: Purpose) -> Alignment:
        """Say how well the clock is known that what is looked at lies on."""
        looked_at = self.calls_clock if purpose is Purpose.INITCALLS else None
        clock = looked_at or self.clocks.monotonic
        return replace(
            clock.alignment,
            first_ns=clock.first.host_ns - self.exec_ns,
            lost_ns=0 if isinstance(clock, TscClock) else lost_ns(self.told.log),
        )

    def initramfs(self) -> Iterator[Span]:
        """Give what both kinds of looking show: how long the initramfs ran."""
        if self.told.manager.userspace_ns:
            clock = self.clocks.monotonic
            ran = Times("initramfs", clock.first.guest_ns, self.told.manager.userspace_ns)
            yield self._span(clock, ran, "", "qbt-inside")

    def initcalls(self) -> Iterator[Span]:
        """Give the initcalls that have returned, where their clock is tied."""
        source = "trace_event" if self.told.calls.by_tsc else "initcall_debug"
        clock = self.calls_clock
        for call in self.told.calls.found:
            if clock is not None and call.end is not None:
                times = Times(call.name, call.begin, call.end)
                yield self._span(clock, times, call.module or _KERNEL, source)

    def units(self) -> Iterator[Span]:
        """Give systemd's stages and units, and when the kernel unpacked the initramfs."""
        clock = self.clocks.monotonic
        yield from self._unpacking()
        for stage in stages(self.told.manager):
            yield self._span(clock, stage, "", "systemd")
        for unit in units(properties.blocks(self.told.lines("units"))):
            yield self._span(clock, unit, "userspace", "systemd")

    def _unpacking(self) -> Iterator[Span]:
        log = self.told.log
        begins = [record.time_ns for record in log if record.text.startswith(_UNPACKING)]
        ends = [record.time_ns for record in log if record.text.startswith(_UNPACKED)]
        if self.clocks.log is not None and begins and ends:
            unpacked = Times("unpack initramfs", begins[0], ends[0])
            yield self._span(self.clocks.log, unpacked, _KERNEL, "kmsg")

    def _span(self, clock: TiedClock, times: Times, parent: str, source: str) -> Span:
        begin_ns, end_ns = (
            clock.host_ns(guest) - self.exec_ns for guest in (times.begin, times.end)
        )
        return Span(times.name, begin_ns, end_ns, parent, source)


_VIEWS: Mapping[Purpose, Callable[[_Placed], Iterator[Span]]] = {
    Purpose.INITCALLS: _Placed.initcalls,
    Purpose.UNITS: _Placed.units,
}


def _missing(purpose: Purpose, placed: _Placed) -> Iterator[str]:
    """Say what could not be seen."""
    if placed.told.reset_at:
        yield "the guest was reset; what was before is left out"
    if not placed.told.all:
        yield "the guest left, or its time was up, before it had handed out all"
    if purpose is Purpose.INITCALLS:
        yield from _missing_initcalls(placed, placed.told.calls.found)
    elif not placed.told.manager.userspace_ns:
        yield (
            "no units: systemd is not there, or was not done with its boot; a /run that the initrd does "
            "not hand on is not seen"
        )


def _missing_initcalls(placed: _Placed, calls: Sequence[Initcall]) -> Iterator[str]:
    if not calls:
        yield "no initcalls: this kernel was built to tell of none, or its log has lost them"
    elif placed.calls_clock is None:
        yield f"no initcalls: {_NOT_TIED[placed.told.calls.by_tsc]}"
    hanging = [call.name for call in calls if call.end is None]
    if hanging:
        yield f"not returned from: {', '.join(hanging)}"
