"""The cache of guests: where it is, and that a file in it is whole."""

import errno
import os
import sys
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import cache


def test_the_cache_is_where_the_desktop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME where it is set and not empty, else ~/.cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("HOME", "/h")
    told = cache.directory("demo")

    monkeypatch.setenv("XDG_CACHE_HOME", "")
    default = cache.directory("demo")

    assert told == Path("/x/qemu-boot-time/demo")
    assert default == Path("/h/.cache/qemu-boot-time/demo")


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint says what to set."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")

    with pytest.raises(HostError) as caught:
        cache.directory("demo")

    assert "set HOME or XDG_CACHE_HOME" == caught.value.hint


def test_a_file_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    """The same content is the same file, another content another; nothing else is left."""
    first = cache.keep(tmp_path / "new", "a", b"abc")
    again = cache.keep(tmp_path / "new", "a", b"abc")
    other = cache.keep(tmp_path / "new", "a", b"abd")

    assert first == again == tmp_path / "new/a-ba7816bf8f01.bin"
    assert first.read_bytes() == b"abc"
    assert set((tmp_path / "new").iterdir()) == {first, other}


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the variable that moves it."""
    (tmp_path / "file").touch()

    with pytest.raises(HostError, match="file: File exists") as caught:
        cache.keep(tmp_path / "file", "a", b"")

    assert "XDG_CACHE_HOME" in caught.value.hint


def test_what_was_not_moved_out_of_staging_is_gone(tmp_path: Path) -> None:
    """However the making of it went."""
    with cache.staging(tmp_path / "new") as scratch:
        (scratch / "half").touch()
        (scratch / "whole").touch()
        (scratch / "whole").rename(tmp_path / "new/whole")

    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new/whole"]


# --- a full disk -----------------------------------------------------------------------------

FULL = os.strerror(errno.ENOSPC)
LINKER = f"print('ld: final link failed: {FULL}\\nld returned 1', file=__import__('sys').stderr)"


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails tells of no file: the directory is told, and where its disk is."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(HostError) as caught:
        cache.keep(tmp_path / "demo", "tiny", b"guest")

    disk = next(each for each in tmp_path.parents if each.is_mount())
    assert f"{tmp_path / 'demo'}: {FULL}" == caught.value.what
    assert caught.value.hint.startswith(f"make room on {disk}; or set XDG_CACHE_HOME")
    assert [] == list((tmp_path / "demo").iterdir())


def test_a_program_that_met_a_full_disk_says_so(tmp_path: Path) -> None:
    """The line that tells, not the last one; no compiler is missing then."""
    with pytest.raises(HostError) as caught, cache.staging(tmp_path / "plugin"):
        process.run((sys.executable, "-c", f"{LINKER}; exit(1)"), hint="install gcc")

    assert f"{tmp_path / 'plugin'}: ld: final link failed: {FULL}" == caught.value.what
    assert "make room on " in caught.value.hint


def test_what_else_a_program_says_stays(tmp_path: Path) -> None:
    """It is its own affair."""
    with pytest.raises(ProgramError) as caught, cache.staging(tmp_path / "plugin"):
        process.run((sys.executable, "-c", "exit(3)"), hint="install gcc")

    assert (3, "install gcc") == (caught.value.returncode, caught.value.hint)
