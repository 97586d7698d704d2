"""Profiles of several boots as one: the middle of each count, how far it differs, and what looking cost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Self

from qemu_boot_time.exits import Counter, ExitKind, owner_of
from qemu_boot_time.model import Boot, Profile, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.overhead import Quantity, Ratio, ratio_of

IDLE = frozenset({"EXIT_HLT", "EXIT_IDLE_HLT", "EXIT_MWAIT", "KVM_EXIT_HLT"})
"""Reasons with which a guest waits for time to pass: it would have been as long without the exit."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What some exits of a phase come to: added up in each boot, and then the middle of the boots."""

    exits: Middle
    accesses: Middle
    outside_ns: Middle | None
    """None: this host does not tell."""
    share: float | None
    """Of the phase's own time in each boot, the median of the boots; None: one of both is not known."""

    @classmethod
    def of(cls, boots: _OfBoots, lengths_ns: Sequence[int | None], **more: Any) -> Self:
        """Add up the counters of at least one boot, in which the phase took so long."""
        return cls(
            exits=Middle.of([sum(each.exits for each in boot) for boot in boots]),
            accesses=Middle.of([sum(each.accesses for each in boot) for boot in boots]),
            outside_ns=_outside(boots),
            share=_share(boots, lengths_ns),
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
    length_ns: int | None
    """Its median; None: ``unaccounted``, or no boot has it whole."""
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
class Slowdown:
    """How many times as long something takes in the boots that were profiled."""

    name: str
    """``CPU time``, ``total``, or a phase."""
    n: tuple[int, int]
    """Boots measured and profiled."""
    ratio: Ratio


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
        cost=tuple(_costs(run.boots, boots)),
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


def _phase(name: str, profiles: Sequence[Profile]) -> PhaseExits:
    parts = [[each for each in profile.counters if each.phase == name] for profile in profiles]
    by_key: dict[_Key, list[list[Counter]]] = defaultdict(lambda: [[] for _ in parts])
    for at, part in enumerate(parts):
        for each in part:
            by_key[_key(each)][at].append(each)
    lengths = [_lengths(profile.boot).get(name) for profile in profiles]
    known = [length_ns for length_ns in lengths if length_ns is not None]
    rows = sorted((_row(key, each, lengths) for key, each in by_key.items()), key=_rank)
    busy = [[each for each in part if each.reason not in IDLE] for part in parts]
    told = {_key_of(row) for row in rows[:MOST]}
    rest = [[each for each in part if _key(each) not in told] for part in busy]
    return PhaseExits(
        phase=name,
        length_ns=round(median(known)) if known else None,
        exits=Middle.of([sum(each.exits for each in part) for part in parts]),
        busy=Sums.of(busy, lengths),
        rest=Sums.of(rest, lengths) if any(rest) else None,
        idle_ns=_outside([[each for each in part if each.reason in IDLE] for part in parts]),
        rows=tuple(rows),
    )


def _key(counter: Counter) -> _Key:
    reason = counter.reason if counter.kind is ExitKind.OTHER else ""
    return counter.device, counter.kind, reason


def _key_of(row: ExitRow) -> _Key:
    return row.device, row.kind, row.reason


def _row(key: _Key, boots: _OfBoots, lengths_ns: Sequence[int | None]) -> ExitRow:
    addresses = _addresses(each for boot in boots for each in boot)
    device, kind, reason = key
    own = {"device": device, "kind": kind, "reason": reason, "addresses": addresses}
    return ExitRow.of(boots, lengths_ns, **own)


def _addresses(counters: Iterable[Counter]) -> tuple[int, int] | None:
    known = [each.addresses for each in counters if each.addresses is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def _outside(boots: _OfBoots) -> Middle | None:
    """Add up the time outside in each boot; None: in no boot is any known."""
    sums = [_outside_ns(boot) for boot in boots]
    known = any(each is not None for each in sums)
    return Middle.of([each or 0 for each in sums]) if known else None


def _outside_ns(boot: Iterable[Counter]) -> int | None:
    known = [each.outside_ns for each in boot if each.outside_ns is not None]
    return sum(known) if known else None


def _share(boots: _OfBoots, lengths_ns: Sequence[int | None]) -> float | None:
    """Give the middle of the boots' own shares: that of the middles may be of two different boots."""
    if _outside(boots) is None:
        return None
    pairs = zip(boots, lengths_ns, strict=True)
    shares = [(_outside_ns(boot) or 0) / length_ns for boot, length_ns in pairs if length_ns]
    return median(shares) if shares else None


def _rank(row: ExitRow) -> tuple[bool, int, int]:
    return row.is_idle, -(row.outside_ns.median if row.outside_ns else 0), -row.exits.median


def _lengths(boot: Boot) -> Mapping[str, int]:
    return {phase.name: phase.duration_ns for phase in reversed(boot.phases)}


def _costs(measured: Iterable[Boot], profiled: Sequence[Boot]) -> Iterable[Slowdown]:
    """Compare what both kinds of boots have: CPU time, total, then phases in the order of the boots."""
    sides = [_taken(boot for boot in measured if boot.ok), _taken(profiled)]
    names = [name for name in sides[0] if name in sides[1]]
    for name in sorted(names, key=_place_of_cost):
        first, second = (side[name] for side in sides)
        yield Slowdown(name, (len(first), len(second)), ratio_of(first, second))


def _place_of_cost(name: str) -> tuple[bool, bool]:
    return name != Quantity.CPU, name != TOTAL


def _taken(boots: Iterable[Boot]) -> Mapping[str, list[int]]:
    """Give what boots took of each: logarithms are of what is above 0 alone."""
    found: dict[str, list[int]] = defaultdict(list)
    for boot in boots:
        if boot.cpu_ns:
            found[Quantity.CPU].append(boot.cpu_ns)
        for name, length_ns in reversed(tuple(_lengths(boot).items())):
            if length_ns:
                found[name].append(length_ns)
    return found
