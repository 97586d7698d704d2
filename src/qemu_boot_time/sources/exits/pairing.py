"""KVM's events of one VM as its exits: each once, with what it accessed and the time outside.

Two kinds of host. Where ``kvm_exit`` fires, that is the exit: what it accessed comes before the next one
of its vCPU, and the guest goes on at the next ``kvm_entry``. Where it does not (software KVM), each
access is an exit, and the time outside is known of those that QEMU served: from ``kvm_userspace_exit`` to
``kvm_fpu``, which comes as the vCPU enters KVM again. KVM tells of a write before QEMU serves it, and of a
read after that, since only then there is a value (``complete_emulator_pio_in()``, arch/x86/kvm/x86.c).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.exits import ExitKind
from qemu_boot_time.formats.perfdata.columns import Columns
from qemu_boot_time.sources import kvm_exits, kvm_stock, kvm_trace

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
ServedByKvm = Callable[[Numbers, Numbers], Mask]
"""Says of accesses (their kinds, as numbers of KINDS, and addresses) whether KVM serves them itself."""

KINDS = tuple(ExitKind)
"""A kind's place in it is its number here."""
UNKNOWN = -1
_WIDE = 1 << 12
"""A range of numbers that is numbered through before it becomes part of a larger number."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    event: tuple(told.fields) for event, told in kvm_exits.EVENTS.items()
}
"""What is read of a recording."""
_OPTIONAL = {"isa"}


class Code(IntEnum):
    """What an event is; the accesses are the numbers of their kinds."""

    OTHER = KINDS.index(ExitKind.OTHER)
    EXIT = 10
    ENTRY = 11
    TO_QEMU = 12
    FROM_QEMU = 13


_READS = [KINDS.index(k) for k in (ExitKind.PORT_READ, ExitKind.MMIO_READ)]
_WRITES = [KINDS.index(k) for k in (ExitKind.PORT_WRITE, ExitKind.MMIO_WRITE)]
_PORTS = [KINDS.index(k) for k in (ExitKind.PORT_READ, ExitKind.PORT_WRITE)]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Events of one VM: by thread, and in each thread by time."""

    time_ns: Numbers
    tid: Numbers
    code: Numbers
    detail: Numbers
    """The address of an access; the reason of an exit, of either kind."""
    extra: Numbers
    """How many accesses; whose reason it is (``isa``), or an ``errno``."""
    value: Numbers
    """What was written to a port."""


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
    by_qemu: Mask
    """Whether QEMU served it, so that the guest waited for whatever else QEMU did."""
    reasons: tuple[str, ...]
    by_kvm_exit: bool
    """Whether the host has ``kvm_exit``."""


def stream_of(events: Mapping[str, Columns], pid: int, file: str) -> Stream:
    """Put the events of one process in order; an announced read that is not answered is left out.

    Raises CorruptFileError where ``file``, which they are of, holds what KVM cannot have written.
    """
    came = ((name, columns) for name, columns in events.items() if len(columns.time_ns))
    known = [(name, columns) for name, columns in came if name in _SHAPES]
    for name, columns in known:
        _require_sane(name, columns, file)
    parts = [_part(name, columns, pid) for name, columns in known]
    joined = np.concatenate([np.empty((0, 6), dtype=np.int64), *parts])
    joined = joined[np.lexsort((joined[:, 0], joined[:, 1]))]
    return Stream(*np.ascontiguousarray(joined.T))


def _require_sane(name: str, columns: Columns, file: str) -> None:
    """Check what is taken apart below: which fields there are, and numbers that choose among some."""
    for field, most in kvm_exits.EVENTS[name].fields.items():
        if field not in columns.fields and field not in _OPTIONAL:
            trouble = f"this recording has no number {field} of it"
            raise CorruptFileError(file, int(columns.at[0]), name, trouble)
        values = columns.fields.get(field)
        if most is not None and values is not None:
            for i in np.flatnonzero((values < 0) | (values > most))[:1].tolist():
                trouble = f"{field} is {values[i]}, and at most {most} has a meaning"
                raise CorruptFileError(file, int(columns.at[i]), name, trouble)


def _part(name: str, columns: Columns, pid: int) -> Numbers:
    code, detail, extra, value = _SHAPES[name](columns.fields, len(columns.time_ns))
    rows = np.stack(
        [columns.time_ns, columns.tid, *np.broadcast_arrays(code, detail, extra, value)], axis=1
    )
    kept: Numbers = rows[(columns.pid == pid) & (rows[:, 2] != UNKNOWN)]
    return kept


_Fields = Mapping[str, Numbers]
_Shape = tuple[Numbers, Numbers, Numbers, Numbers]


def _pio(fields: _Fields, n: int) -> _Shape:
    del n
    kinds = np.array([KINDS.index(ExitKind.PORT_READ), KINDS.index(ExitKind.PORT_WRITE)])
    return kinds[fields["rw"]], fields["port"], fields["count"], fields["val"]


def _mmio(fields: _Fields, n: int) -> _Shape:
    kinds = np.full(3, UNKNOWN)
    kinds[kvm_exits.MMIO_READ] = KINDS.index(ExitKind.MMIO_READ)
    kinds[kvm_exits.MMIO_WRITE] = KINDS.index(ExitKind.MMIO_WRITE)
    return kinds[fields["type"]], fields["gpa"], np.ones(n, np.int64), np.zeros(n, np.int64)


def _msr(fields: _Fields, n: int) -> _Shape:
    kinds = np.array([KINDS.index(ExitKind.MSR_READ), KINDS.index(ExitKind.MSR_WRITE)])
    return kinds[fields["write"]], fields["ecx"], np.ones(n, np.int64), np.zeros(n, np.int64)


def _exit(fields: _Fields, n: int) -> _Shape:
    isa = fields.get("isa", np.full(n, kvm_exits.ISA_VMX))
    return np.full(n, Code.EXIT), fields["exit_reason"], isa, np.zeros(n, np.int64)


def _to_qemu(fields: _Fields, n: int) -> _Shape:
    return np.full(n, Code.TO_QEMU), fields["reason"], fields["errno"], np.zeros(n, np.int64)


def _plain(code: Code) -> Callable[[_Fields, int], _Shape]:
    return lambda _, n: (np.full(n, code), *(np.zeros(n, np.int64),) * 3)


_SHAPES: Mapping[str, Callable[[_Fields, int], _Shape]] = {  # of kvm_exits.EVENTS
    kvm_trace.PIO: _pio,
    kvm_exits.MMIO: _mmio,
    kvm_stock.MSR: _msr,
    kvm_exits.EXIT: _exit,
    kvm_trace.ENTRY: _plain(Code.ENTRY),
    kvm_exits.USERSPACE_EXIT: _to_qemu,
    kvm_trace.FPU: _plain(Code.FROM_QEMU),
}


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
    to_qemu = _firsts(within, belongs & (stream.code == Code.TO_QEMU), len(at))
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
        by_qemu=to_qemu >= 0,
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
        by_qemu=by >= 0,
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


def distinct(*columns: Numbers) -> tuple[list[tuple[int, ...]], Numbers]:
    """Give the different rows of some columns, in order, and which of them each row is.

    One number is made of each row, for numpy sorts numbers fifty times as fast as rows.
    """
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        least, most = (int(column.min()), int(column.max())) if len(column) else (0, 0)
        digit = column - least
        if most - least > _WIDE:
            digit = np.unique(column, return_inverse=True)[1].reshape(-1)
        code = code * (
            min(most - least, len(column)) + 1 if most - least > _WIDE else most - least + 1
        )
        code += digit
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    rows = zip(*(column[first].tolist() for column in columns), strict=True)
    return list(rows), which.reshape(-1)
