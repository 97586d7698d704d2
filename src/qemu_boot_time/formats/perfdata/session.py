"""What a recording says about itself, gathered as it is met, and the plan for reading the rest."""

import struct
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.cursor import ByteOrder, Cursor
from qemu_boot_time.formats.perfdata.abi import Feature
from qemu_boot_time.formats.perfdata.attr import Attr
from qemu_boot_time.formats.perfdata.header import FACTS, Header, clock_name, read_event_names
from qemu_boot_time.formats.perfdata.others import TrailerReader
from qemu_boot_time.formats.perfdata.samples import FieldIn, SampleReader
from qemu_boot_time.formats.perfdata.skim import FirstOf, Shape, Skimmer
from qemu_boot_time.formats.tracing import EventFormat, read_tracefs, read_tracing_data

_UNKNOWN = "unknown event"
_READ_THERE = "read it on the host that recorded it, as root, before that is booted again"

Id = int | bytes
"""What tells whose sample it is."""
NO_ID = b""
"""The id of all samples where samples carry none (a recording of a single event)."""


@dataclass(frozen=True, slots=True)
class EventDesc:
    """One event of the recording."""

    name: str
    """``kvm:kvm_pio``; ``unknown event N`` where nothing tells the name of tracepoint N."""
    attr: Attr
    format: EventFormat | None
    """Of a tracepoint; None: not a tracepoint, or not known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which samples the caller wants to see; all other records are always shown."""

    events: frozenset[str] | None = None
    """Names; None: all."""
    where: tuple[FieldIn, ...] = ()
    """All those of an event must hold."""
    first_of: tuple[FirstOf, ...] = ()
    """Events of which not all samples are needed."""
    tracefs: Path | None = None
    """Where to look up tracepoints that the recording does not describe; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read records, once the events are known."""

    peek: struct.Struct
    """Type, size and id of a record (the id is one only if the record is a sample)."""
    skimmer: Skimmer
    """Passes over what is not wanted; learns from what was read in vain."""
    readers: Mapping[Id, SampleReader | None] = field(default_factory=dict)
    """By id; None: not wanted."""
    trailers: Mapping[int, TrailerReader] = field(default_factory=dict)
    """By id."""
    default_trailer: TrailerReader | None = None
    """Of records with an id that is not known: perf writes 0 for what preceded the recording."""
    id_from_end: int | None = None
    """Where a record that is no sample carries its id, in bytes from its end; None: nowhere."""


class Session:
    """The state that the records of one recording share."""

    def __init__(self, *, file: str, order: ByteOrder, wanted: Wanted) -> None:
        self.file = file
        self.order = order
        self.header = Header()
        self.end_damaged: CorruptFileError | None = None
        """What is wrong with the end of a file, which has the events' names; None: nothing, or perf
        was killed before it wrote one."""
        self.unknown: Counter[str] = Counter()
        """What nothing here knows and was skipped, and how often."""
        self._wanted = wanted
        self._attrs: list[Attr] = []
        self._names: list[str] = []
        self._formats: dict[int, EventFormat] = {}
        self._unplanned = Plan(_peek(order, None), Skimmer(order, {}))
        self.plan = self._unplanned
        """As it is; what is needed to read samples is :meth:`planned`."""

    def add_attr(self, attr: Attr) -> None:
        """Take note of an event."""
        self._attrs.append(attr)
        if attr.clock_id is not None:
            self.header = replace(self.header, clock=clock_name(attr.clock_id))
        self.plan = self._unplanned

    def add_feature(self, number: int, section: Cursor) -> None:
        """Take note of a feature section; those that do not matter here are skipped."""
        if number in FACTS:
            self.header = replace(self.header, **FACTS[number](section))
        elif number == Feature.EVENT_DESC:
            self._names = list(read_event_names(section))
        elif number == Feature.TRACING_DATA:
            self._formats.update(read_tracing_data(section))
        self.plan = self._unplanned

    @property
    def events(self) -> tuple[EventDesc, ...]:
        """The events known so far, in the order of the recording."""
        missing = {attr.config for attr in self._attrs if attr.is_tracepoint} - self._formats.keys()
        if missing and self._wanted.tracefs:
            self._formats.update(read_tracefs(missing, root=self._wanted.tracefs))
        names = chain(self._names, repeat(""))
        return tuple(map(self._describe, self._attrs, names))

    def _describe(self, attr: Attr, name: str) -> EventDesc:
        known = self._formats.get(attr.config) if attr.is_tracepoint else None
        name = known.full_name if known else name or f"{_UNKNOWN} {attr.config}"
        return EventDesc(name, attr, known)

    @property
    def needs_plan(self) -> bool:
        """Whether there are events that :attr:`plan` does not cover."""
        return self.plan is self._unplanned and bool(self._attrs)

    def planned(self) -> Plan:
        """Give the plan, made anew where what it depends on has changed.

        Raises InputError where the events cannot be read together, or not at all.
        """
        if self.needs_plan:
            self.plan = self._make_plan(self.events)
        return self.plan

    def _make_plan(self, events: Sequence[EventDesc]) -> Plan:
        self._require_names(events)
        offset = self._common("samples", {event.attr.id_offset for event in events})
        readers: dict[Id, SampleReader | None] = {}
        shapes: dict[Id, Shape] = {}
        trailers: dict[int, TrailerReader] = {}
        for event in events:
            reader, shape = self._reader(event), self._shape(event)
            for number in [NO_ID] if offset is None else event.attr.ids:
                readers.setdefault(number, reader)
                shapes.setdefault(number, shape)
            trailer = TrailerReader(event.attr, event.name, self.order)
            trailers.update(dict.fromkeys(event.attr.ids, trailer))
        return Plan(
            peek=_peek(self.order, offset),
            skimmer=Skimmer(self.order, shapes),
            readers=readers,
            trailers=trailers,
            default_trailer=TrailerReader(events[0].attr, "", self.order),
            id_from_end=self._common("records", {e.attr.id_offset_from_end for e in events}),
        )

    def _require_names(self, events: Sequence[EventDesc]) -> None:
        """Refuse to call the wanted events absent where they may be among the nameless ones."""
        missing = (self._wanted.events or frozenset()) - {event.name for event in events}
        nameless = [event for event in events if _may_be_one_of(missing, event)]
        if missing and nameless:
            raise self._nameless(nameless[0].name, missing)

    def _nameless(self, event: str, missing: Collection[str]) -> InputError:
        lost = f"{', '.join(sorted(missing))} cannot be told from others"
        if self.end_damaged is not None:
            return InputError(
                f"{self.end_damaged.what} The names of its events were at its end: {lost}",
                hint=f"copy it again, whole; or {_READ_THERE}",
            )
        return InputError(
            f"{self.file}: {event}: it lacks the names of its events (perf was killed?), so {lost}",
            hint=_READ_THERE,
        )

    def _common(self, where: str, offsets: set[int | None]) -> int | None:
        if len(offsets) > 1:
            raise InputError(
                f"{self.file}: its events keep the id at different places of their {where}",
                hint="record each of the events by itself",
            )
        return offsets.pop()

    def _reader(self, event: EventDesc) -> SampleReader | None:
        if not self._wants(event):
            return None
        return SampleReader(event.attr, event.name, event.format, self._where(event), self.order)

    def _shape(self, event: EventDesc) -> Shape:
        first_of = (rule for rule in self._wanted.first_of if rule.event == event.name)
        return Shape(
            event.attr,
            event.format,
            self.order,
            wanted=self._wants(event),
            where=self._where(event),
            first_of=next(first_of, None),
        )

    def _wants(self, event: EventDesc) -> bool:
        return self._wanted.events is None or event.name in self._wanted.events

    def _where(self, event: EventDesc) -> tuple[FieldIn, ...]:
        return tuple(rule for rule in self._wanted.where if rule.event == event.name)


def _may_be_one_of(missing: Collection[str], event: EventDesc) -> bool:
    """Whether an event whose name is lost may be one of these: tracepoints have two-part names."""
    is_nameless = event.name.startswith(_UNKNOWN)
    return is_nameless and (event.attr.is_tracepoint or any(":" not in name for name in missing))


def _peek(order: ByteOrder, id_offset: int | None) -> struct.Struct:
    """``0s`` gives NO_ID whatever the bytes are."""
    tail = "0s" if id_offset is None else f"{id_offset - 8}xQ"
    return struct.Struct(f"{order}I2xH{tail}")
