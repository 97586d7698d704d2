"""bzImage: what its header says, and the kernel out of every compression there is."""

import bz2
import functools
import hashlib
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import kernel_build as build
from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.kernel import BootHeader, read_header, vmlinux_of
from real_host import require

FILE = "bzImage"
# Compressible and not, more than one block of LZ4 (8 MiB) and LZO, and an odd size.
VMLINUX = build.Elf().build() + hashlib.shake_256(b"code").digest(300_001) + bytes(9 << 20)
COMPRESSIONS = tuple(build.COMPRESSORS)


@functools.cache
def image(compression: str) -> bytes:
    """Give a bzImage of VMLINUX."""
    return build.bzimage(build.payload(VMLINUX, compression))


def trouble(data: bytes) -> str:
    """Give what is said about a damaged bzImage."""
    with pytest.raises(CorruptFileError) as caught:
        vmlinux_of(data, FILE)
    assert caught.value.hint != ""
    return caught.value.what


def test_header_says_all_of_it() -> None:
    """Each field is where the boot protocol has it."""
    expected = BootHeader(
        protocol=0x20F,
        setup_sects=1,
        code32_start=0x100000,
        relocatable=True,
        xloadflags=0x7F,
        payload_offset=8,
        payload_length=100,
        pref_address=0x1000000,
        init_size=0x2000000,
        kernel_version="6.1.0 (builder@box) #1 SMP",
    )

    header = read_header(build.bzimage(bytes(100)), FILE)

    assert expected == header
    assert 2 * 512 + 8 == header.payload_at


def test_no_setup_sectors_are_four() -> None:
    """A setup_sects of 0 is that of boot loaders from before there was the field."""
    assert 4 == read_header(build.bzimage(b"", setup_sects=0), FILE).setup_sects


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        (0x204, (False, 0, 0, 0)),
        (0x205, (True, 0, 0, 0)),
        (0x208, (True, 100, 0, 0)),
        (0x20A, (True, 100, 0x2000000, 0)),
        (0x20C, (True, 100, 0x2000000, 0x7F)),
    ],
)
def test_a_field_counts_from_its_protocol_on(
    protocol: int, expected: tuple[bool, int, int, int]
) -> None:
    """What an older protocol has at that place is something else, and is not read."""
    header = read_header(build.bzimage(bytes(100), protocol=protocol), FILE)

    shown = (header.relocatable, header.payload_length, header.init_size, header.xloadflags)
    assert expected == shown


def test_a_version_that_is_no_utf8_is_text_still() -> None:
    """Its bytes stay visible."""
    data = build.bzimage(b"").replace(b"6.1.0 (", b"6\xff1.0 (")

    assert "6\\xff1.0 (builder@box) #1 SMP" == read_header(data, FILE).kernel_version


@pytest.mark.parametrize("data", [b"", b"MZ" + bytes(2000), b"HdrS" * 10, bytes(0x202) + b"Hdr"])
def test_what_is_no_bzimage_is_refused_with_a_hint(data: bytes) -> None:
    """Nor is a PE or a file that is too small one."""
    with pytest.raises(InputError, match="no bzImage of Linux for x86") as caught:
        read_header(data, FILE)

    assert not isinstance(caught.value, CorruptFileError)
    assert "-kernel" in caught.value.hint


@pytest.mark.parametrize("end", [0x206, 0x207, 0x211, 0x217, 0x234, 0x24B, 0x25F, 0x263, 0x300])
def test_a_header_that_is_cut_off_is_damage(end: int) -> None:
    """Wherever it is cut, in a field or in the version, file and structure are named."""
    with pytest.raises(CorruptFileError, match=r"^bzImage: (boot header|kernel version) at byte"):
        read_header(build.bzimage(b"")[:end], FILE)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_kernel_comes_out_of_each_compression(compression: str) -> None:
    """To the byte, past what one block of its format holds."""
    assert vmlinux_of(image(compression), FILE) == VMLINUX


def test_an_elf_file_is_itself() -> None:
    """What QEMU boots by PVH needs no unpacking."""
    assert vmlinux_of(VMLINUX, FILE) == VMLINUX


@pytest.mark.parametrize("compression", sorted(set(COMPRESSIONS) - {"gzip"}))
def test_streams_after_each_other_are_one_kernel(compression: str) -> None:
    """As parallel compressors write them; the size at the end is that of all."""
    parts = VMLINUX[:200_000], VMLINUX[200_000:]
    packed = b"".join(map(build.COMPRESSORS[compression], parts))

    assert vmlinux_of(build.bzimage(build.sized(VMLINUX, packed)), FILE) == VMLINUX


@pytest.mark.parametrize("flags", [0, 0x1, 0x100, 0x103, 0x202, 0x303, 0x801])
@pytest.mark.parametrize("version", [0x0900, 0x1040])
def test_lzop_of_any_version_with_any_checksums(flags: int, version: int) -> None:
    """What stands in front of a block depends on the flags; one of random bytes is stored."""
    packed = build.sized(VMLINUX, build.lzop(VMLINUX, flags=flags, version=version))

    assert vmlinux_of(build.bzimage(packed), FILE) == VMLINUX


PROGRAMS = {
    "gzip": ("gzip", "-n", "-9"),
    "bzip2": ("bzip2", "-9"),
    "lzma": ("xz", "--format=lzma", "-9"),
    "xz": ("xz", "--check=crc32", "--x86", "--lzma2=dict=32MiB"),
    "lzo": ("lzop", "-9"),
    "lz4": ("lz4", "-l", "-9", "-", "-"),
    "zstd": ("zstd", "-9"),
}
"""As scripts/Makefile.lib of Linux calls them, zstd with less effort."""


@pytest.mark.parametrize("compression", PROGRAMS)
def test_kernel_comes_out_of_what_the_build_writes(compression: str) -> None:
    """The programs themselves, called as the kernel's build calls them."""
    command = PROGRAMS[compression]
    require(shutil.which(command[0]) is not None, f"{command[0]} is not installed")
    done = subprocess.run(command, input=VMLINUX, capture_output=True, check=True)
    packed = done.stdout if compression == "gzip" else build.sized(VMLINUX, done.stdout)

    assert vmlinux_of(build.bzimage(packed), FILE) == VMLINUX


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("cut", [1, 5, 1000, 200_000])
def test_a_payload_that_is_cut_off_is_damage(compression: str, cut: int) -> None:
    """Of the file it is seen at once."""
    assert "compressed kernel at byte 1032: it ends at byte" in trouble(image(compression)[:-cut])


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_stream_that_ends_early_is_damage(compression: str, kept: float) -> None:
    """Though the header and the size at the end are as they should be."""
    packed = build.COMPRESSORS[compression](VMLINUX)
    short = build.sized(VMLINUX, packed[: max(9, int(len(packed) * kept))])

    assert "compressed kernel at byte 1032" in trouble(build.bzimage(short))


@pytest.mark.parametrize("payload", [b"\x1f\x8b", b"BZh", b"]\0\0", b"\x02\x21\x4c\x18\0\0\0"])
def test_a_payload_of_a_magic_alone_is_damage(payload: bytes) -> None:
    """There is no room for the size at its end."""
    assert "it ends within its first bytes" in trouble(build.bzimage(payload))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [0, 1000, len(VMLINUX) - 1, len(VMLINUX) + 1, 1 << 30])
def test_another_size_than_promised_is_damage(compression: str, size: int) -> None:
    """It is never unpacked by more than a block beyond."""
    data = image(compression)[:-4] + struct.pack("<I", size)

    assert trouble(data).startswith("bzImage: compressed kernel at byte 1032: ")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_promise_beyond_any_kernel_is_not_tried(compression: str) -> None:
    """x86-64 has a gigabyte for one."""
    data = image(compression)[:-4] + struct.pack("<I", (1 << 30) + 1)

    assert "more than any kernel has" in trouble(data)


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "xz x86", "zstd"])
def test_a_wrong_checksum_is_damage(compression: str) -> None:
    """Those of lzop are skipped, as the kernel does; LZMA and LZ4 have none."""
    data = bytearray(image(compression))
    data[1032 + 100_000] ^= 1

    assert "compressed kernel at byte 1032" in trouble(bytes(data))


@pytest.mark.parametrize("compression", ["bzip2", "xz"])
def test_a_whole_kernel_without_its_checksum_is_damage(compression: str) -> None:
    """All bytes are there, but what tells whether they are right is not."""
    packed = build.COMPRESSORS[compression](VMLINUX)[:-4]

    assert "before its checksum" in trouble(build.bzimage(build.sized(VMLINUX, packed)))


def test_a_window_that_takes_all_memory_is_refused() -> None:
    """An lzma header that wants a dictionary of 3 GiB is not obeyed."""
    packed = bytearray(build.lzma_alone(VMLINUX))
    struct.pack_into("<I", packed, 1, 3 << 30)

    message = trouble(build.bzimage(build.sized(VMLINUX, bytes(packed))))

    assert "compressed kernel at byte 1032" in message


def test_an_unknown_compression_is_named_by_its_bytes() -> None:
    """And a way out is given."""
    with pytest.raises(InputError, match="not known here: 61 62 63 64") as caught:
        vmlinux_of(build.bzimage(b"abcdefgh"), FILE)

    assert "vmlinux" in caught.value.hint


def test_what_holds_no_elf_file_is_damage() -> None:
    """As where a payload is something else than a kernel."""
    assert "no ELF file" in trouble(build.bzimage(build.sized(b"abc", bz2.compress(b"abc"))))


def test_a_protocol_that_tells_no_payload_is_refused() -> None:
    """Nothing is scanned for instead."""
    with pytest.raises(InputError, match=r"boot protocol 0x207, which does not say where"):
        vmlinux_of(build.bzimage(b"", protocol=0x207), FILE)


@pytest.mark.parametrize(
    ("compression", "module", "package"),
    [
        ("lzo", "lzallright", "lzallright"),
        ("lz4", "lz4.block", "lz4"),
        ("zstd", "zstandard", "zstandard"),
    ],
)
def test_a_missing_library_is_named(
    compression: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(InputError, match="is missing") as caught:
        vmlinux_of(image(compression), FILE)

    assert f"-m pip install {package}" in caught.value.hint


@pytest.mark.parametrize(
    ("size", "expected"),
    [(200_000, "a block of 200000 bytes holds 262144"), ((256 << 10) + 1, "for 262145")],
)
def test_a_block_of_another_size_than_it_says_is_damage(size: int, expected: str) -> None:
    """Nor is one larger than the kernel takes: LZO has no bound of its own."""
    data = build.Elf().build() + bytes(1 << 20)
    packed = bytearray(build.lzop(data))
    struct.pack_into(">I", packed, len(build.lzop(b"")) - 4, size)

    assert expected in trouble(build.bzimage(build.sized(data, bytes(packed))))


def test_importing_loads_no_decompressor() -> None:
    """Start-up matters: libraries are loaded by the kernel that needs them."""
    words = "lz4 lzallright zstandard elftools vmlinux_to_elf"
    code = (
        "import sys, qemu_boot_time.formats.kernel\n"
        f"print([m for m in {words.split()} if m in sys.modules])"
    )
    source = str(Path(__file__).parents[2] / "src")

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": source},
    )

    assert "[]\n" == done.stdout
