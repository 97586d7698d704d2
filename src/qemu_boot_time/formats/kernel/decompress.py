"""What a kernel may be compressed with: scripts/Makefile.lib of Linux, and lib/decompress*.c."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.kernel import lzop
from qemu_boot_time.formats.kernel.damage import DamageError, missing

_MOST_BYTES = 1 << 30
"""No kernel is larger: x86-64 links it into 1 GiB (KERNEL_IMAGE_SIZE)."""
_MOST_MEMORY = 512 << 20
"""For a decompressor's window; kernels are packed with 128 MiB at most."""
_MOST_STREAMS = 1000
"""A parallel compressor writes one a megabyte; each costs a copy of what follows it."""
_SIZE_BYTES = 4
_LZ4_BLOCK_BYTES = 8 << 20
_LZ4_MAGIC = b"\x02\x21\x4c\x18"

_Decompress = Callable[[bytes, int, str], bytes]
"""(stream, size of what it stands for, file) ▶ up to one byte more than that size."""


class _Compression(NamedTuple):
    magic: bytes
    read: _Decompress
    size_appended: bool = True
    """Whether the kernel's build appends the size, rather than the format having it at its end."""


def decompress(payload: bytes, file: str) -> bytes:
    """Give what the payload of a bzImage stands for, exactly as large as its last four bytes say.

    Raises DamageError, and InputError for a compression that is not known or has no library here.
    """
    compression = next((one for one in _COMPRESSIONS if payload.startswith(one.magic)), None)
    if compression is None:
        raise InputError(
            f"{file}: compressed with what is not known here: {payload[:4].hex(' ')}",
            hint="give the vmlinux, which its build leaves beside it",
        )
    if len(payload) < len(compression.magic) + _SIZE_BYTES:
        raise DamageError("it ends within its first bytes")
    (size,) = struct.unpack("<I", payload[-_SIZE_BYTES:])
    if size > _MOST_BYTES:
        raise DamageError(f"it stands for {size} bytes, more than any kernel has")
    stream = payload[:-_SIZE_BYTES] if compression.size_appended else payload
    data = compression.read(stream, size, file)
    if len(data) != size:
        raise DamageError(f"it stands for {len(data)} bytes at least instead of {size}")
    return data


def _streams(make: Callable[[], Any], errors: tuple[type[Exception], ...]) -> _Decompress:
    """Read the streams of a decompressor of the standard library one after the other."""

    def read(stream: bytes, size: int, file: str) -> bytes:
        del file
        parts: list[bytes] = []
        room = size + 1
        for _ in range(_MOST_STREAMS):
            if not stream or room <= 0:
                break
            decompressor = make()
            try:
                parts.append(decompressor.decompress(stream, room))
            except errors as error:
                raise DamageError(str(error)) from error
            room -= len(parts[-1])
            if room > 0 and not decompressor.eof:
                raise DamageError("it ends within a stream, before its checksum")
            stream = decompressor.unused_data
        return b"".join(parts)

    return read


def _blocks(give: Callable[[bytes, str], Iterator[bytes]]) -> _Decompress:
    """Join blocks, which are small, until there are enough."""

    def read(stream: bytes, size: int, file: str) -> bytes:
        data = bytearray()
        for block in give(stream, file):
            data += block
            if len(data) > size:
                break
        return bytes(data)

    return read


def _lz4_legacy(stream: bytes, file: str) -> Iterator[bytes]:
    """Read the legacy frame: blocks of 8 MiB, each behind its compressed size."""
    try:
        import lz4.block
    except ImportError as absent:
        raise missing(file, "compressed with LZ4", "lz4", "lz4") from absent
    at = 0
    while at < len(stream):
        head, at = stream[at : at + _SIZE_BYTES], at + _SIZE_BYTES
        if head == _LZ4_MAGIC:
            continue
        end = at + int.from_bytes(head, "little")
        try:
            yield lz4.block.decompress(stream[at:end], _LZ4_BLOCK_BYTES)
        except (lz4.block.LZ4BlockError, ValueError) as error:
            raise DamageError(f"LZ4: {error}") from error
        at = end


def _zstd(stream: bytes, size: int, file: str) -> bytes:
    try:
        import zstandard
    except ImportError as absent:
        raise missing(file, "compressed with zstd", "zstandard", "zstandard") from absent
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_MEMORY)
    try:
        return decompressor.stream_reader(stream, read_across_frames=True).read(size + 1)
    except zstandard.ZstdError as error:
        raise DamageError(str(error)) from error


def _xz() -> Any:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)


def _lzma() -> Any:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MOST_MEMORY)


def _gzip() -> Any:
    return zlib.decompressobj(wbits=31)


_LZMA_ERRORS = (lzma.LZMAError, MemoryError)
_COMPRESSIONS = (
    _Compression(b"\x1f\x8b", _streams(_gzip, (zlib.error,)), size_appended=False),
    _Compression(b"BZh", _streams(bz2.BZ2Decompressor, (OSError, ValueError))),
    _Compression(b"\xfd7zXZ\0", _streams(_xz, _LZMA_ERRORS)),
    _Compression(b"]\0\0", _streams(_lzma, _LZMA_ERRORS)),
    _Compression(lzop.MAGIC, _blocks(lzop.blocks)),
    _Compression(_LZ4_MAGIC, _blocks(_lz4_legacy)),
    _Compression(b"\x28\xb5\x2f\xfd", _zstd),
)
