"""The initramfs around our init: its members, and that its bytes depend on them alone."""

import gzip
import hashlib
import stat
from pathlib import Path

import pytest

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats import cpio
from qemu_boot_time.guest import init, initramfs

PINNED = "b8cbb65176becbd291f23398ebfbfce1ae3ec937ae29795447a655f7912f64b4"


def members(archive: bytes) -> list[tuple[str, int]]:
    """Names and file types, in their order."""
    return [(entry.name, stat.S_IFMT(entry.mode)) for entry in cpio.unpack(archive)]


def test_it_holds_a_console_and_an_init() -> None:
    """The kernel finds /dev/console before it runs /init."""
    entries = cpio.unpack(initramfs.build())

    assert [entry.name for entry in entries] == ["dev", "dev/console", "init"]
    assert entries[1].node == (5, 1)
    assert entries[2] == cpio.file("init", init.binary(), permissions=0o755)


def test_bytes_are_pinned() -> None:
    """The archive that everybody gets, by its hash: a change of it is a change of the guest."""
    assert hashlib.sha256(initramfs.build()).hexdigest() == PINNED


def test_gzip_holds_the_same_and_no_time() -> None:
    """Compression adds nothing of this host: no time stamp, no file name."""
    packed = initramfs.build(compression=initramfs.Compression.GZIP)

    assert packed == initramfs.build(compression=initramfs.Compression.GZIP)
    assert packed[3:8] == bytes(5)  # flags, mtime
    assert gzip.decompress(packed) == initramfs.build()


def test_directories_come_before_what_is_in_them() -> None:
    """Every missing directory is made, once, first; one that is given keeps its permissions."""
    extra = (
        cpio.file("usr/lib/a/x", b"1"),
        cpio.file("usr/lib/b/y", b"2"),
        cpio.directory("tmp", permissions=0o1777),
        cpio.file("tmp/z", b"3"),
        cpio.directory("usr/lib"),
    )

    entries = cpio.unpack(initramfs.build(extra=extra))

    assert [entry.name for entry in entries] == [
        *("dev", "dev/console", "init"),
        *("usr", "usr/lib", "usr/lib/a", "usr/lib/a/x", "usr/lib/b", "usr/lib/b/y"),
        *("tmp", "tmp/z"),
    ]
    assert entries[9].mode == stat.S_IFDIR | 0o1777


def test_another_program_can_be_first_under_another_name() -> None:
    """For `rdinit=/qbt-init` before somebody else's /init."""
    archive = initramfs.build(program=b"ELF", name="qbt-init")

    assert members(archive)[-1] == ("qbt-init", stat.S_IFREG)
    assert cpio.unpack(archive)[-1].data == b"ELF"


def test_a_host_file_keeps_its_permissions(tmp_path: Path) -> None:
    """A program stays a program."""
    tool = tmp_path / "tool"
    tool.write_bytes(b"abc")
    tool.chmod(0o750)

    entry = initramfs.host_file(tool, "bin/tool")

    assert entry == cpio.file("bin/tool", b"abc", permissions=0o750)


def test_a_host_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """An input error with the path, not a traceback."""
    with pytest.raises(InputError, match="nope: No such file or directory"):
        initramfs.host_file(tmp_path / "nope", "nope")
