"""KVM's events of one VM as columns of numbers, whatever fields each kind of event has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.exits import ExitKind
from qemu_boot_time.formats.perfdata.columns import Columns
from qemu_boot_time.sources import kvm_exits, kvm_stock, kvm_trace

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]

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
