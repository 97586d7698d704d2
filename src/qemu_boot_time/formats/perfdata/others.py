"""The records that are no samples: those that matter here, and the id fields at their end."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qemu_boot_time.formats.cursor import ByteOrder, Cursor, text_of
from qemu_boot_time.formats.perfdata.abi import MISC_COMM_EXEC, AttrFlag, RecordType
from qemu_boot_time.formats.perfdata.abi import Sample as Bit
from qemu_boot_time.formats.perfdata.attr import Attr
from qemu_boot_time.formats.perfdata.records import (
    Comm,
    Exit,
    Fork,
    LossKind,
    Lost,
    Record,
    Throttle,
)

_NO_CPU = -1
_FIELDS = (
    (Bit.TID, "8x"),
    (Bit.TIME, "Q"),
    (Bit.ID, "8x"),
    (Bit.STREAM_ID, "8x"),
    (Bit.CPU, "i4x"),
    (Bit.IDENTIFIER, "8x"),
)


@dataclass(frozen=True, slots=True)
class Trailer:
    """What the end of a record says (sample_id_all): when, where, of which event."""

    time_ns: int = 0
    cpu: int = _NO_CPU
    event: str = ""


class TrailerReader:
    """Reads the trailers of the records that belong to one event."""

    def __init__(self, attr: Attr, event: str, order: ByteOrder) -> None:
        present = attr.sample_type if attr.flags & AttrFlag.SAMPLE_ID_ALL else 0
        self._struct = struct.Struct(
            order + "".join(code for bit, code in _FIELDS if present & bit)
        )
        self._kept = [bit for bit in (Bit.TIME, Bit.CPU) if present & bit]
        self._event = event

    def split(self, body: Cursor) -> tuple[Cursor, Trailer]:
        """Part the body of a record from its trailer."""
        own = body.part(body.remaining - self._struct.size, body.structure)
        kept = dict(zip(self._kept, self._struct.unpack(body.take(self._struct.size)), strict=True))
        return own, Trailer(kept.get(Bit.TIME, 0), kept.get(Bit.CPU, _NO_CPU), self._event)


def _comm(misc: int, body: Cursor, trailer: Trailer) -> Comm:
    pid, tid = body.i32(), body.i32()
    comm = text_of(body.take(body.remaining))
    return Comm(trailer.time_ns, pid, tid, comm, bool(misc & MISC_COMM_EXEC))


def _task(kind: type[Fork] | type[Exit], body: Cursor, trailer: Trailer) -> Fork | Exit:
    pid, ppid, tid, ptid = (body.i32() for _ in range(4))
    own_ns = body.u64()
    return kind(trailer.time_ns or own_ns, pid, ppid, tid, ptid)


def _lost(_misc: int, body: Cursor, trailer: Trailer) -> Lost:
    body.u64()
    return Lost(trailer.time_ns, trailer.cpu, body.u64(), trailer.event, LossKind.RING)


def _lost_samples(_misc: int, body: Cursor, trailer: Trailer) -> Lost:
    cpu = trailer.cpu if trailer.time_ns else _NO_CPU
    return Lost(trailer.time_ns, cpu, body.u64(), trailer.event, LossKind.TOTAL)


def _throttle(body: Cursor, trailer: Trailer, *, stopped: bool) -> Throttle:
    return Throttle(body.u64(), trailer.cpu, trailer.event, stopped)


_TYPED: Mapping[int, Callable[[int, Cursor, Trailer], Record]] = {
    RecordType.COMM: _comm,
    RecordType.FORK: lambda _, body, trailer: _task(Fork, body, trailer),
    RecordType.EXIT: lambda _, body, trailer: _task(Exit, body, trailer),
    RecordType.LOST: _lost,
    RecordType.LOST_SAMPLES: _lost_samples,
    RecordType.THROTTLE: lambda _, body, trailer: _throttle(body, trailer, stopped=True),
    RecordType.UNTHROTTLE: lambda _, body, trailer: _throttle(body, trailer, stopped=False),
}
"""By type: what makes the body of a record (without header and trailer) a typed one."""


def is_typed(kind: int) -> bool:
    """Whether :func:`read_other` makes something of records of this type."""
    return kind in _TYPED


def read_other(kind: int, misc: int, body: Cursor, trailer_of: TrailerReader) -> Record:
    """Read a record that is no sample; raise CorruptFileError where it is too short."""
    own, trailer = trailer_of.split(body)
    return _TYPED[kind](misc, own, trailer)
