"""The file below a trace.dat: reads with bounds, and what its sections are compressed with."""

import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from qemu_boot_time.errors import CorruptFileError, InputError, readable
from qemu_boot_time.formats.cursor import ByteOrder, Cursor

MOST_BYTES = 64 << 20
"""No structure that is read at once is larger: the formats of all events of a kernel have 4 MB."""
_MOST_BLOCK_BYTES = 16 << 20
"""No compressed block stands for more: they are sections, and ten pages each."""

Inflate = Callable[[bytes, int], bytes]
"""(compressed bytes, size of what they stand for) ▶ those bytes; ValueError if they are not."""


class Storage:
    """An open file whose parts are read by offset and size."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self._stream = stream
        self.file = file
        self.size = stream.seek(0, os.SEEK_END)

    def corrupt(self, offset: int, structure: str, trouble: str) -> CorruptFileError:
        """Make the error for what was found there."""
        return CorruptFileError(
            self.file,
            offset,
            structure,
            trouble,
            hint="was trace-cmd killed? trace-cmd restore puts its pieces together; else record "
            "or copy it again",
        )

    def read(self, offset: int, size: int, structure: str) -> bytes:
        """Read a part; raise CorruptFileError where it is not all there, or larger than sane."""
        if size > MOST_BYTES or offset + size > self.size:
            trouble = f"{size} bytes in a file of {self.size}"
            raise self.corrupt(offset, structure, trouble)
        self._stream.seek(offset)
        data = self._stream.read(size)
        if len(data) != size:
            raise self.corrupt(offset, structure, "the file shrinks while it is read")
        return data

    def cursor(self, offset: int, structure: str, order: ByteOrder, *, size: int) -> Cursor:
        """Read what is there of up to ``size`` bytes, as numbers of this byte order."""
        there = max(0, min(size, self.size - offset))
        data = self.read(offset, there, structure)
        return Cursor(data, file=self.file, structure=structure, order=order, base=offset)


@contextmanager
def opened(path: Path) -> Iterator[Storage]:
    """Open a file; raise InputError where that cannot be."""
    with readable(path, hint=f"ls -l {path}"), path.open("rb") as stream:
        yield Storage(stream, str(path))


def inflater(name: str, file: str) -> Inflate:
    """Give what undoes a compression; raise InputError where nothing here does."""
    if name == "none":
        return _stored
    if name == "zlib":
        return _inflate_zlib
    if name == "zstd":
        return _zstd(file)
    raise InputError(
        f"{file}: compressed with {name!r}, which is not known here",
        hint=f"trace-cmd convert --compression none -i {file} -o plain.dat",
    )


def inflated(cursor: Cursor, inflate: Inflate) -> Cursor:
    """Read a compressed block: its size, the size of what it stands for, its bytes."""
    size, stands_for = cursor.u32(), cursor.u32()
    if stands_for > _MOST_BLOCK_BYTES:
        raise cursor.corrupt(f"it stands for {stands_for} bytes")
    block = cursor.part(size, cursor.structure)
    try:
        block.data = inflate(block.data, stands_for)
    except ValueError as error:
        raise block.corrupt(str(error)) from error
    return block


def _stored(data: bytes, size: int) -> bytes:
    del size
    raise ValueError(f"{len(data)} compressed bytes in a file without compression")


def _inflate_zlib(data: bytes, size: int) -> bytes:
    try:
        return _exactly(size, zlib.decompressobj().decompress(data, size + 1))
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _zstd(file: str) -> Inflate:
    try:
        import zstandard  # needed for files of trace-cmd since 3.0 alone
    except ImportError as missing:
        raise InputError(
            f"{file}: compressed with zstd, and the module zstandard is missing",
            hint=f"{sys.executable} -m pip install zstandard, or: "
            f"trace-cmd convert --compression none -i {file} -o plain.dat",
        ) from missing
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_BLOCK_BYTES)

    def inflate(data: bytes, size: int) -> bytes:
        try:
            return _exactly(size, decompressor.stream_reader(data).read(size + 1))
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error

    return inflate


def _exactly(size: int, data: bytes) -> bytes:
    if len(data) != size:
        more = "more than " if len(data) > size else ""
        raise ValueError(f"it stands for {more}{min(len(data), size)} bytes instead of {size}")
    return data
