"""What recordings carry of tracefs, written: the begin of a trace.dat, and perf's TRACING_DATA.

Little endian, as are the machines that run x86 guests under KVM.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LONG_BYTES = 8


@dataclass(frozen=True, slots=True)
class TracingFiles:
    """What a recording carries of tracefs, verbatim."""

    header_page: bytes
    header_event: bytes
    formats: Mapping[str, Sequence[bytes]]
    """By system: the format texts of its recorded events."""


def tracing_data(files: TracingFiles, version: str, *, page_bytes: int) -> bytes:
    """Give everything up to the formats of the events, none of ftrace's own among them.

    Source: tools/perf/util/trace-event-info.c of Linux, and trace-cmd.dat.v6(5).
    """
    parts = [b"\x17\x08\x44tracing", version.encode() + b"\0"]
    parts += [struct.pack("<BBI", 0, _LONG_BYTES, page_bytes)]
    parts += [b"header_page\0", sized(files.header_page)]
    parts += [b"header_event\0", sized(files.header_event)]
    parts += [struct.pack("<II", 0, len(files.formats))]
    for system, texts in files.formats.items():
        parts += [system.encode() + b"\0", struct.pack("<I", len(texts)), *map(sized, texts)]
    return b"".join(parts)


def sized(data: bytes) -> bytes:
    """Give data behind its size."""
    return struct.pack("<Q", len(data)) + data
