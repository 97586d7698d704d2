"""Exits, maps and the boot that they were seen in become its profile. Pure.

A phase begins and ends where a mark was written, and that write is an exit itself: by its own stamp it is
known which exits came before it, whichever source saw the mark, and however late.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qemu_boot_time.exits import Counter, CounterSample, ExitKind
from qemu_boot_time.model import Boot, Phase, Profile
from qemu_boot_time.phases import UNACCOUNTED, split_at_total
from qemu_boot_time.protocol import PORTS, Names
from qemu_boot_time.sources.exits.devices import MARKS, device_of_msr
from qemu_boot_time.sources.exits.maps import Accessed, Lookup
from qemu_boot_time.sources.exits.pairing import Exits
from qemu_boot_time.sources.exits.stream import KINDS, UNKNOWN, Numbers, distinct

_PORT_WRITE = KINDS.index(ExitKind.PORT_WRITE)
_MSRS = {KINDS.index(ExitKind.MSR_READ), KINDS.index(ExitKind.MSR_WRITE)}
_MOST_SAMPLES = 200
"""Of one device in one boot: more is not seen in a picture."""
_BY_HARDWARE = "time outside: from kvm_exit to the next kvm_entry of that vCPU"
_BY_SOFTWARE = (
    "time outside: what QEMU took to serve an exit, from kvm_userspace_exit to kvm_fpu; what KVM itself "
    "took, this host does not tell (no kvm_exit)"
)
_SEVERAL = "{} vCPUs: the time outside is that of all of them together"
_NO_EXIT = "no exit was seen: the guest was not run by KVM, or not by the process that we started"
_NO_MAP = "QEMU's monitor showed no memory map: no device has a name"


def profile_of(boot: Boot, exits: Exits, lookup: Lookup, names: Names) -> Profile:
    """Give the exits of one boot their phases and their devices.

    What came before the exec of QEMU or after the boot's end is no part of it; nor is the time that
    QEMU took for maps.
    """
    parted = _Parted.of(boot, exits, names)
    exits = _without_maps(_within_phases(exits, parted), lookup)
    kept = np.flatnonzero(parted.phase >= 0)
    owners, owner = _owners(
        *lookup.accessed(exits.kind[kept], exits.address[kept], exits.time_ns[kept])
    )
    groups, group = distinct(parted.phase[kept], exits.kind[kept], owner, exits.reason[kept])
    members = _members(kept, group, len(groups))
    counters = [
        _counter(parted.names[phase], KINDS[kind], owners[who], exits.reasons[why], exits, each)
        for (phase, kind, who, why), each in zip(groups, members, strict=True)
    ]
    ordered = sorted(counters, key=lambda each: _rank(each, parted.names))
    samples = _samples(zip(counters, members, strict=True), exits, parted.zero_ns)
    return Profile(boot, tuple(ordered), tuple(samples), tuple(_notes(boot, exits, kept, lookup)))


def _within_phases(exits: Exits, parted: "_Parted") -> Exits:
    most_ns = np.maximum(parted.until_ns - exits.time_ns, UNKNOWN)
    return replace(exits, outside_ns=np.minimum(exits.outside_ns, most_ns))


def _without_maps(exits: Exits, lookup: Lookup) -> Exits:
    drawn_ns = lookup.drawing_ns(exits.time_ns, exits.outside_ns)
    left_ns = np.maximum(exits.outside_ns - drawn_ns, 0)
    waited = exits.by_qemu & (exits.outside_ns >= 0)
    return replace(exits, outside_ns=np.where(waited, left_ns, exits.outside_ns))


@dataclass(frozen=True, slots=True, eq=False)
class _Parted:
    """Which phase each exit is in."""

    names: tuple[str, ...]
    """Of phases, in the order of time; the last is ``unaccounted``."""
    phase: Numbers
    """A number of ``names`` for each exit; negative: it is no part of the boot."""
    until_ns: Numbers
    """When that phase, or the boot, ended: what a guest is outside later is not its time."""
    zero_ns: int

    @classmethod
    def of(cls, boot: Boot, exits: Exits, names: Names) -> "_Parted":
        zero_ns = boot.exec_ns or 0
        parts, total, _ = split_at_total(boot.phases)
        known = parts if total is None else (*parts, total)
        ends = _ends(known, _moved(boot, exits, names, zero_ns), zero_ns)
        phase = np.full(len(exits.time_ns), -1, dtype=np.int64)
        for begin_ns, end_ns in ends[len(parts) :]:
            phase[_within(exits, begin_ns, end_ns) | (exits.time_ns == end_ns)] = len(parts)
        last_ns = max((end for _, end in ends), default=0)
        until_ns = np.full(len(exits.time_ns), last_ns)
        for number, (begin_ns, end_ns) in enumerate(ends[: len(parts)]):
            inside = _within(exits, begin_ns, end_ns)
            if end_ns == last_ns:  # the mark that ends the boot belongs to what it ends
                inside |= exits.time_ns == end_ns
            phase[inside] = number
            until_ns[inside] = end_ns
        return cls((*(part.name for part in parts), UNACCOUNTED), phase, until_ns, zero_ns)


def _ends(parts: Sequence[Phase], moved: Mapping[int, int], zero_ns: int) -> list[tuple[int, int]]:
    """Give when each begins and ends, absolute."""

    def absolute(time_ns: int) -> int:
        return moved.get(time_ns, zero_ns + time_ns)

    return [(absolute(part.begin_ns), absolute(part.end_ns)) for part in parts]


def _within(
    exits: Exits, begin_ns: int, end_ns: int
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return (exits.time_ns >= begin_ns) & (exits.time_ns < end_ns)


def _moved(boot: Boot, exits: Exits, names: Names, zero_ns: int) -> Mapping[int, int]:
    """Give the stamps of marks in the boot, and those of the exits that they are."""
    is_write = (exits.kind == _PORT_WRITE) & np.isin(exits.address, tuple(PORTS))
    writes = [
        (names.of(int(exits.address[i]), int(exits.value[i])), int(exits.time_ns[i]))
        for i in np.flatnonzero(is_write)
    ]
    moved: dict[int, int] = {}
    for mark in boot.marks:
        stamps = [time_ns for name, time_ns in writes if name == mark.name]
        nearest = min(stamps, key=lambda ns: abs(ns - zero_ns - mark.time_ns), default=None)
        if nearest is not None:
            moved[mark.time_ns] = nearest
    return moved


_Owner = tuple[str | None, str]
"""A device as people call it (None: not known), and QEMU's own name of the region."""


def _owners(found: Sequence[Accessed], which: Numbers) -> tuple[list[_Owner], Numbers]:
    """Give the devices that were accessed, and which of them each exit did."""
    named = [_owner(each) for each in found]
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(named))}
    number_of = np.array([numbers[owner] for owner in named], dtype=np.int64)
    return list(numbers), number_of[which]


def _owner(accessed: Accessed) -> _Owner:
    kind, address, region, device = accessed
    if kind in _MSRS:
        return device_of_msr(address), ""
    if kind == _PORT_WRITE and address in PORTS:
        return MARKS, region.name if region else ""
    return device, region.name if region else ""


def _members(kept: Numbers, group: Numbers, groups: int) -> list[Numbers]:
    if not groups:
        return []
    order = np.argsort(group, kind="stable")
    return np.split(kept[order], np.searchsorted(group[order], np.arange(1, groups)))


def _counter(
    phase: str, kind: ExitKind, owner: _Owner, reason: str, exits: Exits, members: Numbers
) -> Counter:
    addresses, outside = exits.address[members], exits.outside_ns[members]
    told = outside[outside >= 0]
    return Counter(
        phase=phase,
        kind=kind,
        exits=len(members),
        accesses=int(exits.accesses[members].sum()),
        device=owner[0],
        region=owner[1],
        reason=reason,
        addresses=None if kind is ExitKind.OTHER else (int(addresses.min()), int(addresses.max())),
        outside_ns=int(told.sum()) if len(told) else None,
    )


def _rank(counter: Counter, phases: Sequence[str]) -> tuple[int, int, int]:
    return phases.index(counter.phase), -(counter.outside_ns or 0), -counter.exits


def _samples(
    counted: Iterable[tuple[Counter, Numbers]], exits: Exits, zero_ns: int
) -> list[CounterSample]:
    """Count the exits to each device over time, in as many steps as a picture shows."""
    times: dict[str, list[Numbers]] = {}
    for counter, members in counted:
        times.setdefault(counter.owner, []).append(exits.time_ns[members])
    found = [
        s for name, parts in times.items() for s in _steps(name, np.concatenate(parts), zero_ns)
    ]
    return sorted(found, key=lambda sample: sample.time_ns)


def _steps(owner: str, times_ns: Numbers, zero_ns: int) -> Iterator[CounterSample]:
    ordered = np.sort(times_ns)
    steps = np.unique(np.linspace(0, len(ordered) - 1, _MOST_SAMPLES).round().astype(np.int64))
    for step in steps.tolist():
        yield CounterSample(int(ordered[step]) - zero_ns, owner, step + 1)


def _notes(boot: Boot, exits: Exits, kept: Numbers, lookup: Lookup) -> Iterator[str]:
    if not len(kept):
        if boot.ok:  # of another, how it ended says enough
            yield _NO_EXIT
        return
    yield _BY_HARDWARE if exits.by_kvm_exit else _BY_SOFTWARE
    vcpus = len(np.unique(exits.tid[kept]))
    if vcpus > 1:
        yield _SEVERAL.format(vcpus)
    if not lookup.has_maps:
        yield _NO_MAP
