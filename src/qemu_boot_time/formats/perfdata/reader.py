"""Recordings on disk: files, streams kept in a file, and the directories of ``--threads``."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from qemu_boot_time.errors import CorruptFileError, readable
from qemu_boot_time.formats.perfdata.abi import PIPE_HEADER_BYTES
from qemu_boot_time.formats.perfdata.decoder import byte_order
from qemu_boot_time.formats.perfdata.header import Header
from qemu_boot_time.formats.perfdata.layout import (
    Section,
    Source,
    read_attrs,
    read_features,
    read_file_header,
)
from qemu_boot_time.formats.perfdata.records import Record
from qemu_boot_time.formats.perfdata.samples import FieldIn
from qemu_boot_time.formats.perfdata.session import EventDesc, Session, Wanted
from qemu_boot_time.formats.perfdata.skim import FirstOf
from qemu_boot_time.formats.perfdata.walker import Walker
from qemu_boot_time.formats.tracing import TRACEFS

_CHUNK_BYTES = 1 << 16
_SIZE_FIELD = Section(8, 8)


class OnDamage(Enum):
    """What to do where a recording is damaged."""

    RAISE = "raise"
    """Raise the CorruptFileError, after the records before the damage."""
    STOP = "stop"
    """Give what can be read, and keep the error in :attr:`Recording.damage`."""


class _Span(NamedTuple):
    """Where records lie."""

    path: Path
    section: Section


class Recording:
    """One recording: its facts, and its records as often as one likes. Nothing is kept open."""

    def __init__(self, path: Path, wanted: Wanted, on_damage: OnDamage) -> None:
        self.path = path
        self.damage: CorruptFileError | None = None
        """The first damage met; only ever set with OnDamage.STOP, or where perf was killed."""
        self.killed = False
        """Whether perf was killed before it wrote what follows the data: facts and names."""
        self._wanted = wanted
        self._on_damage = on_damage
        main = path / "data" if path.is_dir() else path
        with main.open("rb") as stream:
            head = stream.read(PIPE_HEADER_BYTES)
            source = Source(stream, file=str(main), order=byte_order(head[:8], file=str(main)))
            self._order = source.order
            self._session = self._new_session()
            self._is_stream = source.read(_SIZE_FIELD, "header").u64() == PIPE_HEADER_BYTES
            data = self._open_stream(source) if self._is_stream else self._open_file(source)
        self._spans = [_Span(main, data)]
        if path.is_dir():
            self._spans += [
                _Span(part, Section(0, part.stat().st_size))
                for part in sorted(path.glob("data.[0-9]*"))
            ]

    def _new_session(self) -> Session:
        return Session(file=str(self.path), order=self._order, wanted=self._wanted)

    def _open_stream(self, source: Source) -> Section:
        """Read ahead to the first record: what describes the events precedes it."""
        data = source.clip(PIPE_HEADER_BYTES, source.size)
        walker = Walker(self._session, file=source.file, begin=data.offset)
        ahead = source.read(Section(data.offset, min(data.size, _CHUNK_BYTES)), "stream")
        with suppress(CorruptFileError):  # the walk meets it again
            next(walker.feed(ahead.data), None)
        return data

    def _open_file(self, source: Source) -> Section:
        header = read_file_header(source)
        for attr in read_attrs(source, header):
            self._session.add_attr(attr)
        self.killed = not header.data.size
        if not self.killed:
            try:
                source.require(header.data, "data")
                for number, section in read_features(source, header):
                    self._session.add_feature(number, section)
            except CorruptFileError as error:
                self._session.end_damaged = error
                self._met(error)
        return source.clip(header.data.offset, source.size if self.killed else header.data.end)

    @property
    def header(self) -> Header:
        """What the recording says about itself."""
        return self._session.header

    @property
    def events(self) -> tuple[EventDesc, ...]:
        """The events that were recorded, wanted or not."""
        return self._session.events

    @property
    def unknown(self) -> Counter[str]:
        """What the last walk skipped because nothing here knows it, and how often."""
        return self._session.unknown

    def records(self) -> Iterator[Record]:
        """Walk over the records, in the order of the recording.

        Those of different CPUs come in batches, so their times jump back: sort what you keep.
        Raises CorruptFileError after the records that precede the damage, except with
        OnDamage.STOP; InputError where the events are such that they cannot be read.
        """
        self._session.unknown.clear()
        if self._is_stream:
            self._session = self._new_session()
        for span in self._spans:
            try:
                with readable(span.path, hint=f"ls -l {span.path}"):
                    yield from self._walk(span)
            except CorruptFileError as error:
                self._met(error)

    def _walk(self, span: _Span) -> Iterator[Record]:
        walker = Walker(self._session, file=str(span.path), begin=span.section.offset)
        left = span.section.size
        with span.path.open("rb") as stream:
            stream.seek(span.section.offset)
            while chunk := stream.read(min(_CHUNK_BYTES, left)):
                left -= len(chunk)
                yield from walker.feed(chunk)
        walker.finish()

    def _met(self, error: CorruptFileError) -> None:
        if self._on_damage is OnDamage.RAISE and not self.killed:
            raise error
        self.damage = self.damage or error


def open_recording(
    path: Path,
    *,
    wanted: Collection[str] | None = None,
    where: Collection[FieldIn] = (),
    first_of: Collection[FirstOf] = (),
    tracefs: Path | None = TRACEFS,
    on_damage: OnDamage = OnDamage.RAISE,
) -> Recording:
    """Open a perf.data file, a stream of ``perf record -o -`` kept in a file, or a directory.

    ``wanted`` names the events whose samples are given (None: all), ``where`` narrows them by one
    field, ``first_of`` by time and thread. ``tracefs`` is asked for the names of events that the recording does not tell (perf was
    killed): right on the host that recorded, until its next boot; None: do not ask.
    Raises InputError where it cannot be read or is something else, CorruptFileError where its
    header is damaged.
    """
    events = None if wanted is None else frozenset(wanted)
    with readable(path, hint=f"ls -l {path}"):
        return Recording(path, Wanted(events, tuple(where), tuple(first_of), tracefs), on_damage)
