"""The cpio writer against its own reader, the cpio program, and bytes written down."""

import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qemu_boot_time import process
from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.formats import cpio

ENTRIES = (
    cpio.directory("dev"),
    cpio.character_device("dev/console", 5, 1),
    cpio.file("init", b"#!/bin/sh\n", permissions=0o755),
    cpio.file("empty", b""),
    cpio.symlink("sbin", "bin"),
)


def run_cpio(archive: bytes, *options: str, cwd: Path | None = None) -> str:
    """Give what cpio(1) says of an archive."""
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed")
    return process.run(["cpio", "--quiet", *options], stdin=archive, cwd=cwd).stdout


def test_one_file_is_these_bytes() -> None:
    """Header of hex numbers, name, data, each padded to 4; trailer; the whole padded to 512."""
    expected = (
        b"070701"
        b"00000000000081A40000000000000000000000010000000000000003"
        b"00000000000000000000000000000000" + b"0000000200000000"
        b"a\0"
        b"abc\0"
        b"070701"
        b"00000000000000000000000000000000000000010000000000000000"
        b"00000000000000000000000000000000" + b"0000000B00000000"
        b"TRAILER!!!\0"
    ).ljust(512, b"\0")

    assert cpio.pack([cpio.file("a", b"abc")]) == expected


def test_what_is_packed_is_what_is_unpacked() -> None:
    """Files, directories, links and nodes come back as they went in, in their order."""
    assert cpio.unpack(cpio.pack(ENTRIES)) == ENTRIES


def test_same_entries_same_bytes() -> None:
    """Nothing but the entries gets into an archive: no time, no user, no inode of this host."""
    assert cpio.pack(iter(ENTRIES)) == cpio.pack(list(ENTRIES))


def test_cpio_lists_the_archive() -> None:
    """cpio(1) reads types, permissions, sizes and node numbers as meant."""
    lines = run_cpio(cpio.pack(ENTRIES), "-itv").splitlines()

    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        ("drwxr-xr-x", "dev"),
        ("crw-------", "dev/console"),
        ("-rwxr-xr-x", "init"),
        ("-rw-r--r--", "empty"),
        ("lrwxrwxrwx", "bin"),
    ]
    assert "5,   1" in lines[1]
    assert all("1970" in line for line in lines)


def test_archive_of_cpio_can_be_read(tmp_path: Path) -> None:
    """The reader takes what cpio(1) writes."""
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")

    process.run(["cpio", "--quiet", "-oH", "newc", "-O", "x"], stdin=b"a\nb\n", cwd=tmp_path)
    entries = cpio.unpack((tmp_path / "x").read_bytes())

    assert [(e.name, stat.S_IFMT(e.mode), e.data) for e in entries] == [
        ("a", stat.S_IFREG, b"abc"),
        ("b", stat.S_IFLNK, b"a"),
    ]


@pytest.mark.parametrize("name", ["", "/init", "a\0b"])
def test_a_name_that_the_kernel_would_misread_is_refused(name: str) -> None:
    """Empty and absolute names, and names that end early."""
    with pytest.raises(ValueError, match="relative path"):
        cpio.pack([cpio.file(name, b"")])


GOOD = cpio.pack([cpio.file("a", b"abc")])


@pytest.mark.parametrize(
    ("archive", "trouble"),
    [
        (b"", "cpio header at byte 0: runs past the end"),
        (GOOD[:109], "cpio header at byte 0: runs past the end"),
        (GOOD[:113], "cpio member at byte 0: runs past the end"),
        (GOOD[:116], "cpio header at byte 116: runs past the end"),
        (b"070702" + GOOD[6:], "is not of the format newc"),
        (GOOD[:6] + b"G" + GOOD[7:], "holds what is no hex digit"),
        (GOOD[:6] + b" " * 8 + GOOD[14:], "holds what is no hex digit"),
        (GOOD[:111] + b"b" + GOOD[112:], "cpio name at byte 110: does not end"),
    ],
)
def test_a_broken_archive_is_named_with_its_offset(archive: bytes, trouble: str) -> None:
    """Truncation and nonsense raise one error with file, offset and structure."""
    with pytest.raises(CorruptFileError, match=trouble) as caught:
        cpio.unpack(archive, file="ird")

    assert str(caught.value).startswith("ird: ")


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(noise: bytes) -> None:
    """Whatever follows a good header, it is entries or a CorruptFileError."""
    try:
        entries = cpio.unpack(GOOD[:110] + noise)
    except CorruptFileError:
        return

    assert entries[0].mode == stat.S_IFREG | 0o644
