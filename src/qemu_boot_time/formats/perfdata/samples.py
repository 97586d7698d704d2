"""SAMPLE records: where one event's samples keep what, and how to make them a :class:`Sample`."""

import struct
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.perfdata.abi import ReadFormat
from qemu_boot_time.formats.perfdata.abi import Sample as Bit
from qemu_boot_time.formats.perfdata.attr import Attr, read_words
from qemu_boot_time.formats.perfdata.records import Sample
from qemu_boot_time.formats.tracing import EventFormat, Fields, compile_fields

# What precedes the parts of variable size, in the order of the ABI: kept values, skipped bytes.
_HEAD = (
    (Bit.IDENTIFIER, "8x"),
    (Bit.IP, "8x"),
    (Bit.TID, "ii"),
    (Bit.TIME, "Q"),
    (Bit.ADDR, "8x"),
    (Bit.ID, "8x"),
    (Bit.STREAM_ID, "8x"),
    (Bit.CPU, "i4x"),
    (Bit.PERIOD, "8x"),
)
_NEEDED = Bit.TID | Bit.TIME

_RAW_SIZE_BYTES = 4


def head_offset(attr: Attr, part: Bit) -> int:
    """Say where a sample record carries a part of its head; RAW: where the head ends."""
    before = takewhile(lambda each: each[0] is not part, _HEAD)
    return 8 + struct.calcsize(f"<{''.join(c for bit, c in before if attr.sample_type & bit)}")


WhereTest = Callable[[bytes, int, int], bool]


class SampleError(ValueError):
    """A sample whose bytes do not fit its event."""


@dataclass(frozen=True, slots=True)
class FieldIn:
    """Keep only the samples of ``event`` whose ``field`` is one of ``values``."""

    event: str
    field: str
    values: Collection[int]


def _where_test(event: EventFormat, where: FieldIn, order: ByteOrder) -> WhereTest:
    field = next((field for field in event.fields if field.name == where.field), None)
    if field is None:
        raise InputError(
            f"{event.full_name} has no field {where.field} in this recording",
            hint=f"it has {', '.join(field.name for field in event.fields)}",
        )
    decode = compile_fields([field], order)
    values = frozenset(where.values)
    return lambda buffer, begin, size: decode(buffer, begin, size)[where.field] in values


class SampleReader:
    """Reads the samples of one event."""

    def __init__(
        self,
        attr: Attr,
        name: str,
        event: EventFormat | None,
        where: Iterable[FieldIn],
        order: ByteOrder,
    ) -> None:
        """Raise InputError where samples carry no time or no thread, or lack the field asked for."""
        if attr.sample_type & _NEEDED != _NEEDED:
            raise InputError(
                f"{name}: recorded without times or threads",
                hint="record with `perf record -T`, or leave this event out",
            )
        self._name = name
        self._attr = attr
        codes = (code for bit, code in _HEAD if attr.sample_type & bit)
        self._head = struct.Struct(f"{order}8x{''.join(codes)}")
        self._has_cpu = bool(attr.sample_type & Bit.CPU)
        self._has_raw = bool(attr.sample_type & Bit.RAW)
        self._varies = bool(attr.sample_type & (Bit.READ | Bit.CALLCHAIN))
        self._raw = struct.Struct(f"{order}IH")
        self._word = struct.Struct(f"{order}Q")
        self._most_bytes = event.most_bytes if event else sys.maxsize
        self._where = [_where_test(event, rule, order) for rule in where] if event else []
        self._fields = compile_fields(event.fields if event else (), order)

    def read(self, buffer: bytes, begin: int, size: int) -> Sample | None:
        """Read the sample record at ``begin``; None where it is not one of those asked for.

        Raises SampleError or FieldError where its bytes cannot be.
        """
        end, at = begin + size, begin + self._head.size
        if at > end:
            raise SampleError(f"{size} bytes, at least {self._head.size} needed")
        fields: Fields = {}
        if self._has_raw:
            if self._varies:
                at = self._after_varying(buffer, at, end)
            if at + self._raw.size > end:
                raise SampleError("it ends before its raw data")
            raw_size, common_type = self._raw.unpack_from(buffer, at)
            at += _RAW_SIZE_BYTES
            self._check(common_type, raw_size, end - at)
            for test in self._where:
                if not test(buffer, at, raw_size):
                    return None
            fields = self._fields(buffer, at, raw_size)
        head = self._head.unpack_from(buffer, begin)
        return Sample(
            head[2], head[0], head[1], head[3] if self._has_cpu else -1, self._name, fields
        )

    def _check(self, common_type: int, raw_size: int, room: int) -> None:
        if raw_size > room:
            raise SampleError(f"{raw_size} bytes of raw data in a record too small for them")
        if raw_size > self._most_bytes:
            raise SampleError(f"{raw_size} bytes of raw data, {self._name} has {self._most_bytes}")
        if common_type != self._attr.config and self._attr.is_tracepoint:
            raise SampleError(f"common_type {common_type} in an event of type {self._attr.config}")

    def _after_varying(self, buffer: bytes, at: int, end: int) -> int:
        if self._attr.sample_type & Bit.READ:
            head, each = read_words(self._attr)
            grouped = self._attr.read_format & ReadFormat.GROUP
            values = self._word_at(buffer, at, end) if grouped else 1
            at += 8 * (head + each * values)
        if self._attr.sample_type & Bit.CALLCHAIN:
            at += 8 + 8 * self._word_at(buffer, at, end)
        return at

    def _word_at(self, buffer: bytes, at: int, end: int) -> int:
        if at + 8 > end:
            raise SampleError("it ends inside its counts")
        (value,) = self._word.unpack_from(buffer, at)
        return int(value)
