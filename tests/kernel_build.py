"""Builders of kernel images, so that a test shows the bytes that matter and no others."""

import bz2
import functools
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import lz4.block
import lzallright
import zstandard

TEXT = 0xFFFFFFFF81000000
"""Where x86-64 links a kernel to."""
ENTRY = 0x1000000
VERSION = "6.1.0 (builder@box) #1 SMP"
LZO_BLOCK = 256 << 10

Symbol = tuple[str, int, int, int]
"""Name, address, kind (2: a function), number of its section (1: .text, 2: .data)."""
FUNCTIONS: Sequence[Symbol] = (
    ("startup_64", TEXT, 0, 1),
    ("_text", TEXT, 0, 1),
    ("start_kernel", TEXT + 0x40, 2, 1),
)


@dataclass(frozen=True)
class Elf:
    """Builds a vmlinux with sections .text, .data and a symbol table."""

    symbols: Sequence[Symbol] = FUNCTIONS
    bits: int = 64
    machine: int = 62
    text: int = TEXT
    entry: int = ENTRY

    def build(self, *, stripped: bool = False) -> bytes:
        """Write it: header, segment, contents, section headers."""
        strings = _Strings()
        table = self._symbol(0, 0, 0, 0) + b"".join(
            self._symbol(strings.add(name), value, kind, section)
            for name, value, kind, section in self.symbols
        )
        contents = [(".text", 1, 6, bytes(256)), (".data", 1, 3, bytes(16))]
        if not stripped:
            contents += [(".symtab", 2, 0, table), (".strtab", 3, 0, bytes(strings.data))]
        return self._join(contents)

    def _join(self, contents: Sequence[tuple[str, int, int, bytes]]) -> bytes:
        names = _Strings()
        at, body, heads = self._begin, b"", self._section(0, 0, 0, 0, 0)
        for name, kind, flags, data in contents:
            heads += self._section(names.add(name), kind, flags, at + len(body), len(data))
            body += data
        mine = names.add(".shstrtab")
        heads += self._section(mine, 3, 0, at + len(body), len(names.data))
        body += names.data
        count = len(contents) + 2
        return self._head(at + len(body), count) + self._segment() + body + heads

    @property
    def _begin(self) -> int:
        return 64 + 56 if self.bits == 64 else 52 + 32

    def _head(self, sections_at: int, sections: int) -> bytes:
        ident = b"\x7fELF" + bytes([self.bits // 32, 1, 1]).ljust(12, b"\0")
        code, sizes = ("QQQ", (64, 56, 1, 64)) if self.bits == 64 else ("III", (52, 32, 1, 40))
        place = (self.entry, sizes[0], sections_at)
        rest = (0, *sizes, sections, sections - 1)
        return ident + struct.pack(f"<HHI{code}I6H", 2, self.machine, 1, *place, *rest)

    def _segment(self) -> bytes:
        size = 0x10000
        if self.bits == 64:
            return struct.pack("<IIQQQQQQ", 1, 5, 0, self.text, ENTRY, size, size, 0x1000)
        return struct.pack("<IIIIIIII", 1, 0, self.text, ENTRY, size, size, 5, 0x1000)

    def _section(self, name: int, kind: int, flags: int, at: int, size: int) -> bytes:
        link, each = (4, 24 if self.bits == 64 else 16) if kind == 2 else (0, 0)
        code = "<IIQQQQIIQQ" if self.bits == 64 else "<10I"
        return struct.pack(code, name, kind, flags, 0, at, size, link, 1, 8, each)

    def _symbol(self, name: int, value: int, kind: int, section: int) -> bytes:
        if self.bits == 64:
            return struct.pack("<IBBHQQ", name, kind, 0, section, value, 0)
        return struct.pack("<IIIBBH", name, value, 0, kind, 0, section)


@dataclass
class _Strings:
    """A string table as it grows."""

    data: bytearray = field(default_factory=lambda: bytearray(1))

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def sized(data: bytes, packed: bytes) -> bytes:
    """Append the size, as the kernel's build does."""
    return packed + struct.pack("<I", len(data))


def bzimage(
    payload: bytes, *, protocol: int = 0x20F, setup_sects: int = 1, version: str = VERSION
) -> bytes:
    """Write a bzImage whose protected-mode code is 8 bytes and the payload."""
    setup = bytearray(((setup_sects or 4) + 1) * 512)
    struct.pack_into("<B", setup, 0x1F1, setup_sects)
    struct.pack_into("<4sH", setup, 0x202, b"HdrS", protocol)
    struct.pack_into("<H", setup, 0x20E, 0x300 - 0x200)
    struct.pack_into("<I", setup, 0x214, 0x100000)
    struct.pack_into("<BxH", setup, 0x234, 1, 0x7F)
    struct.pack_into("<II", setup, 0x248, 8, len(payload))
    struct.pack_into("<QI", setup, 0x258, ENTRY, 0x2000000)
    text = version.encode() + b"\0"
    setup[0x300 : 0x300 + len(text)] = text
    return bytes(setup) + bytes(8) + payload


def lz4_legacy(data: bytes, block_bytes: int = 8 << 20) -> bytes:
    """Compress as ``lz4 -l`` does."""
    packed = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), block_bytes):
        block = lz4.block.compress(data[at : at + block_bytes], store_size=False)
        packed += struct.pack("<I", len(block)) + block
    return packed


def lzop(data: bytes, *, flags: int = 1, version: int = 0x1040) -> bytes:
    """Compress as lzop does; ``flags``: which checksums there are, and a filter."""
    new = version >= 0x940
    codes, values = (">HHHBBI", (0x20A0, 0x940, 3, 9)) if new else (">HHHBI", (0x20A0, 0x940, 3))
    head = struct.pack(codes, version, *values, flags) + bytes(4 if flags & 0x800 else 0)
    head += bytes(12 if new else 8) + b"\x04name"
    blocks = b"".join(
        _lzop_block(data[at : at + LZO_BLOCK], flags) for at in range(0, len(data), LZO_BLOCK)
    )
    return b"\x89LZO\0\r\n\x1a\n" + head + struct.pack(">I", zlib.adler32(head)) + blocks + bytes(4)


def _lzop_block(data: bytes, flags: int) -> bytes:
    packed = lzallright.LZOCompressor().compress(data)
    if len(packed) >= len(data):
        packed = data
    checks = [check(data) for bit, check in _LZOP_CHECKS if flags & bit]
    if packed is not data:
        checks += [check(packed) for bit, check in _LZOP_CHECKS if flags & bit << 1]
    return struct.pack(f">II{len(checks)}I", len(data), len(packed), *checks) + packed


_LZOP_CHECKS: Sequence[tuple[int, Callable[[bytes], int]]] = (
    (0x1, zlib.adler32),
    (0x100, zlib.crc32),
)


def xz(data: bytes) -> bytes:
    """Compress without a filter."""
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32)


def xz_x86(data: bytes) -> bytes:
    """Compress with the filter for x86 code, as scripts/xz_wrap.sh of Linux has it."""
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": 32 << 20}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


def lzma_alone(data: bytes) -> bytes:
    """Compress as lzma(1) does from a pipe: the format does not say the size."""
    return lzma.compress(data, lzma.FORMAT_ALONE)


COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": functools.partial(gzip.compress, mtime=0),
    "bzip2": bz2.compress,
    "lzma": lzma_alone,
    "xz": xz,
    "xz x86": xz_x86,
    "lzo": lzop,
    "lz4": lz4_legacy,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
"""Every compression that Linux offers for x86 (CONFIG_KERNEL_*)."""


def payload(data: bytes, compression: str) -> bytes:
    """Compress as the kernel's build does, the size at the end: gzip's own there is."""
    packed = COMPRESSORS[compression](data)
    return packed if compression == "gzip" else sized(data, packed)
