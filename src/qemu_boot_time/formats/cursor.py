"""Reads bytes in order and never past their end."""

import struct
from typing import Literal

from qemu_boot_time.errors import CorruptFileError

_HINT = "record it again, or copy it again if it was copied while being written"

ByteOrder = Literal["<", ">"]
"""As in :mod:`struct`: ``<`` little endian, ``>`` big endian."""


class Cursor:
    """A position in some bytes of a file; whatever does not fit raises CorruptFileError."""

    def __init__(
        self, data: bytes, *, file: str, structure: str, order: ByteOrder, base: int = 0
    ) -> None:
        self.data = data
        self.file = file
        self.structure = structure
        self.order = order
        self.base = base
        """Where ``data`` begins in the file, in bytes."""
        self.position = 0

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.position

    def corrupt(self, trouble: str) -> CorruptFileError:
        """Make the error for what was just found here."""
        return CorruptFileError(
            self.file, self.base + self.position, self.structure, trouble, hint=_HINT
        )

    def take(self, size: int) -> bytes:
        """Read ``size`` bytes."""
        if not 0 <= size <= self.remaining:
            raise self.corrupt(f"{size} bytes expected, {self.remaining} are left")
        begin, self.position = self.position, self.position + size
        return self.data[begin : self.position]

    def _number(self, code: str, size: int) -> int:
        (value,) = struct.unpack(self.order + code, self.take(size))
        return int(value)

    def u8(self) -> int:
        """Read an unsigned 8-bit number."""
        return self._number("B", 1)

    def u16(self) -> int:
        """Read an unsigned 16-bit number."""
        return self._number("H", 2)

    def u32(self) -> int:
        """Read an unsigned 32-bit number."""
        return self._number("I", 4)

    def i32(self) -> int:
        """Read a signed 32-bit number."""
        return self._number("i", 4)

    def u64(self) -> int:
        """Read an unsigned 64-bit number."""
        return self._number("Q", 8)

    def u64s(self, count: int) -> tuple[int, ...]:
        """Read ``count`` unsigned 64-bit numbers."""
        return struct.unpack(f"{self.order}{count}Q", self.take(8 * count))

    def c_string(self) -> str:
        """Read a string up to its NUL."""
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise self.corrupt("a string without an end")
        text = text_of(self.take(end - self.position))
        self.position = end + 1
        return text

    def part(self, size: int, structure: str) -> "Cursor":
        """Read ``size`` bytes as a structure of its own."""
        base = self.base + self.position
        return Cursor(
            self.take(size), file=self.file, structure=structure, order=self.order, base=base
        )


def text_of(data: bytes) -> str:
    r"""Give the text up to the first NUL; bytes that are no UTF-8 stay visible as ``\xNN``."""
    return data.partition(b"\0")[0].decode(errors="backslashreplace")
