"""The zstd stream that COMPRESSED records carry."""

import sys
from collections.abc import Iterator
from typing import Any

from qemu_boot_time.errors import InputError

_PIECE_BYTES = 256
"""A block of 4 bytes may stand for 128 KiB: this bounds what one step gives to 8 MiB."""


class Inflater:
    """One zstd stream; the records it holds straddle the pieces it comes in."""

    def __init__(self, file: str) -> None:
        """Raise InputError where no zstd decoder is installed."""
        try:
            import zstandard  # rarely needed
        except ImportError as missing:
            raise InputError(
                f"{file}: compressed (perf record -z), and the module zstandard is missing",
                hint=f"{sys.executable} -m pip install zstandard",
            ) from missing
        self._stream: Any = zstandard.ZstdDecompressor().decompressobj()
        self._error = zstandard.ZstdError

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress further bytes of the stream, a bounded piece at a time.

        Raises ValueError where they are no zstd.
        """
        for begin in range(0, len(data), _PIECE_BYTES):
            try:
                piece = self._stream.decompress(data[begin : begin + _PIECE_BYTES])
            except self._error as error:
                raise ValueError(str(error)) from error
            if piece:
                yield piece
