"""Pages of one kernel as records: of a file, or as they are read from a ring buffer that fills."""

import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat.records import Lost, Record, TraceEvent
from qemu_boot_time.formats.tracedat.ring import Layout, PageError
from qemu_boot_time.formats.tracing import EventFormat, FieldsDecoder, Formats, compile_fields

_COMMON_SIZES = (2, 4)
"""Of common_type and common_pid, in bytes."""
_Decoder = tuple[str, FieldsDecoder]


@dataclass(frozen=True, slots=True)
class Described:
    """What must be known of a recording to read its pages."""

    layout: Layout
    formats: Formats
    comms: Mapping[int, str] = field(default_factory=dict)
    """What threads are called."""
    time_ns: Callable[[int], int] = int
    """Makes a time of a stamp."""


class PageDecoder:
    """Reads pages; ``wanted`` names the events that are given (None: all).

    Raises InputError, which names ``file``, where the formats do not tell the event's thread.
    """

    def __init__(self, described: Described, file: str, wanted: Collection[str] | None) -> None:
        order = described.layout.order
        self._described = described
        self._common = _common(described.formats, order, file)
        self._decoders = _Decoders(described.formats, order, wanted)

    @property
    def unknown(self) -> Counter[int]:
        """Events that were skipped because nothing describes them, by id."""
        return self._decoders.unknown

    def records(self, data: bytes, *, cpu: int, buffer: str = "") -> Iterator[Record]:
        """Give the records of one page; PageError or FieldError after those before the damage."""
        layout, time_ns = self._described.layout, self._described.time_ns
        comms = self._described.comms
        common, decoders = self._common, self._decoders
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
