"""Builders of trace.dat, so that a test shows the bytes that matter and no others."""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from build import EXEC, PIO
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat.abi import MAGIC, MISSED_EVENTS, MISSED_STORED, Kind, Option

PAGE_BYTES = 4096
HEADER_EVENT = """\
# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits

\tpadding     : type == 29
\ttime_extend : type == 30
\ttime_stamp : type == 31
\tdata max type_len  == 28
"""


def header_page(long_bytes: int) -> str:
    """Write the kernel's text on pages."""
    data_at = 8 + long_bytes
    return (
        "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
        f"\tfield: local_t commit;\toffset:8;\tsize:{long_bytes};\tsigned:1;\n"
        "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
        f"\tfield: char data;\toffset:{data_at};\tsize:{PAGE_BYTES - data_at};\tsigned:1;\n"
    )


@dataclass(frozen=True)
class Ring:
    """Builds pages and what is in them, as one kernel would."""

    order: ByteOrder = "<"
    long_bytes: int = 8

    def words(self, *words: int) -> bytes:
        """Write 32-bit words."""
        return struct.pack(f"{self.order}{len(words)}I", *words)

    def head(self, kind: int, delta: int) -> bytes:
        """Write the first word of an entry: two bit fields."""
        return self.words(kind | delta << 5 if self.order == "<" else kind << 27 | delta)

    def event(self, delta: int, data: bytes) -> bytes:
        """Write an event, its length in its first word."""
        return self.head(len(data) // 4, delta) + data

    def long_event(self, delta: int, data: bytes) -> bytes:
        """Write an event, its length in a word of its own."""
        return self.head(0, delta) + self.words(len(data) + 4) + data + bytes(-len(data) % 4)

    def extend(self, delta: int) -> bytes:
        """Write a time extend: what does not fit 27 bits."""
        return self.head(Kind.TIME_EXTEND, delta & 0x7FFFFFF) + self.words(delta >> 27)

    def stamp(self, time: int) -> bytes:
        """Write an absolute time stamp, of 59 bits."""
        time &= (1 << 59) - 1
        return self.head(Kind.TIME_STAMP, time & 0x7FFFFFF) + self.words(time >> 27)

    def padding(self, delta: int, size: int) -> bytes:
        """Write a discarded event whose data had ``size`` bytes."""
        return self.head(Kind.PADDING, delta) + self.words(size) + bytes(size - 4)

    def pio(self, delta: int, port: int, value: int, *, tid: int = 42, number: int = 7) -> bytes:
        """Write an event of the format PIO."""
        return self.event(delta, self.pio_data(port, value, tid=tid, number=number))

    def pio_data(self, port: int, value: int, *, tid: int = 42, number: int = 7) -> bytes:
        """Write what an event of the format PIO holds."""
        return struct.pack(f"{self.order}HBBiII", number, 0, 0, tid, port, value)

    def page(
        self, time: int, *entries: bytes, missed: int | None = 0, commit: int | None = None
    ) -> bytes:
        """Write a page; ``missed`` None: events were lost before it, and it has no room to count."""
        data = b"".join(entries)
        size = len(data) if commit is None else commit
        code = "Q" if self.long_bytes == 8 else "I"
        if missed:
            size |= MISSED_EVENTS | MISSED_STORED
            data += struct.pack(self.order + code, missed)
        elif missed is None:
            size |= MISSED_EVENTS
        head = struct.pack(f"{self.order}Q{code}", time, size)
        return (head + data).ljust(PAGE_BYTES, b"\0")


@dataclass(frozen=True)
class TraceDat:
    """Builds whole files; ``cpus`` are the pages of each CPU."""

    cpus: Sequence[bytes] = ()
    ring: Ring = field(default_factory=Ring)
    events: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {"kvm": [PIO], "sched": [EXEC]}
    )
    options: Sequence[tuple[int, bytes]] = ()
    comms: str = "42 qemu-system-x86\n"
    header_event: str = HEADER_EVENT
    clock: str = "local"

    def number(self, code: str, *values: int) -> bytes:
        """Write numbers in the byte order of the file."""
        return struct.pack(self.ring.order + code, *values)

    def start(self, version: str) -> bytes:
        """Write what all versions begin with."""
        endian = bytes([self.ring.order == ">", self.ring.long_bytes])
        return MAGIC + version.encode() + b"\0" + endian + self.number("I", PAGE_BYTES)

    def text(self, text: str) -> bytes:
        """Write a text behind its size."""
        return self.number("Q", len(text)) + text.encode()

    def headers(self) -> bytes:
        """Write the kernel's texts on pages and entries."""
        page = self.text(header_page(self.ring.long_bytes))
        return b"header_page\0" + page + b"header_event\0" + self.text(self.header_event)

    def systems(self) -> bytes:
        """Write the event formats."""
        parts = [self.number("I", len(self.events))]
        for system, texts in self.events.items():
            parts += [system.encode() + b"\0", self.number("I", len(texts)), *map(self.text, texts)]
        return b"".join(parts)

    def options6(self, options: Iterable[tuple[int, bytes]]) -> bytes:
        """Write options without an end."""
        return b"".join(self.number("HI", number, len(data)) + data for number, data in options)

    def version6(self, tag: bytes = b"flyrecord\0") -> bytes:
        """Write a file of version 6."""
        count = self.number("I", len(self.cpus))
        options = [(Option.TRACECLOCK, f"[{self.clock}]\0".encode()), *self.options]
        head = b"".join(
            (
                *(self.start("6"), self.headers(), self.number("I", 0), self.systems()),
                *(self.number("I", 0), self.number("I", 0), self.text(self.comms), count),
                *(b"options  \0", self.options6(options), self.number("H", 0), tag),
            )
        )
        clock = self.text(f"[{self.clock}]\0")
        begin = -(-(len(head) + 16 * len(self.cpus) + len(clock)) // PAGE_BYTES) * PAGE_BYTES
        places, at = b"", begin
        for pages in self.cpus:
            places, at = places + self.number("QQ", at, len(pages)), at + len(pages)
        return (head + places + clock).ljust(begin, b"\0") + b"".join(self.cpus)

    def version7(self, compression: str = "none", chunk_pages: int = 2) -> bytes:
        """Write a file of version 7: ``none`` or ``zlib``."""
        squeeze = compression == "zlib"
        version = b"" if compression == "none" else b"1.2"
        start = self.start("7") + compression.encode() + b"\0" + version + b"\0"
        sections = _Sections(self, len(start) + 8, squeeze=squeeze)
        pointers = [
            (Option.HEADER_INFO, sections.add(Option.HEADER_INFO, self.headers())),
            (Option.FTRACE_EVENTS, sections.add(Option.FTRACE_EVENTS, self.number("I", 0))),
            (Option.EVENT_FORMATS, sections.add(Option.EVENT_FORMATS, self.systems())),
            (Option.CMDLINES, sections.add(Option.CMDLINES, self.text(self.comms))),
        ]
        options: list[tuple[int, bytes]] = list(self.options)
        options += [(number, self.number("Q", at)) for number, at in pointers]
        options.append((Option.BUFFER, sections.buffer(self.cpus, chunk_pages)))
        options.append((Option.DONE, self.number("Q", 0)))
        at = sections.add(Option.DONE, self.options6(options), plain=True)
        return start + self.number("Q", at) + bytes(sections.data)


class _Sections:
    """The sections of a file of version 7, as they grow."""

    def __init__(self, file: TraceDat, base: int, *, squeeze: bool) -> None:
        self.file = file
        self.base = base
        self.squeeze = squeeze
        self.data = bytearray()

    def block(self, data: bytes) -> bytes:
        packed = zlib.compress(data)
        return self.file.number("II", len(packed), len(data)) + packed

    def add(self, number: int, data: bytes, *, plain: bool = False) -> int:
        """Append a section; give its offset."""
        at = self.base + len(self.data)
        squeezed = self.squeeze and not plain
        body = self.block(data) if squeezed else data
        self.data += self.file.number("HHIQ", number, squeezed, 0, len(body)) + body
        return at

    def buffer(self, cpus: Sequence[bytes], chunk_pages: int) -> bytes:
        """Append the pages; give the option that says where they are."""
        at = self.base + len(self.data)
        self.data += self.file.number("HHIQ", Option.BUFFER, self.squeeze, 0, 0)
        places = b""
        for cpu, pages in enumerate(cpus):
            self.data += bytes(-(self.base + len(self.data)) % PAGE_BYTES)
            begin = self.base + len(self.data)
            self.data += self._chunks(pages, chunk_pages * PAGE_BYTES) if self.squeeze else pages
            size = self.base + len(self.data) - begin
            places += self.file.number("IQQ", cpu, begin, size)
        head = self.file.number("Q", at) + b"\0" + self.file.clock.encode() + b"\0"
        return head + self.file.number("II", PAGE_BYTES, len(cpus)) + places

    def _chunks(self, pages: bytes, size: int) -> bytes:
        chunks = [self.block(pages[at : at + size]) for at in range(0, len(pages), size)]
        return self.file.number("I", len(chunks)) + b"".join(chunks)
