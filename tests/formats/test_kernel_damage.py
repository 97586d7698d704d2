"""Kernels with bytes that lie: a value or one error of ours, in bounded time and memory."""

import bz2
import contextlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernel_build as build
from kernel_build import TEXT, Elf
from qemu_boot_time.errors import CorruptFileError, QbtError
from qemu_boot_time.formats.kernel import Symbols, symbols_of, vmlinux_of

FILE = "bzImage"
MAP = b"ffffffff81000000 T _text\nffffffff81000040 t start_kernel\n"
ELF = Elf().build()
STARTS = (
    *(b"", b"\x7fELF", bytes(0x202) + b"HdrS", ELF[:64], MAP[:20]),
    *(build.bzimage(build.COMPRESSORS[name](ELF)[:12])[:1060] for name in build.COMPRESSORS),
)
WHOLE = (
    *(ELF, Elf().build(stripped=True), MAP),
    *(build.bzimage(build.payload(ELF, name)) for name in build.COMPRESSORS),
)
IDS = ("ELF", "stripped", "System.map", *build.COMPRESSORS)


def read(data: bytes) -> None:
    """Read all there is to read of it; only our own errors may come of it."""
    with contextlib.suppress(QbtError):
        symbols_of(data, FILE).address_of("start_kernel")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_garbage_behind_any_beginning_gives_one_error(start: bytes, rest: bytes) -> None:
    """Whatever follows a magic, nothing else is raised."""
    read(start + rest)


@pytest.mark.parametrize("data", WHOLE, ids=IDS)
def test_flawed_bytes_give_symbols_or_one_error(data: bytes) -> None:
    """Whatever bytes are changed, nothing else is raised."""

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), min_size=1))
    def check(flaws: list[tuple[int, int]]) -> None:
        flawed = bytearray(data)
        for place, byte in flaws:
            flawed[place] = byte
        read(bytes(flawed))

    check()


@pytest.mark.parametrize("data", WHOLE, ids=IDS)
def test_every_truncation_gives_one_error(data: bytes) -> None:
    """Wherever the file ends, in whatever structure; a System.map may end behind any line."""
    ends = range(0, len(data), max(1, len(data) // 400))
    for end in ends:
        read(data[:end])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100), st.integers(0, 100))
def test_kept_bytes_give_symbols_or_one_error(garbage: bytes, at: int) -> None:
    """A cache may be cut off, or hold something else."""
    kept = Symbols(FILE, {"_text": (TEXT,)}, build.ENTRY).to_bytes()
    with contextlib.suppress(CorruptFileError):
        Symbols.from_bytes(kept[:at] + garbage, FILE)


def _changed(offset: int, code: str, *values: int) -> bytes:
    data = bytearray(ELF)
    struct.pack_into(code, data, offset, *values)
    return bytes(data)


def _without_section_sizes() -> bytes:
    data = bytearray(_changed(60, "<H", 0))
    (sections_at,) = struct.unpack_from("<Q", data, 40)
    struct.pack_into("<Q", data, sections_at + 32, 1 << 62)
    return bytes(data)


def _without_segment_sizes() -> bytes:
    data = bytearray(_changed(54, "<HH", 0, 0xFFFF))
    (sections_at,) = struct.unpack_from("<Q", data, 40)
    struct.pack_into("<I", data, sections_at + 44, 0xFFFFFFFF)
    return bytes(data)


@pytest.mark.parametrize("make", [_without_section_sizes, _without_segment_sizes])
def test_headers_without_a_size_are_not_walked(make: Callable[[], bytes]) -> None:
    """2^62 of them would lie in one place."""
    with pytest.raises(CorruptFileError, match="more sections or segments"):
        symbols_of(make(), FILE)


def test_names_without_an_end_are_damage() -> None:
    """No name is longer than the kernel's own limit, so none is searched for its end beyond it."""
    names = (("x" * 600, TEXT, 2, 1), *build.FUNCTIONS)

    with pytest.raises(CorruptFileError, match="subsection not found"):
        symbols_of(Elf(symbols=names).build(), FILE)


def test_streams_of_nothing_have_an_end() -> None:
    """Each costs a copy of those that follow."""
    packed = build.sized(ELF, bz2.compress(b"") * 1001 + bz2.compress(ELF))

    with pytest.raises(CorruptFileError, match="it stands for 0 bytes at least"):
        vmlinux_of(build.bzimage(packed), FILE)
