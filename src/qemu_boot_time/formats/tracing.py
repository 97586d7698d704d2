"""The kernel's own description of its trace events: tracefs ``format`` texts and their fields.

Both perf.data (section TRACING_DATA) and trace.dat carry these texts. Only the ``field:`` lines are
read: they say where each field lies; ``print fmt`` is C that no parser gets right for every event.
Source: Documentation/trace/events.rst and tools/perf/util/trace-event-info.c of Linux.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder, Cursor, text_of

TRACEFS = Path("/sys/kernel/tracing")
"""Where the running kernel shows its formats."""

Value = int | str | bytes | tuple[int, ...]
"""A field's value: number, text, opaque bytes (structs, dynamic arrays), or array of numbers."""

Fields = dict[str, Value]
_Fixup = Callable[[Any, bytes, int, int], Value]
FieldsDecoder = Callable[[bytes, int, int], Fields]
"""(buffer, where the event's data begins, its size in bytes) ▶ fields; FieldError if it lies."""

_MAX_EVENT_BYTES = 1 << 16
_MAX_DIGITS = 9
_PADDING_BYTES = 15
"""At most: 7 that the C compiler adds, 8 that perf adds."""
_MAGIC = b"\x17\x08\x44tracing"
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_FIELD = re.compile(
    r"\s*field:(?P<type>[^;]*?)(?P<name>\w+)\s*(?:\[(?P<count>[^\]]*)\])?;"
    r"\s*offset:(?P<offset>\d+);\s*size:(?P<size>\d+);(?:\s*signed:(?P<signed>\d+);)?"
)


class FieldError(ValueError):
    """An event's bytes that do not fit its format."""


class Place(Enum):
    """Where the value of a field lies."""

    INLINE = ""
    ABSOLUTE = "__data_loc "
    """The field holds size << 16 | offset from the event's begin."""
    RELATIVE = "__rel_loc "
    """The field holds size << 16 | offset from the field's end. Since Linux 5.17."""


@dataclass(frozen=True, slots=True)
class Field:
    """One ``field:`` line."""

    name: str
    type: str
    """The C type as the kernel writes it, without the name and without ``__data_loc``."""
    offset: int
    """Bytes from the begin of the event's data."""
    size: int
    """Bytes; of the pointer to the value where the place is not INLINE."""
    signed: bool
    is_array: bool
    """Whether the bytes at ``offset`` are several elements (a pointer to an array is one number)."""
    count: int
    """Elements of the array where the kernel gives their number; else 0."""
    place: Place

    @property
    def is_text(self) -> bool:
        """Whether it is an array of char."""
        return self.type in {"char", "char[]"} and (self.is_array or self.place is not Place.INLINE)


@dataclass(frozen=True, slots=True)
class EventFormat:
    """One event's description."""

    system: str
    name: str
    id: int
    """The number in ``common_type``, and in perf_event_attr.config."""
    common: tuple[Field, ...]
    """The fields that every event has: common_type, common_pid..."""
    fields: tuple[Field, ...]

    @property
    def full_name(self) -> str:
        """``kvm:kvm_pio``."""
        return f"{self.system}:{self.name}"

    @property
    def most_bytes(self) -> int:
        """How large its data can be: its fields and some padding, or anything if one is dynamic."""
        if any(field.place is not Place.INLINE or not field.size for field in self.fields):
            return _MAX_EVENT_BYTES
        return max((field.offset + field.size for field in self.fields), default=0) + _PADDING_BYTES


Formats = Mapping[int, EventFormat]
"""By event id."""


def parse_format(text: str, *, system: str) -> EventFormat:
    """Parse a tracefs ``format`` text.

    Raises InputError where it has no name, no ID or fields that cannot be.
    """
    name = re.search(r"^name: (\S+)", text, re.MULTILINE)
    number = re.search(r"^ID: (\d{1,9})$", text, re.MULTILINE)
    if not name or not number:
        raise InputError(
            f"{system}: an event format without name or ID", hint="record it again, whole"
        )
    fields = tuple(_fields(text))
    return EventFormat(
        system=system,
        name=name[1],
        id=int(number[1]),
        common=tuple(field for field in fields if field.name.startswith("common_")),
        fields=tuple(field for field in fields if not field.name.startswith("common_")),
    )


def _fields(text: str) -> Iterator[Field]:
    for line in text.splitlines():
        found = _FIELD.match(line)
        if found:
            yield _field(found)


def _field(found: re.Match[str]) -> Field:
    kind = found["type"].strip()
    place = next((p for p in (Place.ABSOLUTE, Place.RELATIVE) if kind.startswith(p.value)), None)
    count = found["count"] or ""
    return Field(
        name=found["name"],
        type=kind.removeprefix(place.value) if place else kind,
        offset=int(found["offset"][:_MAX_DIGITS]),
        size=int(found["size"][:_MAX_DIGITS]),
        signed=found["signed"] == "1",
        is_array=found["count"] is not None,
        count=int(count) if count.isdecimal() and len(count) <= _MAX_DIGITS else 0,
        place=place or Place.INLINE,
    )


def compile_fields(fields: Iterable[Field], order: ByteOrder) -> FieldsDecoder:
    """Make the function that decodes these fields: one struct for all of them, then the fix-ups.

    Raises InputError where they overlap.
    """
    ordered = sorted((field for field in fields if field.size), key=lambda field: field.offset)
    layout = struct.Struct(order + "".join(_codes(ordered)))
    names = tuple(field.name for field in ordered)
    fixups = tuple((field.name, fixup) for field in ordered if (fixup := _fixup(field, order)))

    def decode(buffer: bytes, begin: int, size: int) -> Fields:
        if size < layout.size:
            raise FieldError(f"an event of {size} bytes whose fields need {layout.size}")
        values: Fields = dict(zip(names, layout.unpack_from(buffer, begin), strict=True))
        for name, fixup in fixups:
            values[name] = fixup(values[name], buffer, begin, size)
        return values

    return decode


def _codes(ordered: Iterable[Field]) -> Iterator[str]:
    end = 0
    for field in ordered:
        if not end <= field.offset <= field.offset + field.size <= _MAX_EVENT_BYTES:
            raise InputError(
                f"field {field.name} at offset {field.offset} of {field.size} bytes overlaps "
                "another one, or lies past any event",
                hint="record it again: the event formats in it are damaged",
            )
        yield f"{field.offset - end}x{_code(field)}"
        end = field.offset + field.size


def _code(field: Field) -> str:
    if field.is_array or field.size not in _CODES:
        return f"{field.size}s"
    return _number_code(field.size, field)


def _number_code(width: int, field: Field) -> str:
    return _CODES[width] if field.signed else _CODES[width].upper()


def _fixup(field: Field, order: ByteOrder) -> _Fixup | None:
    if field.place is not Place.INLINE:
        return partial(_pointed, field)
    if field.is_text:
        return lambda value, *_: text_of(value)
    width, rest = divmod(field.size, field.count) if field.count else (0, 1)
    if rest or width not in _CODES or field.type.startswith("struct "):
        return None
    numbers = struct.Struct(f"{order}{field.count}{_number_code(width, field)}")
    return lambda value, *_: numbers.unpack(value)


def _pointed(field: Field, pointer: Any, buffer: bytes, begin: int, size: int) -> Value:
    base = field.offset + field.size if field.place is Place.RELATIVE else 0
    offset, length = base + (pointer & 0xFFFF), pointer >> 16
    if offset + length > size:
        raise FieldError(f"{field.name} ends at byte {offset + length} of an event of {size}")
    data = buffer[begin + offset : begin + offset + length]
    return text_of(data) if field.is_text else data


def read_tracing_data(cursor: Cursor) -> dict[int, EventFormat]:
    """Read what perf calls TRACING_DATA: the formats of the recorded events.

    The numbers inside are of the byte order it names itself, which is the recorded kernel's.
    """
    if cursor.take(len(_MAGIC)) != _MAGIC:
        raise cursor.corrupt("no tracing data")
    cursor.c_string()
    cursor.order = ">" if cursor.u8() else "<"
    cursor.take(1 + 4)
    for _ in range(2):
        cursor.c_string()
        cursor.take(cursor.u64())
    read_events(cursor, "ftrace")
    return read_systems(cursor)


def read_systems(cursor: Cursor) -> dict[int, EventFormat]:
    """Read the event formats of each system (perf and trace.dat write them alike)."""
    formats: dict[int, EventFormat] = {}
    for _ in range(cursor.u32()):
        system = cursor.c_string()
        if not system:
            raise cursor.corrupt("a system without a name")
        formats.update((event.id, event) for event in read_events(cursor, system))
    return formats


def read_events(cursor: Cursor, system: str) -> list[EventFormat]:
    """Read one system's event formats: a count, then a size and a text for each."""
    return [
        parse_format(cursor.take(cursor.u64()).decode(errors="replace"), system=system)
        for _ in range(cursor.u32())
    ]


def read_tracefs(ids: Iterable[int], *, root: Path = TRACEFS) -> dict[int, EventFormat]:
    """Look up events in the running kernel by id; those that it does not know are left out.

    Gives nothing where ``root`` is missing or may not be read.
    """
    wanted = {str(number) for number in ids}
    found: dict[int, EventFormat] = {}
    for file in sorted(root.glob("events/*/*/id")) if wanted else ():
        try:
            if file.read_text().strip() in wanted:
                text = file.with_name("format").read_text()
                event = parse_format(text, system=file.parent.parent.name)
                found[event.id] = event
        except OSError:
            continue
    return found
