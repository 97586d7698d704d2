"""What lzop(1) writes: a header, then blocks, each behind its sizes (lib/decompress_unlzo.c)."""

import struct
from collections.abc import Iterator
from typing import Any

from qemu_boot_time.formats.kernel.damage import DamageError, missing

MAGIC = b"\x89LZO\0\r\n\x1a\n"
_MOST_BLOCK_BYTES = 256 << 10
"""The kernel's own limit: what a block stands for."""
_WITH_LEVEL = 0x0940
"""Since this version of lzop the header also has a level and the upper half of the time."""
_FILTER = 0x800
_CHECKS_OF_DATA = 0x101
"""Adler-32, CRC-32; each is a word in front of a block."""
_CHECKS_OF_PACKED = 0x202
_CHECK_BYTES = 4


class _Walk:
    """A position in the stream; running past its end is damage."""

    def __init__(self, stream: bytes) -> None:
        self.stream = stream
        self.at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack(f">{code}", self.take(struct.calcsize(f">{code}")))
        return int(value)

    def take(self, size: int) -> bytes:
        begin, self.at = self.at, self.at + size
        if self.at > len(self.stream):
            raise DamageError("it ends within a block")
        return self.stream[begin : self.at]


def blocks(stream: bytes, file: str) -> Iterator[bytes]:
    """Give what the blocks of one or more lzop files stand for; raise DamageError."""
    try:
        import lzallright
    except ImportError as absent:
        raise missing(file, "compressed with LZO", "lzallright", "lzallright") from absent
    walk = _Walk(stream)
    while walk.at < len(stream):
        flags = _flags(walk)
        while size := walk.number("I"):
            packed = _packed(walk, size, flags)
            yield packed if len(packed) == size else _unpacked(lzallright, packed, size)


def _flags(walk: _Walk) -> int:
    """Read a header, of which nothing else matters here."""
    if walk.take(len(MAGIC)) != MAGIC:
        raise DamageError("no lzop file where one should begin")
    with_level = walk.number("H") >= _WITH_LEVEL
    walk.take(6 if with_level else 5)  # library, version needed, method, level
    flags = walk.number("I")
    walk.take(4 if flags & _FILTER else 0)
    walk.take(12 if with_level else 8)  # mode, time
    walk.take(walk.number("B"))  # name
    walk.take(_CHECK_BYTES)
    return flags


def _packed(walk: _Walk, size: int, flags: int) -> bytes:
    packed_size = walk.number("I")
    if not 0 < packed_size <= size <= _MOST_BLOCK_BYTES:
        raise DamageError(f"a block of {packed_size} bytes for {size}")
    checks = (flags & _CHECKS_OF_DATA).bit_count()
    if packed_size < size:
        checks += (flags & _CHECKS_OF_PACKED).bit_count()
    walk.take(checks * _CHECK_BYTES)
    return walk.take(packed_size)


def _unpacked(library: Any, packed: bytes, size: int) -> bytes:
    try:
        data: bytes = library.LZOCompressor.decompress(packed, size)
    except library.LZOError as error:
        raise DamageError(f"LZO: {error!r}") from error
    if len(data) != size:
        raise DamageError(f"a block of {size} bytes holds {len(data)}")
    return data
