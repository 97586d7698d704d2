"""Samples by the hundred thousand as columns of numbers: for recordings of which nearly all is wanted.

Finding them and taking their fields is numpy's work, a tenth of a microsecond a sample. Only streams whose
samples have the ids of their events in front can be read so: that is what ``perf_event`` writes.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.perfdata.abi import PIPE_HEADER_BYTES, RECORD_HEADER_BYTES, RecordType
from qemu_boot_time.formats.perfdata.abi import Sample as Bit
from qemu_boot_time.formats.perfdata.reader import open_recording
from qemu_boot_time.formats.perfdata.samples import head_offset
from qemu_boot_time.formats.perfdata.session import EventDesc
from qemu_boot_time.formats.tracing import Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

_PEEK = struct.Struct("<I2xHQ")
"""Type, size, and the id where it is a sample (or what is lost of which event, where it is that)."""
_SAMPLE = int(RecordType.SAMPLE)
_WORD, _KIND, _SIZE_SHIFT = 8, 0xFFFFFFFF, 48
"""The first word of a record has its type in the low half, its size in the highest sixteen bits."""
_SIZE = 6
"""Where a record's size lies in it."""
_RAW_SIZE_BYTES = 4
_NEEDED = Bit.IDENTIFIER | Bit.TID | Bit.TIME | Bit.RAW
_INTEGERS = {1: "i1", 2: "i2", 4: "i4", 8: "i8"}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The samples of one event, in the order of the recording."""

    time_ns: "Numbers"
    pid: "Numbers"
    tid: "Numbers"
    fields: "Mapping[str, Numbers]"
    """Of 64 bits, so that a field of 64 bits without a sign may turn out negative. Those alone that are
    numbers in the recording's own description of the event."""
    at: "Numbers"
    """Where each sample lies in the file, in bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What a recording holds."""

    events: Mapping[str, Columns]
    """By name; only those that were recorded, whether they came or not."""
    lost: int
    """Records that found no room."""
    damage: str
    """What is wrong with the rest; empty: nothing."""


def read_columns(file: Path, wanted: Mapping[str, Sequence[str]]) -> Table:
    """Read these events (``system:name``) with these fields, where the kernel had them.

    What is torn at the end is left out, and told. Raises InputError for what is no such recording,
    CorruptFileError where it is damaged before its first record, or a sample is shorter than its event.
    """
    described = open_recording(file, wanted=(), tracefs=None).events
    known = [event for event in described if event.name in wanted and event.format is not None]
    data = file.read_bytes()
    records = _Records(data)
    records.walk_to_samples()
    ids, at = records.samples()
    torn = CorruptFileError(str(file), records.pos, "record", "the file ends inside it").what
    return Table(
        {
            event.name: _columns(file, data, _of(event, ids, at), event, wanted[event.name])
            for event in known
        },
        max(records.told, records.in_all),  # both count the same losses
        "" if records.pos == len(data) else torn,
    )


def _of(event: EventDesc, ids: "Numbers", at: "Numbers") -> "Numbers":
    """Give where the samples of one event lie."""
    import numpy as np

    return at[np.isin(ids, event.attr.ids)]


class _Records:
    """A walk over records that leaps over samples.

    Each word of eight bytes that looks like the head of a sample is taken for one, and then what is
    none is left out: a record begins where the one before it ends.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.pos = PIPE_HEADER_BYTES
        """Where the walk has come to."""
        self.told = self.in_all = 0
        """What was lost, as the rings told it, and as it was added up at the end."""

    def walk_to_samples(self) -> None:
        """Walk over what describes the recording."""
        while (kind := self._kind()) is not None and kind != _SAMPLE:
            self._step(kind)

    def samples(self) -> "tuple[Numbers, Numbers]":
        """Walk to the end; give the ids of all samples, and where they lie."""
        import numpy as np

        begin, size = self.pos, max(0, len(self._data) - self.pos) // _WORD
        words = np.frombuffer(self._data, "<u8", size, begin if size else 0)
        heads = np.flatnonzero((words & _KIND) == _SAMPLE)
        at = heads * _WORD + begin
        ends = at + (words[heads] >> _SIZE_SHIFT).astype(np.int64)
        kept = self._linked(at, ends)
        ids = words[np.minimum(heads[kept] + 1, max(0, size - 1))]
        return ids.astype(np.int64), at[kept]

    def _linked(self, at: "Numbers", ends: "Numbers") -> "Numbers":
        """Give which samples are really such, walking over what lies between them."""
        import numpy as np

        follows = np.append(at[1:] == ends[:-1], False)  # the last has no next
        kept: list[Numbers] = []
        gaps, i = np.flatnonzero(~follows), 0
        while i < len(at):
            if at[i] != self.pos:
                i = self._walk_to(at, i)
                continue
            last = int(gaps[np.searchsorted(gaps, i)])
            last -= int(ends[last] > len(self._data))
            kept.append(np.arange(i, last + 1))
            self.pos = int(ends[last]) if last >= i else self.pos
            i = last + 1 if last >= i else len(at)
        self._walk_to(at, len(at))
        return np.concatenate([np.empty(0, np.int64), *kept])

    def _walk_to(self, at: "Numbers", i: int) -> int:
        """Walk on until a sample begins; give which one, of those from ``i`` on."""
        while (kind := self._kind()) is not None:
            while i < len(at) and at[i] < self.pos:
                i += 1
            if i < len(at) and at[i] == self.pos:
                return i
            self._step(kind)
        return len(at)

    def _kind(self) -> int | None:
        """Say what kind of record is next; None: no whole record is."""
        if self.pos + _PEEK.size > len(self._data):
            return None
        kind, size, _ = _PEEK.unpack_from(self._data, self.pos)
        is_whole = size >= RECORD_HEADER_BYTES and self.pos + size <= len(self._data)
        return int(kind) if is_whole else None

    def _step(self, kind: int) -> None:
        _, size, word = _PEEK.unpack_from(self._data, self.pos)
        if kind == RecordType.LOST:
            at = self.pos + _PEEK.size
            self.told += int.from_bytes(self._data[at : at + _WORD], "little")
        elif kind == RecordType.LOST_SAMPLES:
            self.in_all += word
        elif kind == RecordType.HEADER_TRACING_DATA:
            size += word & _KIND
        self.pos += size


def _columns(
    file: Path, data: bytes, at: "Numbers", event: EventDesc, names: Sequence[str]
) -> Columns:
    attr = event.attr
    if attr.sample_type & _NEEDED != _NEEDED or attr.sample_type & (Bit.READ | Bit.CALLCHAIN):
        raise InputError(
            f"{event.name}: not recorded as perf_event does", hint="qbt analyze reads it"
        )
    raw, tid = head_offset(attr, Bit.RAW) + _RAW_SIZE_BYTES, head_offset(attr, Bit.TID)
    wanted = [
        field
        for field in (event.format.fields if event.format else ())
        if field.name in names and field.size in _INTEGERS
    ]
    width = max((raw + field.offset + field.size for field in wanted), default=raw)
    rows = _rows(data, at, width)
    _require_whole(file, rows, at, raw)
    return Columns(
        _number(rows, head_offset(attr, Bit.TIME), "<u8"),
        _number(rows, tid, "<i4"),
        _number(rows, tid + 4, "<i4"),
        {field.name: _number(rows, raw + field.offset, _type(field)) for field in wanted},
        at,
    )


def _rows(data: bytes, at: "Numbers", width: int) -> "Bytes":
    """Take so many bytes of each record, one row a record; beyond the file's end there are zeros."""
    import numpy as np

    beyond = max(0, int(at.max(initial=0)) + width - len(data))
    whole = np.frombuffer(data + bytes(beyond) if beyond else data, dtype=np.uint8)
    return np.lib.stride_tricks.sliding_window_view(whole, width)[at]


def _require_whole(file: Path, rows: "Bytes", at: "Numbers", raw: int) -> None:
    """Hold samples against their own sizes: what lies behind one is another record's."""
    record_bytes = _number(rows, _SIZE, "<u2")
    raw_bytes = _number(rows, raw - _RAW_SIZE_BYTES, "<u4")
    needed = rows.shape[1]
    short = (record_bytes < raw + raw_bytes) | (raw + raw_bytes < needed)
    for i in short.nonzero()[0][:1].tolist():
        has = min(int(record_bytes[i]), raw + int(raw_bytes[i]))
        trouble = f"its event takes {needed} bytes, it has {has}"
        raise CorruptFileError(str(file), int(at[i]), "sample", trouble)


def _type(field: Field) -> str:
    code = _INTEGERS[field.size]
    return f"<{code if field.signed else code.replace('i', 'u')}"


def _number(rows: "Bytes", offset: int, kind: str) -> "Numbers":
    """Take one number out of each row."""
    import numpy as np

    size = np.dtype(kind).itemsize
    pieces = np.ascontiguousarray(rows[:, offset : offset + size])
    return pieces.view(kind)[:, 0].astype(np.int64)
