"""Where boots leave the guest: every exit of one boot, joined to the device behind it (docs/profile.md).

Raw files of a boot: ``boot-NNNN.exits.data`` (a perf.data) and ``boot-NNNN.mtree`` (QEMU's memory maps: one
JSON record a line, appended as the monitor answers). What reads them takes numpy, whose import starts
threads: so it is imported where a run has such boots, and not by whoever is yet to start QEMU.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from qemu_boot_time.sources.base import boot_name

EXITS = "exits.data"
"""The last part of the name of a boot's recording."""
MAPS = "mtree"
MAP_COMMAND = "info mtree -f"
"""What the human monitor is asked for a map."""


_Time = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class MapRecord(msgspec.Struct, frozen=True):
    """One map. Times are absolute: CLOCK_MONOTONIC, in ns."""

    asked_ns: _Time
    answered_ns: _Time
    text: str
    """As QEMU prints it."""


def exits_file(raw: Path, index: int) -> Path:
    """Give the file for the exits of one boot."""
    return raw / f"{boot_name(index)}.{EXITS}"


def maps_file(raw: Path, index: int) -> Path:
    """Give the file for QEMU's memory maps of one boot."""
    return raw / f"{boot_name(index)}.{MAPS}"
