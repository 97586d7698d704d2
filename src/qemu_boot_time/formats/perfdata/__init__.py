"""perf.data: what ``perf record`` writes, read without perf (docs/perfdata.md)."""

from qemu_boot_time.formats.perfdata.decoder import Decoder
from qemu_boot_time.formats.perfdata.header import Header, WallClock
from qemu_boot_time.formats.perfdata.reader import OnDamage, Recording, open_recording
from qemu_boot_time.formats.perfdata.records import (
    Comm,
    Exit,
    Fork,
    LossKind,
    Lost,
    Record,
    Sample,
    Throttle,
)
from qemu_boot_time.formats.perfdata.samples import FieldIn
from qemu_boot_time.formats.perfdata.session import EventDesc, Wanted
from qemu_boot_time.formats.perfdata.skim import FirstOf

__all__ = [
    "Comm",
    "Decoder",
    "EventDesc",
    "Exit",
    "FieldIn",
    "FirstOf",
    "Fork",
    "Header",
    "LossKind",
    "Lost",
    "OnDamage",
    "Record",
    "Recording",
    "Sample",
    "Throttle",
    "WallClock",
    "Wanted",
    "open_recording",
]
