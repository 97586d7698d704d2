"""Recordings on disk: their facts, and their records merged by time."""

import heapq
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat.contents import Buffer, CpuData, read_start
from qemu_boot_time.formats.tracedat.header import Header
from qemu_boot_time.formats.tracedat.pages import RawPage, pages
from qemu_boot_time.formats.tracedat.records import Lost, Record, TraceEvent
from qemu_boot_time.formats.tracedat.ring import PageError
from qemu_boot_time.formats.tracedat.storage import Storage, opened
from qemu_boot_time.formats.tracedat.version6 import read_version6
from qemu_boot_time.formats.tracedat.version7 import read_version7
from qemu_boot_time.formats.tracing import (
    EventFormat,
    FieldError,
    FieldsDecoder,
    Formats,
    compile_fields,
)

_VERSIONS = {6: read_version6, 7: read_version7}
_COMMON_SIZES = (2, 4)
"""Of common_type and common_pid, in bytes."""
_Decoder = tuple[str, FieldsDecoder]


class Recording:
    """One recording: its facts, and its records as often as one likes. Nothing is kept open."""

    def __init__(self, path: Path, wanted: Collection[str] | None) -> None:
        self.path = path
        with opened(path) as storage:
            start = read_start(storage)
            self._contents = _VERSIONS[start.version](storage, start)
        self._order = start.order
        self._common = _common(self._contents.formats, start.order, str(path))
        self._decoders = _Decoders(self._contents.formats, start.order, wanted)

    @property
    def header(self) -> Header:
        """What the recording says about itself."""
        return self._contents.header

    @property
    def events(self) -> tuple[str, ...]:
        """The events that the recording describes: those recorded, wanted or not, and ftrace's."""
        return tuple(event.full_name for event in self._contents.formats.values())

    @property
    def comms(self) -> Mapping[int, str]:
        """What ftrace remembered threads to be called, by thread id."""
        return self._contents.comms

    @property
    def buffers(self) -> Mapping[str, str]:
        """Its ring buffers: name (the top one's is empty) to clock."""
        return {buffer.name: buffer.clock for buffer in self._contents.buffers}

    @property
    def unknown(self) -> Counter[int]:
        """Events that the last walk skipped because the recording does not describe them, by id."""
        return self._decoders.unknown

    def records(self) -> Iterator[Record]:
        """Give all records in the order of their times, equal ones in that of their CPUs.

        Where a CPU's pages are damaged, those of the other CPUs are still given; then the first
        damage is raised as CorruptFileError. Raises InputError where the events' formats are such
        that they cannot be read.
        """
        self.unknown.clear()
        damages: list[CorruptFileError] = []
        with opened(self.path) as storage:
            streams = [
                self._guarded(storage, buffer, place, damages)
                for buffer in self._contents.buffers
                for place in buffer.cpus
            ]
            yield from heapq.merge(*streams, key=_time)
        if damages:
            raise damages[0]

    def _guarded(
        self, storage: Storage, buffer: Buffer, place: CpuData, damages: list[CorruptFileError]
    ) -> Iterator[Record]:
        try:
            for page in pages(storage, buffer, place, self._order):
                yield from self._of_page(storage, page, place.cpu, buffer.name)
        except CorruptFileError as error:
            damages.append(error)

    def _of_page(self, storage: Storage, raw: RawPage, cpu: int, buffer: str) -> Iterator[Record]:
        try:
            yield from self._read_page(raw, cpu, buffer)
        except (PageError, FieldError) as error:
            raise storage.corrupt(raw.offset, f"page of CPU {cpu}", str(error)) from error

    def _read_page(self, raw: RawPage, cpu: int, buffer: str) -> Iterator[Record]:
        data, layout, time_ns = raw.data, self._contents.layout, self.header.scale.time_ns
        common, decoders, comms = self._common, self._decoders, self.comms
        page = layout.page(data)
        if page.missed != 0:
            yield Lost(time_ns(page.time), cpu, page.missed, buffer)
        for time, begin, size in layout.entries(data, page):
            if size < common.size:
                raise PageError(f"an event of {size} bytes at byte {begin} of its page")
            number, tid = common.unpack_from(data, begin)
            decoder = decoders[number]
            if decoder is not None:
                event, decode = decoder
                fields, comm = decode(data, begin, size), comms.get(tid, "")
                yield TraceEvent(time_ns(time), tid, cpu, comm, event, fields, buffer)


class _Decoders(dict[int, _Decoder | None]):
    """What reads an event, by its id, made when it is first met; None: nobody wants it."""

    def __init__(self, formats: Formats, order: ByteOrder, wanted: Collection[str] | None) -> None:
        super().__init__()
        self.unknown = Counter[int]()
        self._formats = formats
        self._order = order
        self._wanted = wanted

    def __missing__(self, number: int) -> _Decoder | None:
        event = self._formats.get(number)
        if event is None:
            self.unknown[number] += 1
            return None
        is_wanted = self._wanted is None or event.full_name in self._wanted
        self[number] = self._decoder(event) if is_wanted else None
        return self[number]

    def _decoder(self, event: EventFormat) -> _Decoder:
        return event.full_name, compile_fields(event.fields, self._order)


def _common(formats: Formats, order: ByteOrder, file: str) -> struct.Struct:
    """Make what reads an event's id and its thread: all events have them at the same places."""
    event = next(iter(formats.values()), None)
    fields = {field.name: field for field in event.common} if event else {}
    number, tid = fields.get("common_type"), fields.get("common_pid")
    sizes = (number.size, tid.size) if number and tid else None
    if not number or not tid or sizes != _COMMON_SIZES or tid.offset < number.offset + number.size:
        raise InputError(
            f"{file}: no event format tells the event's id and thread", hint="record it again"
        )
    gap = tid.offset - number.offset - number.size
    return struct.Struct(f"{order}{number.offset}xH{gap}xi")


def _time(record: Record) -> int:
    return record.time_ns


def open_recording(path: Path, *, wanted: Collection[str] | None = None) -> Recording:
    """Open a trace.dat of file version 6 or 7.

    ``wanted`` names the events that are given (None: all). Raises InputError where it cannot be
    read or is something else, CorruptFileError where what precedes its pages is damaged.
    """
    return Recording(path, wanted)
