"""The one walk over records, whether they come from a file, a pipe or a compressed stream."""

import struct
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.formats.cursor import Cursor
from qemu_boot_time.formats.perfdata.abi import RECORD_HEADER_BYTES, Feature, RecordType
from qemu_boot_time.formats.perfdata.attr import read_attr
from qemu_boot_time.formats.perfdata.inflate import Inflater
from qemu_boot_time.formats.perfdata.others import TrailerReader, is_typed, read_other
from qemu_boot_time.formats.perfdata.records import Record, Sample
from qemu_boot_time.formats.perfdata.samples import SampleError
from qemu_boot_time.formats.perfdata.session import Plan, Session
from qemu_boot_time.formats.tracing import FieldError

_PADDING = bytes(64)
"""Keeps the peek at the last record's id inside the buffer."""

_HINT = "perf or the copying of the file was interrupted; what precedes this is good"
_MAX_TRACING_DATA_BYTES = 64 << 20
_KNOWN = frozenset(RecordType)
_SAMPLE = int(RecordType.SAMPLE)
_FOLLOWED = {RecordType.HEADER_TRACING_DATA: "I", RecordType.AUXTRACE: "Q"}
"""Records that bytes follow which header.size does not count, and the type of their number."""


class _Nobody(Enum):
    READS = "samples of an id that no event has"


class Walker:
    """Makes records of bytes that come in chunks of any size."""

    def __init__(self, session: Session, *, file: str, begin: int = 0, stream: str = "") -> None:
        """``begin`` is where the first chunk lies in the ``file``, or in a ``stream`` inside it."""
        self._session = session
        self._file = file
        self._stream = stream
        self._begin = begin
        self._header = struct.Struct(f"{session.order}I2xH")
        self._rest = b""
        self._skip = 0
        self._inflater: Inflater | None = None
        self._inside: Walker | None = None

    def feed(self, chunk: bytes) -> Iterator[Record]:
        """Give the records that are complete with this chunk; consume them before the next one.

        Raises CorruptFileError or InputError once the records before the damage were given.
        """
        buffer = b"".join((self._rest, chunk, _PADDING))
        end = len(buffer) - len(_PADDING)
        pos = min(self._skip, end)
        self._skip -= pos
        while end - (pos := (yield from self._samples(buffer, pos, end))) >= RECORD_HEADER_BYTES:
            kind, size = self._header.unpack_from(buffer, pos)
            if size < RECORD_HEADER_BYTES:
                raise self._corrupt(pos, kind, f"a size of {size} bytes")
            if kind in _FOLLOWED and pos + size <= end:
                size += self._payload_size(buffer, pos, kind)
            if pos + size > end and kind != RecordType.AUXTRACE:
                break
            if kind != _SAMPLE:
                yield from self._other(buffer, pos, size, kind)
            elif self._session.needs_plan:
                self._session.planned()
                continue
            else:
                self._session.unknown["sample of an unknown event"] += 1
            pos += size
        self._begin += pos
        self._rest = buffer[pos:end]
        self._skip += max(0, pos - end)

    def finish(self) -> None:
        """Say that nothing follows; raise CorruptFileError where a record is not complete."""
        if self._inside:
            self._inside.finish()
        if self._rest or self._skip:
            raise CorruptFileError(
                self._file,
                self._begin,
                f"{self._stream}record",
                "the file ends inside it",
                hint=_HINT,
            )

    def _samples(self, buffer: bytes, pos: int, end: int) -> Generator[Sample, None, int]:
        """Give the wanted samples up to the first other record, and return where that begins.

        Nearly all of a recording passes here, most of it unwanted: every instruction counts.
        """
        plan = self._session.plan
        peek, reader_of, last = plan.peek.unpack_from, plan.readers.get, end - plan.peek.size
        skimmer = plan.skimmer
        try:
            while pos <= last:
                if skimmer.match and (run := skimmer.match(buffer, pos, end)):
                    yield from _samples_at(skimmer.firsts(run), buffer, plan)
                    pos = run.end()
                    continue
                kind, size, sample_id = peek(buffer, pos)
                if size < RECORD_HEADER_BYTES:
                    break
                if kind == _SAMPLE:
                    reader = reader_of(sample_id, _Nobody.READS)
                    if reader is not None:
                        if reader is _Nobody.READS or pos + size > end:
                            break
                        sample = reader.read(buffer, pos, size)
                        if sample is not None:
                            yield sample
                elif kind not in _SKIPPED:
                    break
                skimmer.missed(kind, size, sample_id)
                pos += size
        except (SampleError, FieldError) as error:
            raise self._corrupt(pos, _SAMPLE, str(error)) from error
        return pos

    def _corrupt(self, pos: int, kind: int, trouble: str) -> CorruptFileError:
        return CorruptFileError(
            self._file,
            self._begin + pos,
            f"{self._stream}record {_name(kind)}",
            trouble,
            hint=_HINT,
        )

    def _payload_size(self, buffer: bytes, pos: int, kind: int) -> int:
        number = struct.Struct(self._session.order + _FOLLOWED[RecordType(kind)])
        (size,) = number.unpack_from(buffer, pos + RECORD_HEADER_BYTES)
        if kind == RecordType.HEADER_TRACING_DATA and size > _MAX_TRACING_DATA_BYTES:
            raise self._corrupt(pos, kind, f"{size} bytes of event formats")
        return int(size)

    def _other(self, buffer: bytes, pos: int, size: int, kind: int) -> Iterator[Record]:
        body = Cursor(
            buffer[pos + RECORD_HEADER_BYTES : pos + size],
            file=self._file,
            structure=f"{self._stream}record {_name(kind)}",
            order=self._session.order,
            base=self._begin + pos + RECORD_HEADER_BYTES,
        )
        if is_typed(kind):
            (misc,) = struct.unpack_from(f"{self._session.order}H", buffer, pos + 4)
            yield read_other(kind, misc, body, self._trailer_of(body))
        elif kind in {RecordType.COMPRESSED, RecordType.COMPRESSED2}:
            if kind == RecordType.COMPRESSED2:
                body = body.part(body.u64(), body.structure)
            yield from self._compressed(body)
        elif kind in _ABOUT_THE_SESSION:
            _ABOUT_THE_SESSION[kind](self._session, body)
        elif kind not in _KNOWN:
            self._session.unknown[f"record type {kind}"] += 1

    def _trailer_of(self, body: Cursor) -> TrailerReader:
        plan = self._session.planned()
        if plan.default_trailer is None:
            raise body.corrupt("no event was described before it")
        begin = body.remaining - (plan.id_from_end or 0)
        if plan.id_from_end is None or begin < 0:
            return plan.default_trailer
        (number,) = struct.unpack_from(f"{body.order}Q", body.data, begin)
        return plan.trailers.get(number, plan.default_trailer)

    def _compressed(self, body: Cursor) -> Iterator[Record]:
        if not (self._inflater and self._inside):
            self._inflater = Inflater(self._file)
            self._inside = Walker(self._session, file=self._file, stream="decompressed ")
        try:
            for piece in self._inflater.feed(body.take(body.remaining)):
                yield from self._inside.feed(piece)
        except ValueError as error:
            raise body.corrupt(str(error)) from error


def _samples_at(places: Iterable[int], buffer: bytes, plan: Plan) -> Iterator[Sample]:
    for at in places:
        _, size, sample_id = plan.peek.unpack_from(buffer, at)
        reader = plan.readers[sample_id]
        sample = reader.read(buffer, at, size) if reader else None
        if sample is not None:
            yield sample


def _attr(session: Session, body: Cursor) -> None:
    attr = read_attr(body)
    session.add_attr(replace(attr, ids=body.u64s(body.remaining // 8)))


def _tracing_data(session: Session, body: Cursor) -> None:
    payload = body.u32()
    body.take(body.remaining - payload)
    session.add_feature(Feature.TRACING_DATA, body)


def _feature(session: Session, body: Cursor) -> None:
    session.add_feature(body.u64(), body)


_ABOUT_THE_SESSION: Mapping[int, Callable[[Session, Cursor], None]] = {
    RecordType.HEADER_ATTR: _attr,
    RecordType.HEADER_TRACING_DATA: _tracing_data,
    RecordType.HEADER_FEATURE: _feature,
}


_SKIPPED = frozenset(
    kind
    for kind in RecordType
    if not (kind == _SAMPLE or is_typed(kind) or kind in _ABOUT_THE_SESSION or kind in _FOLLOWED)
) - {RecordType.COMPRESSED, RecordType.COMPRESSED2}
"""Nothing to be had from them."""


def _name(kind: int) -> str:
    return RecordType(kind).name if kind in _KNOWN else f"of type {kind}"
