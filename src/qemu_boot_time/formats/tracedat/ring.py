"""Pages of Linux' ring buffer, as trace-cmd copies them into its file.

Source: include/linux/ring_buffer.h and kernel/trace/ring_buffer.c of Linux; where the kernel leaves
a choice, the choice of libtraceevent (kbuffer-parse.c), so that times are those of trace-cmd.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat.abi import (
    COMMIT_MASK,
    DELTA_BITS,
    MISSED_EVENTS,
    MISSED_STORED,
    Kind,
)
from qemu_boot_time.formats.tracing import EventFormat, Field, parse_format

_DELTA_MASK = (1 << DELTA_BITS) - 1
_KIND_BITS = 5
_KIND_MASK = (1 << _KIND_BITS) - 1
_DATA_MAX = int(Kind.DATA_MAX)
_WORD = 4
_STAMP_BITS = 59
"""Of an absolute time stamp; its other bits are those of the time before it."""
_CODES = {4: "I", 8: "Q"}

_ENTRY = {
    "type_len": _KIND_BITS,
    "time_delta": DELTA_BITS,
    "padding": Kind.PADDING,
    "time_extend": Kind.TIME_EXTEND,
    "time_stamp": Kind.TIME_STAMP,
    "data max type_len": Kind.DATA_MAX,
}
"""What the kernel's text ``header_event`` says of entries, since Linux 2.6.31."""
_ENTRY_FACT = re.compile(r"^\s*([\w ]*\w)\s*(?:: type ==|==|:)\s*(\d{1,9})", re.MULTILINE)


class PageError(ValueError):
    """A page's bytes that do not fit the ring buffer's format."""


Entry = tuple[int, int, int]
"""An event in its page: its time on the recording's clock; where its data begins, in bytes from the
begin of the page; the size of its data in bytes, rounded up to words. There are millions."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page's header says."""

    time: int
    """That the entries' times count from."""
    begin: int
    """Where its entries begin, in bytes."""
    size: int
    """Of its entries, in bytes."""
    missed: int | None
    """Events lost before this page; None: some, their number is not known."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kernel lays out pages and entries."""

    order: ByteOrder
    time_at: int
    commit_at: int
    commit_code: str
    data_at: int
    page_bytes: int

    def page(self, data: bytes) -> Page:
        """Read a page's header; raise PageError where it says what cannot be."""
        if len(data) < self.data_at:
            raise PageError(f"a page of {len(data)} bytes")
        (time,) = struct.unpack_from(f"{self.order}Q", data, self.time_at)
        (commit,) = struct.unpack_from(self.order + self.commit_code, data, self.commit_at)
        size = commit & COMMIT_MASK
        if self.data_at + size > len(data):
            raise PageError(f"{size} bytes of entries in a page of {len(data)}")
        return Page(time, self.data_at, size, self._missed(data, commit, self.data_at + size))

    def _missed(self, data: bytes, commit: int, end: int) -> int | None:
        if not commit & MISSED_EVENTS:
            return 0
        fits = end + struct.calcsize(self.commit_code) <= len(data)
        if not commit & MISSED_STORED or not fits:
            return None
        (count,) = struct.unpack_from(self.order + self.commit_code, data, end)
        return int(count)

    def entries(self, data: bytes, page: Page) -> Iterator[Entry]:
        """Give a page's events; raise PageError after those that precede the damage."""
        words = struct.unpack_from(f"{self.order}{page.size // _WORD}I", data, page.begin)
        try:
            yield from _walk(words, page, is_little=self.order == "<")
        except IndexError as error:
            raise PageError("an entry without an end") from error


def _walk(words: tuple[int, ...], page: Page, *, is_little: bool) -> Iterator[Entry]:
    """Walk over the entries; IndexError where one needs a word that is not there."""
    time, at, end = page.time, 0, len(words)
    while at < end:
        head, at = words[at], at + 1
        kind = head & _KIND_MASK if is_little else head >> DELTA_BITS
        delta = head >> _KIND_BITS if is_little else head & _DELTA_MASK
        if kind <= _DATA_MAX:
            size = kind * _WORD
            if not kind:
                size, at = _padded(words[at] - _WORD), at + 1
            time += delta
            begin, at = page.begin + at * _WORD, at + size // _WORD
            if size < 0 or at > end:
                raise PageError(f"an event of {size} bytes at byte {begin} of its page")
            yield time, begin, size
        elif kind == Kind.PADDING:
            if not delta:
                return  # the rest of the page was never used
            time, at = time + delta, at + words[at] // _WORD
        else:
            stamp, at = words[at] << DELTA_BITS | delta, at + 1
            time = time + stamp if kind == Kind.TIME_EXTEND else _absolute(stamp, time)


def _padded(size: int) -> int:
    return size + (-size % _WORD)


def _absolute(stamp: int, before: int) -> int:
    """Give an absolute stamp its upper bits (rb_fix_abs_ts() in the kernel)."""
    time = before >> _STAMP_BITS << _STAMP_BITS | stamp
    return time if time >= before else time + (1 << _STAMP_BITS)


def read_layout(header_page: str, header_event: str, order: ByteOrder) -> Layout:
    """Make the layout of what the kernel says of its pages (``events/header_page``, ``header_event``).

    Raises InputError where that is not what this can read.
    """
    _check_entries(header_event)
    fields = {field.name: field for field in _page_fields(header_page)}
    if not fields.keys() >= {"timestamp", "commit", "data"}:
        raise InputError("header_page without timestamp, commit and data", hint=_RECORD_AGAIN)
    time, commit, data = fields["timestamp"], fields["commit"], fields["data"]
    ends = [time.offset + time.size, commit.offset + commit.size]
    if time.size != struct.calcsize("Q") or commit.size not in _CODES or max(ends) > data.offset:
        raise InputError("header_page: a page header that cannot be", hint=_RECORD_AGAIN)
    size = data.offset + data.size
    return Layout(order, time.offset, commit.offset, _CODES[commit.size], data.offset, size)


_RECORD_AGAIN = "record it again: the description of its pages is damaged"


def _page_fields(text: str) -> tuple[Field, ...]:
    """Read the fields as those of an event, for they are written alike."""
    page: EventFormat = parse_format(f"name: page\nID: 0\n{text}", system="ftrace")
    return page.fields


def _check_entries(text: str) -> None:
    for name, number in _ENTRY_FACT.findall(text):
        if int(number) != _ENTRY.get(name, int(number)):
            raise InputError(
                f"header_event: {name} is {number} instead of {_ENTRY[name]}: another ring buffer",
                hint="trace-cmd report of the machine that recorded it may know it",
            )
