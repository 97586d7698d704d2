"""The cache of guests: where it is, and that a file in it is whole."""

from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError
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
