"""Builders of perf.data, so that a test shows the bytes that matter and no others."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.perfdata.abi import AttrFlag, Feature, RecordType
from qemu_boot_time.formats.perfdata.abi import Sample as Bit

USUAL = Bit.IP | Bit.TID | Bit.TIME | Bit.CPU | Bit.PERIOD | Bit.RAW
"""What perf asks of a tracepoint, besides an id."""

_COMMON = """\
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
"""


def event_format(name: str, number: int, *fields: str) -> str:
    """Write a tracefs format text; ``fields`` are like ``u32 port;8;4;0``."""
    lines = "".join(
        "\tfield:{};\toffset:{};\tsize:{};\tsigned:{};\n".format(*field.split(";"))
        for field in fields
    )
    return f'name: {name}\nID: {number}\nformat:\n{_COMMON}\n{lines}\nprint fmt: "%", REC->x\n'


PIO = event_format("kvm_pio", 7, "unsigned int port;8;4;0", "unsigned int val;12;4;0")
EXEC = event_format("sched_process_exec", 9, "__data_loc char[] filename;8;4;0", "pid_t pid;12;4;1")


@dataclass(frozen=True)
class Builder:
    """Builds for one byte order."""

    order: ByteOrder = "<"

    def pack(self, codes: str, *values: int) -> bytes:
        """Pack numbers without padding."""
        return struct.pack(self.order + codes, *values)

    def record(self, kind: int, body: bytes, *, misc: int = 0) -> bytes:
        """Build any record."""
        return self.pack("IHH", kind, misc, 8 + len(body)) + body

    def attr(
        self,
        config: int,
        *,
        sample_type: int = USUAL | Bit.IDENTIFIER,
        read_format: int = 0,
        flags: int = AttrFlag.SAMPLE_ID_ALL,
        size: int = 128,
        kind: int = 2,
        clock_id: int = 0,
    ) -> bytes:
        """Build a perf_event_attr; ``flags`` as a little-endian kernel lays them out."""
        if self.order == ">":
            flags = int(f"{flags:064b}"[::-1], 2)
        known = self.pack(
            "IIQQQQQ44xi", kind, size, config, 1, sample_type, read_format, flags, clock_id
        )
        return known.ljust(size, b"\0")[:size]

    def raw(self, data: bytes) -> bytes:
        """Build the RAW part of a sample, padded as the kernel does."""
        size = (len(data) + 4 + 7) // 8 * 8 - 4
        return self.pack("I", size) + data.ljust(size, b"\0")

    def pio(self, port: int, value: int, *, common_type: int = 7) -> bytes:
        """Build the data of the event PIO."""
        return self.pack("HBBiII", common_type, 0, 0, 42, port, value)

    def sample(
        self, data: bytes, *, number: int = 1, time_ns: int = 5, before_raw: bytes = b""
    ) -> bytes:
        """Build a sample of type USUAL | IDENTIFIER of pid 41, tid 42 on CPU 3."""
        fixed = self.pack("QQiiQIIQ", number, 0xFFFF, 41, 42, time_ns, 3, 0, 1)
        return self.record(RecordType.SAMPLE, fixed + before_raw + self.raw(data))

    def trailer(self, *, number: int = 1, time_ns: int = 5, cpu: int = 3) -> bytes:
        """Build the id fields at the end of other records of an event of that type."""
        return self.pack("iiQIIQ", 41, 42, time_ns, cpu, 0, number)

    def tracing_data(self, systems: Mapping[str, Sequence[str]]) -> bytes:
        """Build the section TRACING_DATA; ``systems`` are their format texts."""
        big = 1 if self.order == ">" else 0
        parts = [b"\x17\x08\x44tracing0.6\0", bytes([big, 8]), self.pack("I", 4096)]
        parts += [b"header_page\0", self.pack("Q", 0), b"header_event\0", self.pack("Q", 0)]
        parts += [self.pack("I", 0), self.pack("I", len(systems))]
        for system, texts in systems.items():
            parts += [system.encode() + b"\0", self.pack("I", len(texts))]
            parts += [self.pack("Q", len(text)) + text.encode() for text in texts]
        return b"".join([*parts, self.pack("IIQ", 0, 0, 0)])

    def string(self, text: str) -> bytes:
        """Build a string of a feature section."""
        data = text.encode() + b"\0"
        data = data.ljust((len(data) + 63) // 64 * 64, b"\0")
        return self.pack("I", len(data)) + data

    def features(self, systems: Mapping[str, Sequence[str]]) -> dict[int, bytes]:
        """Build the sections of a plain recording."""
        return {
            Feature.TRACING_DATA: self.tracing_data(systems),
            Feature.HOSTNAME: self.string("box"),
            Feature.CMDLINE: self.pack("I", 2) + self.string("perf") + self.string("record"),
        }

    def file(
        self,
        attrs: Iterable[tuple[bytes, Sequence[int]]],
        records: bytes,
        features: Mapping[int, bytes],
        *,
        data_size: int | None = None,
        attr_room: int = 128,
    ) -> bytes:
        """Build a file: header, ids, table of events, data, feature sections."""
        ids, table = b"", b""
        for attr, numbers in attrs:
            section = self.pack("QQ", 104 + len(ids), 8 * len(numbers))
            ids += self.pack(f"{len(numbers)}Q", *numbers)
            table += attr.ljust(attr_room, b"\0")[:attr_room] + section
        attrs_at = 104 + len(ids)
        data_at = attrs_at + len(table)
        size = len(records) if data_size is None else data_size
        bits = sum(1 << number for number in features)
        words = [bits >> shift & (1 << 64) - 1 for shift in (0, 64, 128, 192)]
        head = self._magic() + self.pack(
            "12Q", 104, attr_room + 16, attrs_at, len(table), data_at, size, 0, 0, *words
        )
        return head + ids + table + records + self._sections(data_at + len(records), features)

    def stream(self, *records: bytes) -> bytes:
        """Build what ``perf record -o -`` writes."""
        return self._magic() + self.pack("Q", 16) + b"".join(records)

    def described(self, systems: Mapping[str, Sequence[str]]) -> bytes:
        """Build the record TRACING_DATA of a stream, with the bytes that follow it."""
        data = self.tracing_data(systems)
        return self.record(RecordType.HEADER_TRACING_DATA, self.pack("II", len(data), 0)) + data

    def _magic(self) -> bytes:
        return b"PERFILE2" if self.order == "<" else b"2ELIFREP"

    def _sections(self, begin: int, features: Mapping[int, bytes]) -> bytes:
        at = begin + 16 * len(features)
        table, data = b"", b""
        for number in sorted(features):
            table += self.pack("QQ", at + len(data), len(features[number]))
            data += features[number]
        return table + data
