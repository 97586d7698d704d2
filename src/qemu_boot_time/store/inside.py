"""The raw file of a boot that looked inside: what the guest wrote to port 0xf6."""

from contextlib import suppress
from pathlib import Path

from qemu_boot_time.errors import readable
from qemu_boot_time.formats.handed_out import LARGEST_BYTES, Section, sections

STREAM = "inside"
"""The last part of its name: ``boot-0010.inside``."""


def read_handed_out(file: Path) -> tuple[Section, ...]:
    """Read it; a guest whose file is missing handed out nothing.

    Raises InputError where it cannot be read.
    """
    with readable(file, hint="qbt list"), suppress(FileNotFoundError), file.open("rb") as stream:
        return sections(stream.read(LARGEST_BYTES))
    return ()
