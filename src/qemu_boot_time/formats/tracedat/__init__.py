"""trace.dat: what ``trace-cmd record`` writes, read without trace-cmd (docs/tracedat.md)."""

from qemu_boot_time.formats.tracedat.decoder import Described, PageDecoder
from qemu_boot_time.formats.tracedat.header import Guest, Header, TimeScale, count_lost
from qemu_boot_time.formats.tracedat.reader import Recording, open_recording
from qemu_boot_time.formats.tracedat.records import Lost, Record, TraceEvent

__all__ = [
    "Described",
    "Guest",
    "Header",
    "Lost",
    "PageDecoder",
    "Record",
    "Recording",
    "TimeScale",
    "TraceEvent",
    "count_lost",
    "open_recording",
]
