"""Profiles of several boots as one: the middle of each count, how far it differs, and what looking cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Self

from qemu_boot_time.exits import IDLE, Counter, ExitKind, PhaseTime, owner_of
from qemu_boot_time.model import Profile, Run
from qemu_boot_time.phases import UNACCOUNTED
from qemu_boot_time.stats.slowdown import Slowdown, lengths_of, slowdowns_of

MOST = 10
"""As many rows of a phase are told one by one to a person."""


@dataclass(frozen=True, slots=True)
class Middle:
    """A number of each boot."""

    median: int
    least: int
    most: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Middle":
        """Take at least one value."""
        return cls(round(median(values)), min(values), max(values))


_OfBoots = Sequence[Sequence[Counter]]
"""Some counters of each boot, in the order of the boots."""
_Times = Sequence[int | None]
"""What the time outside in each boot is a part of, in ns; 0: no time is known there; None: it is of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What some exits of a phase come to: added up in each boot, and then the middle of the boots."""

    exits: Middle
    accesses: Middle
    outside_ns: Middle | None
    """Of the boots in which it is known; None: of none."""
    share: float | None
    """The median of that, of the median of what it is a part of; None: one of both is not known."""

    @classmethod
    def of(cls, boots: _OfBoots, times_ns: _Times, **more: Any) -> Self:
        """Add up the counters of at least one boot, of a phase that took so long in each."""
        outside_ns = _outside(boots, times_ns)
        return cls(
            exits=Middle.of([sum(each.exits for each in boot) for boot in boots]),
            accesses=Middle.of([sum(each.accesses for each in boot) for boot in boots]),
            outside_ns=outside_ns,
            share=_share(outside_ns, times_ns),
            **more,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRow(Sums):
    """The exits of one kind to one device in one phase."""

    device: str | None
    """As people call it; empty: nobody's; None: nobody knows."""
    kind: ExitKind
    reason: str
    """Of OTHER alone: the host's own word for it."""
    addresses: tuple[int, int] | None
    """The lowest and the highest of all boots; None: there are none."""

    @property
    def owner(self) -> str:
        """What they are of, as in :attr:`qemu_boot_time.exits.Counter.owner`."""
        return owner_of(self.device, self.kind, self.reason)

    @property
    def is_idle(self) -> bool:
        """Whether the guest waited."""
        return self.reason in IDLE


@dataclass(frozen=True, slots=True)
class PhaseExits:
    """The exits of one phase."""

    phase: str
    n: tuple[int, int]
    """Boots that have it, and all that count: it is of the former alone."""
    length_ns: int | None
    """Its median; None: ``unaccounted``, or no boot has it whole."""
    watched_ns: Middle | None
    """The same without the time in which QEMU made maps: what shares are of, times the vCPUs. Of the boots in
    which any is left; None: ``unaccounted``, or of none."""
    watched: int
    """Boots in which any is left."""
    busy_vcpus: Middle
    """That were outside, and not only to wait; 1 at least."""
    exits: Middle
    """Of all kinds, idle ones too."""
    busy: Sums
    """Of a guest that did something."""
    rest: Sums | None
    """The same without the first :data:`MOST` rows; None: there are no more."""
    idle_ns: Middle | None
    """None: it was never idle."""
    rows: tuple[ExitRow, ...]
    """The one with the most time outside first, else the one with the most exits; idle ones last."""

    @property
    def busy_rows(self) -> tuple[ExitRow, ...]:
        """The rows of a guest that did something."""
        return tuple(row for row in self.rows if not row.is_idle)


@dataclass(frozen=True, slots=True)
class ExitSummary:
    """What the profiles of a run come to."""

    boots: int
    """Profiled; those that failed, whose events were not all there, or whose devices alone are not known, are left out."""
    failed: int
    phases: tuple[PhaseExits, ...]
    cost: tuple[Slowdown, ...]
    """The CPU time first, which what else the host did meanwhile changes least; then the total."""
    notes: tuple[str, ...]


def exits_of(run: Run) -> ExitSummary:
    """Summarise the profiles of a run."""
    whole = told_of(run.profiles)
    notes = dict.fromkeys(note for profile in run.profiles for note in profile.notes)
    phases = tuple(_phase(name, whole) for name in _phases(whole))
    boots = [profile.boot for profile in whole]
    return ExitSummary(
        boots=len(whole),
        failed=len(run.profiles) - len(whole),
        phases=phases,
        cost=tuple(slowdowns_of(run.boots, boots)),
        notes=tuple(notes),
    )


def is_whole(profile: Profile) -> bool:
    """Whether a profile is counted: its boot got there, and all that it did is known."""
    return profile.boot.ok and bool(profile.counters)


def told_of(profiles: Iterable[Profile]) -> list[Profile]:
    """Give those that are counted: whole ones, and of these those with a memory map, where there are any.

    Without a map no exit is of a device, so beside others each device would seem to have no exits in that boot.
    """
    whole = [profile for profile in profiles if is_whole(profile)]
    return [profile for profile in whole if _knows_devices(profile)] or whole


def _knows_devices(profile: Profile) -> bool:
    return all(counter.device is not None for counter in profile.counters)


def _phases(profiles: Iterable[Profile]) -> list[str]:
    """Give the names of phases with exits, in the order of the boots."""
    return list(dict.fromkeys(each.phase for profile in profiles for each in profile.counters))


_Key = tuple[str | None, ExitKind, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """One phase of one boot."""

    counters: Sequence[Counter]
    time: PhaseTime | None
    """None: the boot does not have it whole."""

    @property
    def busy_vcpus(self) -> int:
        return max(self.time.busy_vcpus, 1) if self.time else 1

    def time_ns(self, *, idle: bool) -> int | None:
        """Give what a time outside is a part of, as in :data:`_Times`.

        What several vCPUs wait is of the time of none of them: the others may have gone on meanwhile.
        """
        if self.time is None or self.time.watched_ns <= 0:
            return None if self.time is None else 0
        if self.time.phase == UNACCOUNTED or (idle and self.time.vcpus > 1):
            return None
        return self.time.watched_ns * (1 if idle else self.busy_vcpus)


def _part(name: str, profile: Profile) -> _Part | None:
    """Give a phase of a boot; None: the boot does not have it."""
    counters = [each for each in profile.counters if each.phase == name]
    length_ns = lengths_of(profile.boot).get(name)
    as_it_is = None if length_ns is None else PhaseTime(name, length_ns, length_ns, 1, 1)
    time = next((each for each in profile.times if each.phase == name), as_it_is)
    return _Part(counters, time) if counters or time or name == UNACCOUNTED else None


def _phase(name: str, profiles: Sequence[Profile]) -> PhaseExits:
    parts = [part for profile in profiles if (part := _part(name, profile))]
    counters = [part.counters for part in parts]
    busy_ns, idle_ns = ([part.time_ns(idle=idle) for part in parts] for idle in (False, True))
    keyed = [(key, [_of_key(key, part) for part in counters]) for key in _keys(counters)]
    rows = [_row(key, own, idle_ns if key[2] in IDLE else busy_ns) for key, own in keyed]
    rows.sort(key=_rank)
    busy = [[each for each in part if each.reason not in IDLE] for part in counters]
    told = {_key_of(row) for row in rows[:MOST]}
    rest = [[each for each in part if _key(each) not in told] for part in busy]
    lengths_ns, watched_ns = _known(name, parts)
    return PhaseExits(
        phase=name,
        n=(len(parts), len(profiles)),
        length_ns=round(median(lengths_ns)) if lengths_ns else None,
        watched_ns=Middle.of(watched_ns) if watched_ns else None,
        watched=len(watched_ns),
        busy_vcpus=Middle.of([part.busy_vcpus for part in parts]),
        exits=Middle.of([sum(each.exits for each in part) for part in counters]),
        busy=Sums.of(busy, busy_ns),
        rest=Sums.of(rest, busy_ns) if any(rest) else None,
        idle_ns=_outside(
            [[each for each in part if each.reason in IDLE] for part in counters], idle_ns
        ),
        rows=tuple(rows),
    )


def _known(name: str, parts: Iterable[_Part]) -> tuple[list[int], list[int]]:
    """Give how long a phase took in each boot, and what of that was watched, where any was."""
    if name == UNACCOUNTED:
        return [], []
    times = [part.time for part in parts if part.time is not None]
    return [t.length_ns for t in times], [t.watched_ns for t in times if t.watched_ns > 0]


def _keys(boots: _OfBoots) -> Iterable[_Key]:
    return dict.fromkeys(_key(each) for boot in boots for each in boot)


def _of_key(key: _Key, boot: Iterable[Counter]) -> Sequence[Counter]:
    return [each for each in boot if _key(each) == key]


def _key(counter: Counter) -> _Key:
    reason = counter.reason if counter.kind is ExitKind.OTHER else ""
    return counter.device, counter.kind, reason


def _key_of(row: ExitRow) -> _Key:
    return row.device, row.kind, row.reason


def _row(key: _Key, boots: _OfBoots, times_ns: _Times) -> ExitRow:
    addresses = _addresses(each for boot in boots for each in boot)
    device, kind, reason = key
    own = {"device": device, "kind": kind, "reason": reason, "addresses": addresses}
    return ExitRow.of(boots, times_ns, **own)


def _addresses(counters: Iterable[Counter]) -> tuple[int, int] | None:
    known = [each.addresses for each in counters if each.addresses is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def _outside(boots: _OfBoots, times_ns: _Times) -> Middle | None:
    """Add up the time outside in each boot; None: in no boot is any known."""
    pairs = zip(boots, times_ns, strict=True)
    sums = [_outside_ns(boot) for boot, time_ns in pairs if time_ns != 0]
    known = any(each is not None for each in sums)
    return Middle.of([each or 0 for each in sums]) if known else None


def _outside_ns(boot: Iterable[Counter]) -> int | None:
    known = [each.outside_ns for each in boot if each.outside_ns is not None]
    return sum(known) if known else None


def _share(outside_ns: Middle | None, times_ns: _Times) -> float | None:
    """Divide what stands in two columns: no boot's time outside is more than it is of, so neither is the middle."""
    if outside_ns is None or None in times_ns:
        return None
    share = outside_ns.median / median(time_ns for time_ns in times_ns if time_ns)
    return share if share <= 1 else None  # more than one vCPU's, and nobody told how many there are


def _rank(row: ExitRow) -> tuple[bool, int, int]:
    return row.is_idle, -(row.outside_ns.median if row.outside_ns else 0), -row.exits.median
