"""A guest's clocks on the host's: moments that were stamped on both sides, and what lies between.

The guest writes a port, reads its clock, writes the port again: its reading lies between two
stamps of the host's. It does so several times, early and late, and the tightest of each counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from qemu_boot_time.formats.kmsg import Record
from qemu_boot_time.model import Alignment, Event, EventKind
from qemu_boot_time.protocol import CLOCK_AFTER, CLOCK_BEFORE, LINUX_PORT, LOG_AFTER

_LOG_ROUNDING_NS = 1000
"""The log's stamps are cut to the microsecond."""
_MS = 1_000_000
_LONGEST_TICK_NS = 10_000_000
"""A log clock whose TSC is not trusted may stand still for a tick (kernel/sched/clock.c); HZ=100."""


_STABLE = re.compile(
    r"sched_clock: Marking stable \(-?\d+, -?\d+\)->\(-?\d+, (-?\d{1,18})\)", re.ASCII
)

_TSC_RATE = re.compile(
    r"tsc: (?:Detected|Refined TSC clocksource calibration:) (\d{1,6})\.(\d{3}) MHz(?: processor| TSC)?",
    re.ASCII,
)
"""arch/x86/kernel/tsc.c: at first, and a second later."""


class Readings(NamedTuple):
    """What the guest read of its CLOCK_MONOTONIC, in one go."""

    finest_ns: int
    """How fine it is (clock_getres(2)): a tick, where the guest has no better clock."""
    taken_ns: Sequence[int]
    cycles: Sequence[int] = ()
    """Of the TSC, just before each."""


class Stamps(NamedTuple):
    """What the host saw of one try; absolute."""

    before_ns: int
    after_ns: int
    """The guest has read its clock."""
    logged_ns: int
    """The guest has written to its kernel's log."""
    error_ns: int
    """Of each of them, by the word of the source."""


class Tie(NamedTuple):
    """One moment on both clocks."""

    guest_ns: int
    host_ns: int
    error_ns: int


class TiedClock(Protocol):
    """A clock of the guest's on the host's."""

    @property
    def first(self) -> Tie:
        """The first moment at which it is tied."""
        ...

    @property
    def alignment(self) -> Alignment:
        """How well it is known."""
        ...

    def host_ns(self, guest: int, /) -> int:
        """Place a reading of it on the host's clock."""
        ...


@dataclass(frozen=True, slots=True)
class GuestClock:
    """A clock of the guest's, tied to the host's at one moment or at two."""

    first: Tie
    last: Tie

    def host_ns(self, guest_ns: int) -> int:
        """Place a time of the guest's on the host's clock.

        The drift is shared out evenly between the ties; outside of them both clocks run alike.
        """
        since_first_ns = guest_ns - self.first.guest_ns
        apart_ns = self.last.guest_ns - self.first.guest_ns
        shared = min(max(since_first_ns, 0), apart_ns)
        drift_ns = self.alignment.drift_ns * shared // apart_ns if apart_ns else 0
        return self.first.host_ns + since_first_ns + drift_ns

    @property
    def alignment(self) -> Alignment:
        """How well it is known."""
        apart_ns = self.last.host_ns - self.first.host_ns
        return Alignment(
            error_ns=max(self.first.error_ns, self.last.error_ns),
            apart_ns=apart_ns,
            drift_ns=apart_ns - (self.last.guest_ns - self.first.guest_ns),
        )


@dataclass(frozen=True, slots=True)
class TscClock:
    """The guest's TSC, tied as the others; ``guest_ns`` of its ties are cycles."""

    first: Tie
    last: Tie
    per_ms: int
    """Cycles in a millisecond by the guest's own calibration, for want of a second tie; 0: unknown."""

    @property
    def rate(self) -> tuple[int, int]:
        """So many nanoseconds are so many cycles: measured by the host between two ties."""
        cycles = self.last.guest_ns - self.first.guest_ns
        return (self.last.host_ns - self.first.host_ns, cycles) if cycles else (_MS, self.per_ms)

    def host_ns(self, cycles: int) -> int:
        """Place a reading on the host's clock."""
        time_ns, per = self.rate
        return self.first.host_ns + (cycles - self.first.guest_ns) * time_ns // per

    @property
    def alignment(self) -> Alignment:
        """How well it is known: it does not drift, and it counts from the guest's first instruction."""
        error_ns = max(self.first.error_ns, self.last.error_ns)
        return Alignment(error_ns, self.last.host_ns - self.first.host_ns)


@dataclass(frozen=True, slots=True)
class GuestClocks:
    """The clocks of a guest's boot."""

    monotonic: GuestClock
    """CLOCK_MONOTONIC: systemd's."""
    log: GuestClock | None
    """printk's (``local_clock()``); None: none of our lines is in the log."""
    tsc: TscClock | None = None
    """None: it was not read, or has but one tie and no rate that anybody knows."""


def stamps_of(events: Iterable[Event]) -> Iterator[Stamps]:
    """Give the tries among one source's events, in time order; one that is not whole is left out."""
    tried: list[Event] = []
    for event in sorted(events, key=lambda event: event.time_ns):
        if event.kind is EventKind.PORT_WRITE and event.fields["port"] == LINUX_PORT:
            tried = [*tried[-2:], event]
            if [one.fields["value"] for one in tried] == [CLOCK_BEFORE, CLOCK_AFTER, LOG_AFTER]:
                before, after, logged = tried
                error_ns = max(int(one.fields.get("error_ns", 0)) for one in tried)
                yield Stamps(before.time_ns, after.time_ns, logged.time_ns, error_ns)


def lost_ns(log: Iterable[Record]) -> int:
    """Say how much time the guest's clocks had lost when the kernel began to trust its TSC.

    Until then they count ticks, and lose those that come while interrupts are off. The kernel says by how much
    the TSC has run ahead (kernel/sched/clock.c, __set_sched_clock_stable()); 0: it does not say.
    """
    found = (_STABLE.fullmatch(record.text) for record in log)
    return next((abs(int(line[1])) for line in found if line), 0)


def tsc_per_ms(log: Iterable[Record]) -> int:
    """Give the guest's last word on its TSC's rate, in cycles a millisecond; 0: there is none."""
    found = (_TSC_RATE.fullmatch(record.text) for record in log)
    rates = [int(line[1]) * 1000 + int(line[2]) for line in found if line]
    return rates[-1] if rates else 0


def clocks_of(
    stamps: Sequence[Stamps],
    readings: Sequence[Readings],
    logged: Mapping[int, int],
    per_ms: int = 0,
) -> GuestClocks | None:
    """Tie the clocks; None: the host's stamps are not those of the guest's readings, or none are.

    ``readings`` are the guest's, early and late ones; after a reset its clock begins anew, and what
    was before is left out. ``logged`` is the log's stamp of each reading, ``per_ms`` the TSC's rate.
    """
    if len(stamps) < sum(len(group.taken_ns) for group in readings):
        return None
    rest = iter(stamps)
    groups = [
        _Group(group.finest_ns, tuple(zip(group.taken_ns, rest, strict=False)), group.cycles)
        for group in readings
        if group.taken_ns
    ]
    groups = _since_reset(groups)
    if not groups:
        return None
    ties = [_best(group.finest_ns, group.tries, _read) for group in groups]
    monotonic = GuestClock(ties[0], ties[-1])
    return GuestClocks(monotonic, _log(groups, logged), _tsc(groups, per_ms))


def _log(groups: Sequence["_Group"], logged: Mapping[int, int]) -> GuestClock | None:
    """Tie the log's clock; where it stands still it is a tick off, and only used for want of better."""
    in_log = [[(logged[read], s) for read, s in g.tries if read in logged] for g in groups]
    moving = [g for g in in_log if len({log_ns for log_ns, _ in g}) == len(g) > 0]
    finest_ns = _LOG_ROUNDING_NS if moving else _LONGEST_TICK_NS
    ties = [_best(finest_ns, g, _logged) for g in moving or filter(None, in_log)]
    return GuestClock(ties[0], ties[-1]) if ties else None


def _tsc(groups: Sequence["_Group"], per_ms: int) -> TscClock | None:
    """Tie the TSC; each of its readings was taken in the try of the clock's."""
    read = [
        [(cycles, stamps) for cycles, (_, stamps) in zip(group.cycles, group.tries, strict=False)]
        for group in groups
    ]
    ties = [_best(0, group, _read) for group in read if group]
    if not ties:
        return None
    clock = TscClock(ties[0], ties[-1], per_ms)
    time_ns, per = clock.rate
    return clock if time_ns > 0 and per > 0 else None


class _Group(NamedTuple):
    finest_ns: int
    tries: tuple[tuple[int, Stamps], ...]
    """The guest's reading, and what the host saw of it."""
    cycles: Sequence[int]


def _since_reset(groups: Sequence[_Group]) -> list[_Group]:
    alive: list[_Group] = []
    for group in groups:
        if alive and group.tries[0][0] < alive[-1].tries[-1][0]:
            alive = []
        alive.append(group)
    return alive


def _read(stamps: Stamps) -> tuple[int, int]:
    return stamps.before_ns, stamps.after_ns


def _logged(stamps: Stamps) -> tuple[int, int]:
    return stamps.after_ns, stamps.logged_ns


def _best(
    finest_ns: int,
    tries: Iterable[tuple[int, Stamps]],
    between: Callable[[Stamps], tuple[int, int]],
) -> Tie:
    """Give the tightest tie of a group."""
    ties = []
    for guest_ns, stamps in tries:
        begin_ns, end_ns = between(stamps)
        error_ns = (end_ns - begin_ns) // 2 + stamps.error_ns + finest_ns
        ties.append(Tie(guest_ns, (begin_ns + end_ns) // 2, error_ns))
    return min(ties, key=lambda tie: tie.error_ns)
