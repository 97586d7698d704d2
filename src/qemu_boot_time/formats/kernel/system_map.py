"""System.map: what nm(1) says of a vmlinux, an address, a letter and a name a line."""

import re
from collections.abc import Iterator

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.kernel.damage import corrupt
from qemu_boot_time.formats.kernel.symbols import CODE

_BEGINNING = re.compile(rb"[0-9a-f]{8}(?:[0-9a-f]{8})? [A-Za-z?] ")
_LINE = re.compile(rb"([0-9a-f]{8}(?:[0-9a-f]{8})?) ([A-Za-z?]) ([!-~]+)")
_STUB = b"The real System.map"


def is_system_map(data: bytes) -> bool:
    """Tell whether these bytes begin as a System.map does."""
    return _BEGINNING.match(data) is not None


def read_system_map(data: bytes, file: str) -> Iterator[tuple[str, int]]:
    """Give name and link address of the code in it.

    Raises InputError for the stub that Debian installs, CorruptFileError for lines that are none.
    """
    if _STUB in data[:100]:
        raise InputError(
            f"{file}: a stub without symbols, as Debian installs it",
            hint="give the vmlinuz beside it, or the System.map of the package linux-image-*-dbg",
        )
    offset = 0
    for line in data.splitlines(keepends=True):
        parts = _LINE.fullmatch(line.rstrip(b"\n"))
        if parts is None:
            raise corrupt(file, offset, "System.map", "a line that is no address, letter and name")
        offset += len(line)
        if parts[2].decode() in CODE:
            yield parts[3].decode(), int(parts[1], 16)
