"""File version 7: sections that options point to, compressed or not (trace-cmd.dat.v7(5))."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from qemu_boot_time.formats.cursor import Cursor
from qemu_boot_time.formats.tracedat.abi import SECTION_COMPRESSED, Option
from qemu_boot_time.formats.tracedat.contents import (
    MOST_CPUS,
    Buffer,
    Contents,
    CpuData,
    Start,
    checked_page_bytes,
    latency_error,
    read_comms,
    read_ftrace_formats,
    read_page_layout,
)
from qemu_boot_time.formats.tracedat.header import clock_name, read_header
from qemu_boot_time.formats.tracedat.storage import Inflate, Storage, inflated, inflater
from qemu_boot_time.formats.tracing import read_systems

_Value = TypeVar("_Value")

_HEADER_BYTES = 16
_MOST_SECTIONS = 1000
"""Of options: real files have two."""


@dataclass(frozen=True, slots=True)
class _Section:
    is_compressed: bool
    offset: int
    """Of what follows its header."""
    size: int
    """In the file."""


@dataclass(frozen=True, slots=True)
class _Sections:
    """The sections of a file, by offset."""

    storage: Storage
    start: Start
    inflate: Inflate

    def find(self, offset: int, number: int) -> _Section:
        """Read a section's header; raise CorruptFileError where another section is there."""
        order = self.start.order
        head = self.storage.cursor(offset, "section header", order, size=_HEADER_BYTES)
        found, flags, _, size = head.u16(), head.u16(), head.u32(), head.u64()
        if found != number:
            raise head.corrupt(f"section {found} instead of {number}")
        return _Section(bool(flags & SECTION_COMPRESSED), offset + _HEADER_BYTES, size)

    def read(self, offset: int, number: int) -> Cursor:
        """Read a section whole."""
        section = self.find(offset, number)
        name = f"section {number}"
        data = self.storage.read(section.offset, section.size, name)
        cursor = Cursor(
            data, file=self.storage.file, structure=name, order=self.start.order,
            base=section.offset,
        )  # fmt: skip
        return inflated(cursor, self.inflate) if section.is_compressed else cursor

    def read_if(
        self,
        pointed: Mapping[int, int],
        number: Option,
        reader: Callable[[Cursor], dict[int, _Value]],
    ) -> dict[int, _Value]:
        """Read a section that may be missing."""
        return reader(self.read(pointed[number], number)) if number in pointed else {}


def read_version7(storage: Storage, start: Start) -> Contents:
    """Read all sections but the pages and the kernel's symbols.

    Raises InputError where a module for its compression is missing or it holds a text instead of
    pages, CorruptFileError where it is damaged.
    """
    compression, _ = start.rest.c_string(), start.rest.c_string()
    sections = _Sections(storage, start, inflater(compression, storage.file))
    options = list(_options(sections, start.rest.u64()))
    header = read_header(start.version, options)
    buffers = tuple(_buffers(sections, options))
    clocks = (buffer.clock for buffer in buffers if not buffer.name)
    pointed = {number: data.u64() for number, data in options if number in _POINTERS}
    if Option.HEADER_INFO not in pointed:
        raise start.rest.corrupt("no option tells where the description of pages is")
    return Contents(
        header=replace(header, clock=next(clocks, header.clock)),
        layout=read_page_layout(sections.read(pointed[Option.HEADER_INFO], Option.HEADER_INFO)),
        formats=sections.read_if(pointed, Option.FTRACE_EVENTS, read_ftrace_formats)
        | sections.read_if(pointed, Option.EVENT_FORMATS, read_systems),
        comms=sections.read_if(pointed, Option.CMDLINES, read_comms),
        buffers=buffers,
    )


_POINTERS = frozenset(
    {Option.HEADER_INFO, Option.FTRACE_EVENTS, Option.EVENT_FORMATS, Option.CMDLINES}
)
"""Options that are the offset of the section with their number."""


def _options(sections: _Sections, offset: int) -> Iterator[tuple[int, Cursor]]:
    """Read all options; each section of them ends with the offset of the next one."""
    for _ in range(_MOST_SECTIONS):
        cursor = sections.read(offset, Option.DONE)
        while number := cursor.u16():
            yield number, cursor.part(cursor.u32(), f"option {number}")
        cursor.u32()
        offset = cursor.u64()
        if not offset:
            return
    raise cursor.corrupt(f"more than {_MOST_SECTIONS} sections of options")


def _buffers(sections: _Sections, options: Sequence[tuple[int, Cursor]]) -> Iterator[Buffer]:
    numbers = {number for number, _ in options}
    if Option.BUFFER not in numbers and Option.BUFFER_TEXT in numbers:
        raise latency_error(sections.storage.file)
    for number, option in options:
        if number == Option.BUFFER:
            yield _buffer(sections, option)


def _buffer(sections: _Sections, option: Cursor) -> Buffer:
    section = sections.find(option.u64(), Option.BUFFER)
    name, clock = option.c_string(), clock_name(option.c_string())
    page_bytes, count = checked_page_bytes(option), option.u32()
    if count > MOST_CPUS:
        raise option.corrupt(f"{count} CPUs")
    cpus = tuple(CpuData(option.u32(), *option.u64s(2)) for _ in range(count))
    return Buffer(
        name, clock, page_bytes, cpus, sections.inflate if section.is_compressed else None
    )
