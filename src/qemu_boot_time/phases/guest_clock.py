"""A guest's clocks on the host's: moments that were stamped on both sides, and what lies between.

The guest writes a port, reads its clock, writes the port again: its reading lies between two
stamps of the host's. It does so several times, early and late, and the tightest of each counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qemu_boot_time.model import Alignment, Event, EventKind
from qemu_boot_time.protocol import CLOCK_AFTER, CLOCK_BEFORE, LINUX_PORT, LOG_AFTER

_LOG_ROUNDING_NS = 1000
"""The log's stamps are cut to the microsecond."""


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


def clocks_of(
    stamps: Sequence[Stamps], readings: Sequence[Sequence[int]], logged: Mapping[int, int]
) -> GuestClocks | None:
    """Tie the clocks; None: the host's stamps are not those of the guest's readings, or none are.

    ``readings`` are the guest's, early and late ones; ``logged`` the log's stamp of each reading.
    """
    if not stamps or len(stamps) < sum(map(len, readings)):
        return None
    rest = iter(stamps)
    groups = [list(zip(group, rest, strict=False)) for group in readings if group]
    if not groups:
        return None
    monotonic = _clock([[_tie(read, s.before_ns, s.after_ns, s) for read, s in g] for g in groups])
    in_log = [[_logged_tie(logged[read], s) for read, s in g if read in logged] for g in groups]
    return GuestClocks(monotonic, _clock(found) if (found := [g for g in in_log if g]) else None)


def _tie(guest_ns: int, begin_ns: int, end_ns: int, stamps: Stamps) -> Tie:
    return Tie(guest_ns, (begin_ns + end_ns) // 2, (end_ns - begin_ns) // 2 + stamps.error_ns)


def _logged_tie(log_ns: int, stamps: Stamps) -> Tie:
    tie = _tie(log_ns, stamps.after_ns, stamps.logged_ns, stamps)
    return tie._replace(error_ns=tie.error_ns + _LOG_ROUNDING_NS)


def _clock(groups: Sequence[Sequence[Tie]]) -> GuestClock:
    best = [min(group, key=lambda tie: tie.error_ns) for group in groups]
    return GuestClock(best[0], best[-1])
