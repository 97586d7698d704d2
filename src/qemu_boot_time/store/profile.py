"""The raw files of a boot whose exits were counted become its profile."""

from pathlib import Path

from qemu_boot_time.errors import QbtError
from qemu_boot_time.formats.perfdata.columns import read_columns
from qemu_boot_time.model import Boot, Profile
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.exits import exits_file, maps_file

_LOST = "{:,} events were lost, so no count is exact: none is given"


def read_profile(raw: Path, boot: Boot, names: Names) -> Profile:
    """Read it; what cannot be read, or is not whole, becomes a note in place of counters."""
    from qemu_boot_time.sources.exits.attribution import profile_of
    from qemu_boot_time.sources.exits.maps import Lookup, read_maps
    from qemu_boot_time.sources.exits.pairing import exits_of
    from qemu_boot_time.sources.exits.stream import FIELDS, stream_of

    file = exits_file(raw, boot.index)
    try:
        table = read_columns(file, FIELDS)
        lookup = Lookup(read_maps(maps_file(raw, boot.index)))
        stream = stream_of(table.events, boot.pid, str(file))
    except QbtError as error:
        return Profile(boot, notes=(error.what,))
    if table.lost or table.damage:
        return Profile(boot, notes=(table.damage or _LOST.format(table.lost),))
    exits = exits_of(stream, lookup.served_by_kvm)
    return profile_of(boot, exits, lookup, names)
