"""perf.data in file format: the header, the table of events, the sections behind the data."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.formats.cursor import ByteOrder, Cursor
from qemu_boot_time.formats.perfdata.abi import FILE_HEADER_BYTES, Feature
from qemu_boot_time.formats.perfdata.attr import Attr, read_attr

_MAX_SECTION_BYTES = 64 << 20
_SECTION_BYTES = 16
_SMALLEST_ATTR_BYTES = 64
_FEATURE_WORDS = 4
_COPY_AGAIN = "copy it again, whole; or record it again"


class Section(NamedTuple):
    """A part of a file, in bytes."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next one may begin."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What stands at the begin of a file."""

    attr_size: int
    """Bytes of one entry of ``attrs``: perf_event_attr and the section of its ids."""
    attrs: Section
    data: Section
    """Of size 0 when perf was killed: it writes the size, and what follows the data, at the end."""
    features: tuple[int, ...]
    """Numbers of the features whose sections follow the data, in this order."""


class Source:
    """An open file whose sections are read with bounds."""

    def __init__(self, stream: BinaryIO, *, file: str, order: ByteOrder) -> None:
        self._stream = stream
        self.file = file
        self.size = stream.seek(0, os.SEEK_END)
        self.order: ByteOrder = order

    def require(self, section: Section, structure: str, *, at_most: int = sys.maxsize) -> None:
        """Raise CorruptFileError where a section is not all there, or of more bytes than sane."""
        trouble = ""
        if section.end > self.size:
            trouble = (
                f"{section.size} bytes should be there, the file ends at byte {self.size}: cut off?"
            )
        elif section.size > at_most:
            trouble = f"{section.size} bytes, more than there can be"
        if trouble:
            raise CorruptFileError(self.file, section.offset, structure, trouble, hint=_COPY_AGAIN)

    def read(self, section: Section, structure: str) -> Cursor:
        """Read a section into memory; raise CorruptFileError as :meth:`require` does."""
        self.require(section, structure, at_most=_MAX_SECTION_BYTES)
        self._stream.seek(section.offset)
        return Cursor(
            self._stream.read(section.size),
            file=self.file,
            structure=structure,
            order=self.order,
            base=section.offset,
        )

    def clip(self, begin: int, end: int) -> Section:
        """Give what is there of a part of the file."""
        begin = min(begin, self.size)
        return Section(begin, max(0, min(end, self.size) - begin))


def read_file_header(source: Source) -> FileHeader:
    """Read the header of a file; raise CorruptFileError where it cannot be."""
    cursor = source.read(Section(0, FILE_HEADER_BYTES), "header")
    cursor.take(8)
    size, attr_size = cursor.u64s(2)
    if size != FILE_HEADER_BYTES:
        raise cursor.corrupt(f"of {size} bytes instead of {FILE_HEADER_BYTES}")
    if not _SMALLEST_ATTR_BYTES <= attr_size - _SECTION_BYTES < 1 << 16:
        raise cursor.corrupt(f"events of {attr_size} bytes")
    attrs, data = (Section(*cursor.u64s(2)) for _ in range(2))
    cursor.u64s(2)
    return FileHeader(attr_size, attrs, data, tuple(_features(cursor)))


def _features(cursor: Cursor) -> Iterator[int]:
    """Read the bitmap, which is an array of unsigned long: of 32 bits on a 32-bit machine.

    That matters for big-endian ones only. As perf does: where HOSTNAME, which perf always writes, is
    not set among the 64-bit words, take them for 32-bit ones.
    """
    at = cursor.position
    bits = sum(word << 64 * i for i, word in enumerate(cursor.u64s(_FEATURE_WORDS)))
    if not bits >> Feature.HOSTNAME & 1:
        cursor.position = at
        bits = sum(cursor.u32() << 32 * i for i in range(2 * _FEATURE_WORDS))
    return (number for number in range(bits.bit_length()) if bits >> number & 1)


def read_attrs(source: Source, header: FileHeader) -> Iterator[Attr]:
    """Read the table of events."""
    table = source.read(header.attrs, "event table")
    while table.remaining:
        entry = table.part(header.attr_size - _SECTION_BYTES, "event")
        ids = source.read(Section(*table.u64s(2)), "event ids")
        yield replace(read_attr(entry), ids=ids.u64s(ids.remaining // 8))


def read_features(source: Source, header: FileHeader) -> Iterator[tuple[int, Cursor]]:
    """Read the feature sections that matter, with their numbers."""
    table_at = Section(header.data.end, _SECTION_BYTES * len(header.features))
    table = source.read(table_at, "table of features")
    for number in header.features:
        section = Section(*table.u64s(2))
        if number in _READ:
            yield number, source.read(section, f"feature {Feature(number).name}")


_READ = frozenset(Feature)
