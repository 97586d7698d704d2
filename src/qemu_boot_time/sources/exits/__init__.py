"""Where boots leave the guest: every exit of one boot, joined to the device behind it (docs/profile.md).

Raw files of a boot: ``boot-NNNN.exits.data`` (a perf.data) and ``boot-NNNN.mtree`` (QEMU's memory maps).
What reads them takes numpy; it is imported where a run has such boots.
"""

from pathlib import Path

from qemu_boot_time.sources.base import boot_name

EXITS = "exits.data"
"""The last part of the name of a boot's recording."""
MAPS = "mtree"


def exits_file(raw: Path, index: int) -> Path:
    """Give the file for the exits of one boot."""
    return raw / f"{boot_name(index)}.{EXITS}"


def maps_file(raw: Path, index: int) -> Path:
    """Give the file for QEMU's memory maps of one boot."""
    return raw / f"{boot_name(index)}.{MAPS}"
