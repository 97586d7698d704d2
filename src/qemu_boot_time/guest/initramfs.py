"""The initramfs around our init: the smallest user space that a kernel can reach.

The same members give the same bytes, so that a guest can be named by its hash.
"""

import gzip
import stat
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path, PurePosixPath

from qemu_boot_time.errors import readable
from qemu_boot_time.formats import cpio
from qemu_boot_time.guest import init

_PERMISSIONS = 0o7777


class Compression(Enum):
    """How the archive is stored."""

    NONE = "none"
    """Every kernel takes it, and none spends time on it."""
    GZIP = "gzip"
    """Needs CONFIG_RD_GZIP; without a time stamp, and always the same from one zlib."""


def build(
    *,
    program: bytes | None = None,
    name: str = "init",
    extra: Iterable[cpio.Entry] = (),
    compression: Compression = Compression.NONE,
) -> bytes:
    """Make an initramfs whose first process is ``program`` (None: our init), at ``/name``.

    The kernel runs ``/init``; under another name it wants ``rdinit=/name``, which is how our init
    comes before the one of an initramfs that this one is appended to. Directories above the
    ``extra`` members are added where they are missing.
    """
    members = (
        cpio.character_device("dev/console", 5, 1),
        cpio.file(name, init.binary() if program is None else program, permissions=0o755),
        *extra,
    )
    archive = cpio.pack(_with_parents(members))
    if compression is Compression.GZIP:
        return gzip.compress(archive, mtime=0)
    return archive


def host_file(path: Path, name: str) -> cpio.Entry:
    """Take a file of this host into the archive as ``name``, with its permissions.

    Raises InputError where it cannot be read.
    """
    with readable(path, hint="name a file that can be read"):
        data, permissions = path.read_bytes(), path.stat().st_mode & _PERMISSIONS
    return cpio.file(name, data, permissions=permissions)


def _with_parents(members: Iterable[cpio.Entry]) -> Iterator[cpio.Entry]:
    made: set[str] = set()
    for member in members:
        for parent in reversed(PurePosixPath(member.name).parents[:-1]):
            if str(parent) not in made:
                made.add(str(parent))
                yield cpio.directory(str(parent))
        if not stat.S_ISDIR(member.mode) or member.name not in made:
            yield member
        made.add(member.name)
