"""perf_event_attr: how one event was asked for, and how its records are laid out."""

import struct
from dataclasses import dataclass

from qemu_boot_time.formats.cursor import Cursor
from qemu_boot_time.formats.perfdata.abi import TYPE_TRACEPOINT, AttrFlag, ReadFormat, Sample

_OLDEST_BYTES = 64
_KNOWN = struct.Struct("<Q8xQQQ44xi")
_KNOWN_BIG = struct.Struct(">Q8xQQQ44xi")
"""From ``config`` to ``clockid``."""

_BEFORE_ID = Sample.IP | Sample.TID | Sample.TIME | Sample.ADDR
_AFTER_ID_IN_TRAILER = Sample.STREAM_ID | Sample.CPU


@dataclass(frozen=True, slots=True)
class Attr:
    """The part of perf_event_attr that reading needs."""

    type: int
    config: int
    sample_type: int
    read_format: int
    flags: int
    """As a little-endian kernel lays it out, whatever wrote it."""
    clock_id: int | None
    """The clock asked for with ``-k``; None: the kernel's own (sched_clock)."""
    ids: tuple[int, ...] = ()
    """The ids that the kernel gave it: one for each CPU or thread."""

    @property
    def is_tracepoint(self) -> bool:
        """Whether ``config`` is the id of a tracepoint."""
        return self.type == TYPE_TRACEPOINT

    @property
    def id_offset(self) -> int | None:
        """Where a sample record carries its id, in bytes from the record's begin; None: nowhere."""
        if self.sample_type & Sample.IDENTIFIER:
            return 8
        if self.sample_type & Sample.ID:
            return 8 + 8 * (self.sample_type & _BEFORE_ID).bit_count()
        return None

    @property
    def id_offset_from_end(self) -> int | None:
        """Where other records carry their id, in bytes from the record's end; None: nowhere."""
        if not self.flags & AttrFlag.SAMPLE_ID_ALL:
            return None
        if self.sample_type & Sample.IDENTIFIER:
            return 8
        if self.sample_type & Sample.ID:
            return 8 + 8 * (self.sample_type & _AFTER_ID_IN_TRAILER).bit_count()
        return None


def read_attr(cursor: Cursor) -> Attr:
    """Read a perf_event_attr of the size that it names itself, as far as it is there.

    Leaves the cursor behind it. Fields that an old kernel did not have are zero; those of a newer one are skipped.
    """
    kind, size = cursor.u32(), cursor.u32()
    own = min((size or _OLDEST_BYTES) - 8, cursor.remaining)
    known = cursor.take(own)[: _KNOWN.size].ljust(_KNOWN.size, b"\0")
    big = cursor.order == ">"
    config, sample_type, read_format, flags, clock_id = (_KNOWN_BIG if big else _KNOWN).unpack(
        known
    )
    if big:
        flags = _mirrored(flags)
    return Attr(
        type=kind,
        config=config,
        sample_type=sample_type,
        read_format=read_format,
        flags=flags,
        clock_id=clock_id if flags & AttrFlag.USE_CLOCKID else None,
    )


def _mirrored(bits: int) -> int:
    """Turn a bit field around: a big-endian compiler fills it from the top."""
    return int(f"{bits:064b}"[::-1], 2)


def read_words(attr: Attr) -> tuple[int, int]:
    """Give the size of a READ inside a sample, in words: its head, and each of its values.

    Without GROUP there is exactly one value; with GROUP the head's first word counts them.
    """
    times = ReadFormat.TOTAL_TIME_ENABLED | ReadFormat.TOTAL_TIME_RUNNING
    each = ReadFormat.ID | ReadFormat.LOST
    group = attr.read_format & ReadFormat.GROUP
    head = (attr.read_format & (times | group)).bit_count()
    return head, 1 + (attr.read_format & each).bit_count()
