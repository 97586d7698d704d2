"""Exits, maps and the boot that they were seen in become its profile. Pure."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from qemu_boot_time.exits import Counter, CounterSample, ExitKind
from qemu_boot_time.model import Boot, Profile
from qemu_boot_time.protocol import PORTS, Names
from qemu_boot_time.sources.exits.devices import MARKS, device_of_msr
from qemu_boot_time.sources.exits.maps import Accessed, Lookup
from qemu_boot_time.sources.exits.pairing import Exits
from qemu_boot_time.sources.exits.parting import Portions, parted_of
from qemu_boot_time.sources.exits.stream import KINDS, Numbers, distinct

_PORT_WRITE = KINDS.index(ExitKind.PORT_WRITE)
_MSRS = {KINDS.index(ExitKind.MSR_READ), KINDS.index(ExitKind.MSR_WRITE)}
_MOST_SAMPLES = 200
"""Of one device in one boot: more is not seen in a picture."""
_BY_HARDWARE = "time outside: from kvm_exit to the next kvm_entry of that vCPU"
_BY_SOFTWARE = (
    "time outside: what QEMU took to serve an exit, from kvm_userspace_exit to kvm_fpu; what KVM itself "
    "took, this host does not tell (no kvm_exit)"
)
_SEVERAL = (
    "{} vCPUs: the time outside is that of all of them together, and a share is of the time of those "
    "that did something in that phase"
)
_NO_EXIT = "no exit was seen: the guest was not run by KVM, or not by the process that we started"
_NO_MAP = "QEMU's monitor showed no memory map: no device has a name"


def profile_of(boot: Boot, exits: Exits, lookup: Lookup, names: Names) -> Profile:
    """Give the exits of one boot their phases and their devices.

    What came before the exec of QEMU or after the boot's end is no part of it; nor is the time that
    QEMU took for maps.
    """
    parted = parted_of(boot, exits, names, lookup.drawings)
    portions, at = parted.portions, parted.portions.exit
    owners, owner = _owners(*lookup.accessed(exits.kind[at], exits.address[at], exits.time_ns[at]))
    groups, group = distinct(portions.phase, exits.kind[at], owner, exits.reason[at])
    members = _members(group, len(groups))
    counters = [
        _counter(parted.names[phase], owners[who], exits, portions, each)
        for (phase, _, who, _), each in zip(groups, members, strict=True)
    ]
    ordered = sorted(counters, key=lambda each: _rank(each, parted.names))
    begun = [at[each[portions.begins[each]]] for each in members]
    samples = _samples(zip(counters, begun, strict=True), exits, parted.zero_ns)
    notes = _notes(boot, exits, at, lookup)
    return Profile(boot, tuple(ordered), tuple(samples), tuple(notes), parted.times)


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


def _members(group: Numbers, groups: int) -> list[Numbers]:
    """Give which portions are of each group."""
    if not groups:
        return []
    order = np.argsort(group, kind="stable")
    return np.split(order, np.searchsorted(group[order], np.arange(1, groups)))


def _counter(
    phase: str, owner: _Owner, exits: Exits, portions: Portions, members: Numbers
) -> Counter:
    """Add up portions of one phase, kind, owner and reason: at least one."""
    at, outside = portions.exit[members], portions.outside_ns[members]
    begun, told = at[portions.begins[members]], outside[outside >= 0]
    addresses, kind = exits.address[at], KINDS[exits.kind[at[0]]]
    return Counter(
        phase=phase,
        kind=kind,
        exits=len(begun),
        accesses=int(exits.accesses[begun].sum()),
        device=owner[0],
        region=owner[1],
        reason=exits.reasons[exits.reason[at[0]]],
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
        if counter.exits:
            times.setdefault(counter.owner, []).append(exits.time_ns[members])
    joined = {owner: np.concatenate(parts) for owner, parts in times.items()}
    found = [s for owner, all_ns in joined.items() for s in _steps(owner, all_ns, zero_ns)]
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
