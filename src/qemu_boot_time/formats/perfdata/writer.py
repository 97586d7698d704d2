"""perf.data in pipe format, written: what comes before, between and after the kernel's own records.

Little endian, as are the machines that run x86 guests under KVM.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qemu_boot_time.formats.perfdata.abi import (
    MAGIC,
    PIPE_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    AttrFlag,
    Feature,
    ReadFormat,
    RecordType,
    Sample,
)
from qemu_boot_time.formats.tracing_data import TracingFiles, tracing_data

_ATTR = struct.Struct("<IIQQQQQI40xi32x")
"""type, size, config, sample_period, sample_type, read_format, flags, wakeup_watermark, clockid."""
_NAME_ALIGN = 64
_TRACING_VERSION = "0.6"
_PAGE_BYTES = 4096
_NOTHING_MORE = struct.pack("<IIQ", 0, 0, 0)
"""No symbols, no printk formats, no names of threads."""

SAMPLE_TYPE = Sample.IDENTIFIER | Sample.TID | Sample.TIME | Sample.CPU | Sample.RAW
"""What each sample carries; the trailers of other records follow from it."""
_TRAILER = struct.Struct("<iiQIIQ")
"""Of SAMPLE_TYPE: pid, tid, time, CPU, reserved, id."""


@dataclass(frozen=True, slots=True)
class AttrRequest:
    """An event as the kernel is asked for it, and as the recording describes it."""

    type: int
    config: int
    flags: AttrFlag
    wakeup_bytes: int
    """Wake the reader when the ring holds so much more."""
    clock_id: int
    read_format: ReadFormat

    def packed(self) -> bytes:
        """Give the perf_event_attr, of the size that perf before Linux 6.3 insists on (VER7)."""
        return _ATTR.pack(
            self.type,
            _ATTR.size,
            self.config,
            1,
            SAMPLE_TYPE,
            self.read_format,
            self.flags | AttrFlag.SAMPLE_ID_ALL | AttrFlag.USE_CLOCKID | AttrFlag.WATERMARK,
            self.wakeup_bytes,
            self.clock_id,
        )


def pipe_header() -> bytes:
    """Give the first bytes of a stream."""
    return MAGIC + struct.pack("<Q", PIPE_HEADER_BYTES)


def _record(kind: RecordType, body: bytes) -> bytes:
    return struct.pack("<IHH", kind, 0, RECORD_HEADER_BYTES + len(body)) + body


def attr_record(attr: bytes, ids: Sequence[int]) -> bytes:
    """Describe an event by its perf_event_attr and the ids that the kernel gave it."""
    return _record(RecordType.HEADER_ATTR, attr + struct.pack(f"<{len(ids)}Q", *ids))


def tracing_data_record(files: TracingFiles) -> bytes:
    """Describe the fields of the events; the bytes behind the record are counted in it."""
    data = tracing_data(files, _TRACING_VERSION, page_bytes=_PAGE_BYTES) + _NOTHING_MORE
    data += bytes(-len(data) % 8)
    return _record(RecordType.HEADER_TRACING_DATA, struct.pack("<I", len(data))) + data


def feature_record(feature: Feature, section: bytes) -> bytes:
    """State one fact about the recording."""
    return _record(RecordType.HEADER_FEATURE, struct.pack("<Q", feature) + section)


def text_section(text: str) -> bytes:
    """Give the section of a feature that is one string; words of a command may be of any bytes."""
    data = text.encode(errors="surrogateescape") + b"\0"
    data += bytes(-len(data) % _NAME_ALIGN)
    return struct.pack("<I", len(data)) + data


def command_section(words: Iterable[str]) -> bytes:
    """Give the section CMDLINE."""
    texts = [text_section(word) for word in words]
    return struct.pack("<I", len(texts)) + b"".join(texts)


def names_section(events: Iterable[tuple[str, bytes]]) -> bytes:
    """Give the section EVENT_DESC: name and attr of each event, in the order of the attr records.

    The ids are in those: a record of all of them could grow past 64 KiB on a large machine.
    """
    entries = [attr + struct.pack("<I", 0) + text_section(name) for name, attr in events]
    return struct.pack("<II", len(entries), _ATTR.size) + b"".join(entries)


def clock_section(clock_id: int, *, clock_ns: int, realtime_ns: int) -> bytes:
    """Give the section CLOCK_DATA: one moment on the recording's clock and since 1970."""
    return struct.pack("<IIQQ", 1, clock_id, realtime_ns, clock_ns)


def comm_record(event_id: int, pid: int, comm: bytes, *, time_ns: int) -> bytes:
    """Say, as perf does of processes that are older than the recording, what one is called."""
    name = comm + bytes(8 - len(comm) % 8)
    trailer = _TRAILER.pack(pid, pid, time_ns, 0, 0, event_id)
    return _record(RecordType.COMM, struct.pack("<ii", pid, pid) + name + trailer)


def lost_record(event_id: int, lost: int, *, time_ns: int) -> bytes:
    """Say, as the kernel would once the ring has room again, that events were lost."""
    trailer = _TRAILER.pack(0, 0, time_ns, 0, 0, event_id)
    return _record(RecordType.LOST, struct.pack("<QQ", event_id, lost) + trailer)


def lost_samples_record(event_id: int, lost: int) -> bytes:
    """Say, as perf does at the end, how many samples of an event were lost in all."""
    trailer = _TRAILER.pack(0, 0, 0, 0, 0, event_id)
    return _record(RecordType.LOST_SAMPLES, struct.pack("<Q", lost) + trailer)


def round_record() -> bytes:
    """Say that nothing after this is older than what came before the round before it."""
    return _record(RecordType.FINISHED_ROUND, b"")
