"""File version 6: one structure after the other, then pages (trace-cmd.dat.v6(5))."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qemu_boot_time.formats.cursor import Cursor, text_of
from qemu_boot_time.formats.tracedat.abi import Option
from qemu_boot_time.formats.tracedat.contents import (
    MOST_CPUS,
    Buffer,
    Contents,
    CpuData,
    Start,
    latency_error,
    read_comms,
    read_ftrace_formats,
    read_page_layout,
)
from qemu_boot_time.formats.tracedat.header import clock_name, read_header
from qemu_boot_time.formats.tracedat.storage import MOST_BYTES, Storage
from qemu_boot_time.formats.tracing import read_systems

_TAG_BYTES = 10
_OPTIONS, _LATENCY, _FLYRECORD = b"options  \0", b"latency  \0", b"flyrecord\0"
_TABLE_BYTES = 16 * MOST_CPUS + 4096


def read_version6(storage: Storage, start: Start) -> Contents:
    """Read all that precedes the pages.

    Raises InputError where it holds a text instead of pages, CorruptFileError where it is damaged.
    """
    at = start.rest.position
    cursor = storage.cursor(at, "header", start.order, size=MOST_BYTES)
    layout = read_page_layout(cursor)
    formats = read_ftrace_formats(cursor) | read_systems(cursor)
    for _ in ("kallsyms", "printk_formats"):
        cursor.take(cursor.u32())
    comms = read_comms(cursor)
    cpus = cursor.u32()
    tag = cursor.take(_TAG_BYTES)
    options: list[tuple[int, Cursor]] = []
    if tag == _OPTIONS:
        options = list(_options(cursor))
        tag = cursor.take(_TAG_BYTES)
    header = read_header(start.version, options)
    # The option, where there is one, counts the CPUs of the tables that follow.
    tables = _Tables(start, cpus if header.cpus is None else header.cpus, options)
    top = tables.read(cursor, "", tag)
    instances = tuple(tables.instances(storage))
    header = replace(header, clock=top.clock, cpus=tables.cpus)
    return Contents(header, layout, formats, comms, (top, *instances))


def _options(cursor: Cursor) -> Iterator[tuple[int, Cursor]]:
    while number := cursor.u16():
        yield number, cursor.part(cursor.u32(), f"option {number}")


@dataclass(frozen=True, slots=True)
class _Tables:
    """Where each buffer's pages lie."""

    start: Start
    cpus: int
    options: Sequence[tuple[int, Cursor]]

    def read(self, cursor: Cursor, name: str, tag: bytes) -> Buffer:
        if tag == _LATENCY:
            raise latency_error(cursor.file)
        if tag != _FLYRECORD or self.cpus > MOST_CPUS:
            raise cursor.corrupt(f"{tag!r} and {self.cpus} CPUs instead of events")
        places = [CpuData(cpu, *cursor.u64s(2)) for cpu in range(self.cpus)]
        cpus = tuple(place for place in places if place.size)
        return Buffer(name, self._clock(cursor), self.start.page_bytes, cpus)

    def _clock(self, cursor: Cursor) -> str:
        """Read the clock's name, which is there if an option says so."""
        has_clock = any(number == Option.TRACECLOCK for number, _ in self.options)
        return clock_name(text_of(cursor.take(cursor.u64())) if has_clock else "")

    def instances(self, storage: Storage) -> Iterator[Buffer]:
        for number, option in self.options:
            if number == Option.BUFFER:
                offset, name = option.u64(), option.c_string()
                place = storage.cursor(offset, "buffer", self.start.order, size=_TABLE_BYTES)
                yield self.read(place, name, place.take(_TAG_BYTES))
