"""Runs of records that nobody wants, passed over by a regular expression.

Nearly all of a recording may be such, and the standard library has no faster loop: 0.1 us a record
instead of 0.2 or more. The expression names what was met often so far (event, size), so it costs nothing
where there is little to pass over. Whatever it does not match is read as ever.
"""

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.perfdata.abi import RecordType
from qemu_boot_time.formats.perfdata.abi import Sample as Bit
from qemu_boot_time.formats.perfdata.attr import Attr
from qemu_boot_time.formats.perfdata.samples import FieldIn, head_offset
from qemu_boot_time.formats.tracing import EventFormat, Field, Place

_PAYS_AFTER = 1000
"""Records: to read them takes as long as to compile an expression that passes over the next."""
_MOST_BRANCHES = 48
_LOW_TIME_BYTES = 3
_TYPE_BYTES = 4
_RAW_SIZE_BYTES = 4
_GROUPS = 4
"""Of each event of which the first of a run is read: its begin, thread, time and CPU."""


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Of ``event`` not all samples are needed, so that millions cost no more than a few.

    Given are at least the first of each thread on each CPU in any 17 ms (2**24 ns), and those that
    ``besides`` asks for.
    """

    event: str
    besides: FieldIn | None = None


class _Piece(NamedTuple):
    """What some bytes of a record must be."""

    at: int
    size: int
    regex: bytes


_NOTHING = _Piece(0, 0, b"(?!)")


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where the samples of one event keep what tells whether they can be passed over."""

    attr: Attr
    event: EventFormat | None
    order: ByteOrder
    wanted: bool
    where: tuple[FieldIn, ...] = ()
    first_of: FirstOf | None = None

    @property
    def can_be_skipped(self) -> bool:
        """Whether some of its samples can be passed over unread."""
        lies_still = self.event is not None and not self.attr.sample_type & (
            Bit.READ | Bit.CALLCHAIN
        )
        ruled = bool(self.where) or (self.first_of is not None and self._has_cpu)
        return not self.wanted or (ruled and lies_still and bool(self.attr.sample_type & Bit.RAW))

    @property
    def _has_cpu(self) -> bool:
        return bool(self.attr.sample_type & Bit.CPU)

    def branches(self, size: int, groups: Iterator[int]) -> Iterator[bytes]:
        """Give expressions for samples of this size that can be passed over, without their type.

        ``_GROUPS`` are taken where the first of a run is to be read after all.
        """
        if not self.wanted:
            yield _record(size, self.order, self._ids())
            return
        known = [*self._ids(), *self._raw(size)]
        for rule in self.where:
            yield _record(size, self.order, [*known, self._unless(rule)])
        if self.first_of is not None and self._has_cpu:
            besides = self.first_of.besides
            if besides is not None and self._field(besides.field) is not None:
                known.append(self._unless(besides))
            yield from (_record(size, self.order, [*known, *key]) for key in self._keys(groups))

    def _ids(self) -> list[_Piece]:
        if self.attr.id_offset is None:
            return []
        return [_Piece(self.attr.id_offset, 8, _one_of(self.attr.ids, self.order))]

    def _raw(self, size: int) -> list[_Piece]:
        """Give what shows that the raw data is of this event, and fills the record."""
        at = head_offset(self.attr, Bit.RAW)
        head = struct.pack(f"{self.order}IH", max(0, size - at - 4), self.attr.config & 0xFFFF)
        return [_Piece(at, len(head), re.escape(head))]

    def _field(self, name: str) -> Field | None:
        fields = self.event.fields if self.event else ()
        return next((field for field in fields if field.name == name), None)

    def _unless(self, rule: FieldIn) -> _Piece:
        """Give what matches where a field has none of the values; nothing, where none can tell."""
        field = self._field(rule.field)
        if field is None or field.is_array or field.place is not Place.INLINE:
            return _NOTHING
        at = head_offset(self.attr, Bit.RAW) + _RAW_SIZE_BYTES + field.offset
        values = (_bytes_of(value, field.size, self.order) for value in rule.values)
        one_of_them = b"|".join(map(re.escape, values)) or _NOTHING.regex
        return _Piece(at, field.size, b"(?!%s)%s" % (one_of_them, _anything(field.size)))

    def _keys(self, groups: Iterator[int]) -> Iterator[list[_Piece]]:
        """Match the first of a run, whatever its thread, time and CPU; then those that have the same."""
        begin = next(groups)
        tid, time, cpu = (head_offset(self.attr, bit) for bit in (Bit.TID, Bit.TIME, Bit.CPU))
        time += _LOW_TIME_BYTES if self.order == "<" else 0
        places = [(tid + 4, 4), (time, 8 - _LOW_TIME_BYTES), (cpu, 4)]
        is_first = _Piece(_TYPE_BYTES, 0, b"(?(%d)(?!))()" % begin)
        yield [is_first, *(_Piece(at, size, b"(.{%d})" % size) for at, size in places)]
        yield [_Piece(at, size, b"(?:\\%d)" % next(groups)) for at, size in places]


class Skimmer:
    """Learns which records come often and are not wanted, and passes over runs of them."""

    def __init__(self, order: ByteOrder, shapes: Mapping[int | bytes, Shape]) -> None:
        """``shapes`` by id."""
        self._order = order
        self._shapes = {number: shape for number, shape in shapes.items() if shape.can_be_skipped}
        self._missed: Counter[tuple[Shape | int, int]] = Counter()
        self._patience = self._left = _PAYS_AFTER
        self.match: Callable[[bytes, int, int], re.Match[bytes] | None] | None = None
        """Match a run of records from one place of a buffer to another; None: not worth it yet."""

    @staticmethod
    def firsts(run: re.Match[bytes]) -> list[int]:
        """Give where the samples of a run begin that are to be read after all."""
        begins = (run.start(group) for group in range(1, run.re.groups + 1, _GROUPS))
        return sorted(begin - _TYPE_BYTES for begin in begins if begin >= 0)

    def missed(self, kind: int, size: int, sample_id: int | bytes) -> None:
        """Take note of a record that was read and might have been passed over."""
        what = self._shapes.get(sample_id) if kind == RecordType.SAMPLE else kind
        if what is None:
            return
        self._missed[what, size] += 1
        self._left -= 1
        if not self._left:
            self._learn()
            self._patience = self._left = 2 * self._patience

    def _learn(self) -> None:
        groups = count(1)
        branches: dict[int, list[bytes]] = defaultdict(list)
        for (what, size), _ in self._missed.most_common(_MOST_BRANCHES):
            if isinstance(what, Shape):
                branches[RecordType.SAMPLE] += what.branches(size, groups)
            else:
                branches[what].append(_record(size, self._order, ()))
        of_kinds = (
            re.escape(struct.pack(f"{self._order}I", kind)) + b"(?:%s)" % b"|".join(bodies)
            for kind, bodies in branches.items()
        )
        self.match = re.compile(b"(?:%s)++" % b"|".join(of_kinds), re.DOTALL).match


def _record(size: int, order: ByteOrder, pieces: Iterable[_Piece]) -> bytes:
    """Give the expression for a record of this size, from behind its type on."""
    header = _Piece(6, 2, re.escape(struct.pack(f"{order}H", size)))
    parts, end = [], _TYPE_BYTES
    for piece in sorted([header, *pieces, _Piece(size, 0, b"")]):
        if piece.at < end:
            return _NOTHING.regex
        parts += [_anything(piece.at - end), piece.regex]
        end = piece.at + piece.size
    return b"".join(parts)


def _anything(size: int) -> bytes:
    return b".{%d}" % size


def _bytes_of(value: int, size: int, order: ByteOrder) -> bytes:
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little" if order == "<" else "big")


def _one_of(numbers: Iterable[int], order: ByteOrder) -> bytes:
    """Match one of these u64; those that differ in the low byte alone (one a CPU) as a class."""
    by_rest: dict[int, list[bytes]] = defaultdict(list)
    for number in numbers:
        by_rest[number >> 8].append(b"\\x%02x" % (number & 0xFF))
    alternatives = []
    for rest, lows in by_rest.items():
        parts = [b"[%s]" % b"".join(lows), re.escape(_bytes_of(rest, 7, order))]
        alternatives.append(b"".join(parts if order == "<" else parts[::-1]))
    return b"(?:%s)" % b"|".join(alternatives)
