"""A guest's clocks on the host's: moments that were stamped on both sides, and what lies between.

The guest writes a port, reads its clock, writes the port again: its reading lies between two
stamps of the host's. It does so several times, early and late, and the tightest of each counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qemu_boot_time.formats.kmsg import Record
from qemu_boot_time.model import Alignment, Event, EventKind
from qemu_boot_time.protocol import CLOCK_AFTER, CLOCK_BEFORE, LINUX_PORT, LOG_AFTER

_LOG_ROUNDING_NS = 1000
"""The log's stamps are cut to the microsecond."""
_LONGEST_TICK_NS = 10_000_000
"""A log clock whose TSC is not trusted may stand still for a tick (kernel/sched/clock.c); HZ=100."""


_STABLE = re.compile(
    r"sched_clock: Marking stable \(-?\d+, -?\d+\)->\(-?\d+, (-?\d{1,18})\)", re.ASCII
)


class Readings(NamedTuple):
    """What the guest read of its CLOCK_MONOTONIC, in one go."""

    finest_ns: int
    """How fine it is (clock_getres(2)): a tick, where the guest has no better clock."""
    taken_ns: Sequence[int]


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
class GuestClocks:
    """The two clocks of a guest's boot."""

    monotonic: GuestClock
    """CLOCK_MONOTONIC: systemd's."""
    log: GuestClock | None
    """printk's (``local_clock()``); None: none of our lines is in the log."""


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


def clocks_of(
    stamps: Sequence[Stamps], readings: Sequence[Readings], logged: Mapping[int, int]
) -> GuestClocks | None:
    """Tie the clocks; None: the host's stamps are not those of the guest's readings, or none are.

    ``readings`` are the guest's, early and late ones; after a reset its clock begins anew, and what
    was before is left out. ``logged`` is the log's stamp of each reading.
    """
    if len(stamps) < sum(len(group.taken_ns) for group in readings):
        return None
    rest = iter(stamps)
    groups = [
        _Group(group.finest_ns, tuple(zip(group.taken_ns, rest, strict=False)))
        for group in readings
        if group.taken_ns
    ]
    groups = _since_reset(groups)
    if not groups:
        return None
    in_log = [[(logged[read], s) for read, s in g.tries if read in logged] for g in groups]
    moving = [g for g in in_log if len({log_ns for log_ns, _ in g}) == len(g) > 0]
    still = [g for g in in_log if g] if not moving else []
    log = [_best(_LOG_ROUNDING_NS, g, _logged) for g in moving]
    log += [_best(_LONGEST_TICK_NS, g, _logged) for g in still]
    ties = [_best(group.finest_ns, group.tries, _read) for group in groups]
    return GuestClocks(GuestClock(ties[0], ties[-1]), GuestClock(log[0], log[-1]) if log else None)


class _Group(NamedTuple):
    finest_ns: int
    tries: tuple[tuple[int, Stamps], ...]
    """The guest's reading, and what the host saw of it."""


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
