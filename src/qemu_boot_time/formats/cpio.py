"""The cpio archives that Linux takes as initramfs: format "newc", bytes that depend on input alone.

The format is the kernel's ``Documentation/driver-api/early-userspace/buffer-format.rst``: a header
of ASCII hex numbers, the name, the data, each padded to four bytes; a last member TRAILER!!!.
"""

import binascii
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from qemu_boot_time.errors import CorruptFileError

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
_ALIGN = 4
_BLOCK = 512
"""Archives end at a multiple of this, as those of cpio(1) do."""
_LARGEST = 0xFFFFFFFF


class _Header(NamedTuple):
    """The numbers of a member, in their order; each is eight hex digits."""

    inode: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    links: int = 1
    mtime_s: int = 0
    size_bytes: int = 0
    device_major: int = 0
    device_minor: int = 0
    node_major: int = 0
    node_minor: int = 0
    name_bytes: int = 0
    check: int = 0

    def pack(self) -> bytes:
        return _MAGIC + b"".join(b"%08X" % number for number in self)


_HEADER_BYTES = len(_MAGIC) + 8 * len(_Header._fields)


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of an archive; owner root, time 0."""

    name: str
    """Path without a leading slash."""
    mode: int
    """File type and permissions, as in :mod:`stat`."""
    data: bytes = b""
    """Contents of a file, target of a symbolic link."""
    node: tuple[int, int] = (0, 0)
    """Major and minor number of a device node."""


def file(name: str, data: bytes, *, permissions: int = 0o644) -> Entry:
    """Make a regular file."""
    return Entry(name, stat.S_IFREG | permissions, data)


def directory(name: str, *, permissions: int = 0o755) -> Entry:
    """Make a directory."""
    return Entry(name, stat.S_IFDIR | permissions)


def symlink(name: str, target: str) -> Entry:
    """Make a symbolic link."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def character_device(name: str, major: int, minor: int, *, permissions: int = 0o600) -> Entry:
    """Make a character device node; no rights needed, they are only bytes here."""
    return Entry(name, stat.S_IFCHR | permissions, node=(major, minor))


def pack(entries: Iterable[Entry]) -> bytes:
    """Write an archive of the entries in the order given; the same entries give the same bytes.

    A directory must come before what is in it: the kernel does not make it. Raises ValueError for
    a name or a size that the format cannot hold.
    """
    archive = bytearray()
    for inode, entry in enumerate((*entries, Entry(_TRAILER, 0))):
        _append(archive, entry, inode if entry.name != _TRAILER else 0)
    _pad(archive, _BLOCK)
    return bytes(archive)


def _append(archive: bytearray, entry: Entry, inode: int) -> None:
    name = entry.name.encode() + b"\0"
    if entry.name.startswith("/") or len(name) == 1 or b"\0" in name[:-1]:
        raise ValueError(f"{entry.name!r}: a name in an archive is a relative path")
    if len(entry.data) > _LARGEST:
        raise ValueError(f"{entry.name}: more than 4 GiB do not fit an initramfs")
    archive += _Header(
        inode=inode,
        mode=entry.mode,
        size_bytes=len(entry.data),
        node_major=entry.node[0],
        node_minor=entry.node[1],
        name_bytes=len(name),
    ).pack()
    archive += name
    _pad(archive, _ALIGN)
    archive += entry.data
    _pad(archive, _ALIGN)


def _pad(archive: bytearray, multiple: int) -> None:
    archive += bytes(-len(archive) % multiple)


def unpack(archive: bytes, *, file: str = "cpio archive") -> tuple[Entry, ...]:
    """Read an archive up to its trailer; ``file`` is its name for errors.

    Raises CorruptFileError.
    """
    return tuple(_members(archive, file))


def _members(archive: bytes, file: str) -> Iterator[Entry]:
    offset = 0
    while True:
        header = _read_header(archive, offset, file)
        name_at = offset + _HEADER_BYTES
        data_at = _aligned(name_at + header.name_bytes)
        end = data_at + header.size_bytes
        name = archive[name_at : name_at + header.name_bytes]
        if end > len(archive):
            raise CorruptFileError(file, offset, "cpio member", "runs past the end of the file")
        if not name.endswith(b"\0"):
            raise CorruptFileError(file, name_at, "cpio name", "does not end with a zero byte")
        entry = Entry(
            name[:-1].decode(errors="surrogateescape"),
            header.mode,
            archive[data_at:end],
            (header.node_major, header.node_minor),
        )
        if entry.name == _TRAILER:
            return
        yield entry
        offset = _aligned(end)


def _read_header(archive: bytes, offset: int, file: str) -> _Header:
    header = archive[offset : offset + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        raise CorruptFileError(file, offset, "cpio header", "runs past the end of the file")
    if not header.startswith(_MAGIC):
        raise CorruptFileError(file, offset, "cpio header", "is not of the format newc (070701)")
    try:
        numbers = binascii.unhexlify(header[len(_MAGIC) :])
    except ValueError as error:
        raise CorruptFileError(file, offset, "cpio header", "holds what is no hex digit") from error
    return _Header._make(struct.unpack(f">{len(_Header._fields)}I", numbers))


def _aligned(offset: int) -> int:
    return offset + -offset % _ALIGN
