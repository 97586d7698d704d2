"""KVM's events of one VM as its exits: each once, with what it accessed and the time outside.

Two kinds of host. Where ``kvm_exit`` fires, that is the exit: what it accessed comes before the next one
of its vCPU, and the guest goes on at the next ``kvm_entry``. Where it does not (software KVM), each
access is an exit, and the time outside is known of those that QEMU served: from ``kvm_userspace_exit`` to
``kvm_fpu``, which comes as the vCPU enters KVM again. KVM tells of a write before QEMU serves it, and of a
read after that, since only then there is a value (``complete_emulator_pio_in()``, arch/x86/kvm/x86.c).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from qemu_boot_time.exits import ExitKind
from qemu_boot_time.sources import kvm_exits
from qemu_boot_time.sources.exits.stream import (
    KINDS,
    UNKNOWN,
    Code,
    Mask,
    Numbers,
    Stream,
    distinct,
)

ServedByKvm = Callable[[Numbers, Numbers], Mask]
"""Says of accesses (their kinds, as numbers of KINDS, and addresses) whether KVM serves them itself."""

_READS = [KINDS.index(k) for k in (ExitKind.PORT_READ, ExitKind.MMIO_READ)]
_WRITES = [KINDS.index(k) for k in (ExitKind.PORT_WRITE, ExitKind.MMIO_WRITE)]
_PORTS = [KINDS.index(k) for k in (ExitKind.PORT_READ, ExitKind.PORT_WRITE)]


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """The exits of one VM, in the order of time."""

    time_ns: Numbers
    tid: Numbers
    kind: Numbers
    """Numbers of KINDS."""
    address: Numbers
    """UNKNOWN: there is none."""
    accesses: Numbers
    value: Numbers
    reason: Numbers
    """Numbers of ``reasons``."""
    outside_ns: Numbers
    """UNKNOWN: the host does not tell."""
    reasons: tuple[str, ...]
    by_kvm_exit: bool
    """Whether the host has ``kvm_exit``."""


def exits_of(stream: Stream, served_by_kvm: ServedByKvm) -> Exits:
    """Make exits of events; ``served_by_kvm`` settles whose a trip to QEMU was where two may claim it."""
    found = _of_hardware(stream) if np.any(stream.code == Code.EXIT) else None
    exits = found or _of_software(stream, served_by_kvm)
    order = np.argsort(exits.time_ns, kind="stable")
    values = {field.name: getattr(exits, field.name) for field in fields(exits)}
    moved: dict[str, Any] = {
        name: value[order] for name, value in values.items() if isinstance(value, np.ndarray)
    }
    return replace(exits, **moved)


def _of_hardware(stream: Stream) -> Exits:
    """Give each ``kvm_exit`` what comes before the next one of its vCPU."""
    at = np.flatnonzero(stream.code == Code.EXIT)
    within = np.cumsum(stream.code == Code.EXIT) - 1  # threads lie one behind the other
    belongs = (within >= 0) & (stream.tid == stream.tid[at[np.maximum(within, 0)]])
    is_access = belongs & (stream.code < Code.OTHER)
    accesses = np.bincount(within[is_access], stream.extra[is_access], len(at)).astype(np.int64)
    first = _firsts(within, is_access, len(at))
    entry = _firsts(within, belongs & (stream.code == Code.ENTRY), len(at))
    has, entered = first >= 0, entry >= 0
    reasons, reason = _named(stream.extra[at], stream.detail[at], kvm_exits.exit_reason)
    return Exits(
        time_ns=stream.time_ns[at],
        tid=stream.tid[at],
        kind=np.where(has, stream.code[first], Code.OTHER),
        address=np.where(has, stream.detail[first], UNKNOWN),
        accesses=accesses,
        value=np.where(has, stream.value[first], 0),
        reason=reason,
        outside_ns=np.where(entered, stream.time_ns[entry] - stream.time_ns[at], UNKNOWN),
        reasons=reasons,
        by_kvm_exit=True,
    )


def _firsts(group: Numbers, wanted: Mask, groups: int) -> Numbers:
    """Give where in each group the first that is wanted lies; UNKNOWN: nowhere."""
    firsts = np.full(groups, UNKNOWN)
    places = np.flatnonzero(wanted)[::-1]
    firsts[group[places]] = places
    return firsts


def _of_software(stream: Stream, served_by_kvm: ServedByKvm) -> Exits:
    """Make each access an exit, and each trip to QEMU that served none."""
    trip = _trips(stream, served_by_kvm)
    access = np.flatnonzero(stream.code < Code.OTHER)
    served = trip[access]
    is_trip = stream.code == Code.TO_QEMU
    is_trip[served[served >= 0]] = False
    others = np.flatnonzero(is_trip)
    at = np.concatenate([access, others])
    by = np.concatenate([served, others])
    is_access = stream.code[at] < Code.OTHER
    is_read = np.isin(stream.code[at], _READS) & (by >= 0)
    reasons, reason = _named(stream.detail[by], stream.extra[by], kvm_exits.userspace_reason)
    nobody = len(reasons)
    return Exits(
        time_ns=np.where(is_read, stream.time_ns[by], stream.time_ns[at]),
        tid=stream.tid[at],
        kind=np.where(is_access, stream.code[at], Code.OTHER),
        address=np.where(is_access, stream.detail[at], UNKNOWN),
        accesses=np.where(is_access, stream.extra[at], 0),
        value=np.where(is_access, stream.value[at], 0),
        reason=np.where(by >= 0, reason, nobody),
        outside_ns=np.where(by >= 0, _outside_ns(stream)[by], UNKNOWN),
        reasons=(*reasons, ""),
        by_kvm_exit=False,
    )


def _outside_ns(stream: Stream) -> Numbers:
    """Give how long after each event its thread came back from QEMU, where that is what follows."""
    outside = np.full(len(stream.code), UNKNOWN)
    follows = (stream.code[1:] == Code.FROM_QEMU) & (stream.tid[1:] == stream.tid[:-1])
    outside[:-1][follows] = np.diff(stream.time_ns)[follows]
    return outside


def _trips(stream: Stream, served_by_kvm: ServedByKvm) -> Numbers:
    """Give where the trip to QEMU lies that served each access; UNKNOWN: KVM did by itself.

    Between a write that KVM keeps to itself or for later (coalesced) and a read there is one trip too,
    which both may claim: it is the read's, unless KVM answers that.
    """
    code, n = stream.code, len(stream.code)
    place = np.arange(n)
    wanted = np.where(np.isin(code, _PORTS), kvm_exits.EXIT_TO_IO, kvm_exits.EXIT_TO_MMIO)
    after = np.minimum(place + 1, n - 1)
    before, came = np.maximum(place - 2, 0), np.maximum(place - 1, 0)
    fits = [_is_trip(stream, at, wanted) & (at != place) for at in (after, before)]
    is_write = np.isin(code, _WRITES) & fits[0]
    is_read = np.isin(code, _READS) & fits[1] & (code[came] == Code.FROM_QEMU) & (before < came)
    trip = np.full(n, UNKNOWN)
    trip[is_read] = before[is_read]
    contested = np.flatnonzero(is_write & np.isin(after, trip[is_read]))
    reader = contested + 3
    by_kvm = served_by_kvm(code[reader], stream.detail[reader])
    trip[reader[by_kvm]] = UNKNOWN
    is_write[contested[~by_kvm]] = False
    trip[is_write] = after[is_write]
    return trip


def _is_trip(stream: Stream, at: Numbers, reason: Numbers) -> Mask:
    """Whether at another place is a trip to QEMU by the same thread, for this reason."""
    same = stream.tid[at] == stream.tid
    found: Mask = (stream.code[at] == Code.TO_QEMU) & same & (stream.detail[at] == reason)
    return found & (stream.extra[at] >= 0)


def _named(
    first: Numbers, second: Numbers, name: Callable[[int, int], str]
) -> tuple[tuple[str, ...], Numbers]:
    """Name pairs of numbers: the names, and which of them each pair has."""
    pairs, which = distinct(first, second)
    return tuple(name(a, b) for a, b in pairs), which
