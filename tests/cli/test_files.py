"""What a command writes for others is whole, or what was there before."""

import os
from pathlib import Path

import pytest

from qbt_process import World
from qemu_boot_time.cli import files
from qemu_boot_time.cli.files import require_writable, write_all
from qemu_boot_time.errors import HostError, UsageError
from runs import make_run


@pytest.mark.parametrize("content", ["µs", "µs".encode()])
def test_text_and_bytes(content: str | bytes, tmp_path: Path) -> None:
    """A new file, and one that is replaced; nothing else is left."""
    write_all([(tmp_path / "new", content)])
    write_all([(tmp_path / "new", content)])

    assert ["new"] == [file.name for file in tmp_path.iterdir()]
    assert "µs" == (tmp_path / "new").read_text(encoding="utf-8")


def test_a_link_and_a_mode_stay(tmp_path: Path) -> None:
    """It is the content that is new."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)

    write_all([(link, "new")])

    assert (True, "new", 0o640) == (
        link.is_symlink(),
        file.read_text(),
        file.stat().st_mode & 0o777,
    )


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error names the file."""
    file = tmp_path / "boots.csv"
    file.write_text("old")

    def full(path: Path, data: bytes) -> None:
        path.write_text(data[:1].decode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(HostError, match=r"boots\.csv: No space left on device"):
        write_all([(file, "new")])

    assert ["boots.csv"] == [each.name for each in tmp_path.iterdir()]
    assert "old" == file.read_text()


def test_a_disk_that_is_full_for_the_last_file_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been written of the others goes, and what was there stays."""
    (tmp_path / "b").write_text("old")
    as_it_is = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if data == b"too much":
            raise OSError(28, "No space left on device")
        return as_it_is(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(HostError, match="c: No space left on device"):
        write_all(
            (tmp_path / name, text)
            for name, text in zip("abc", ("new", "new", "too much"), strict=True)
        )

    assert [("b", "old")] == [(each.name, each.read_text()) for each in tmp_path.iterdir()]


def test_a_directory_that_takes_no_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that is there may be ours nevertheless."""
    file = tmp_path / "boots.csv"
    file.write_text("old")
    as_it_is = Path.write_bytes

    def refused(path: Path, data: bytes) -> int:
        if path != file:
            raise PermissionError(13, "Permission denied")
        return as_it_is(path, data)

    monkeypatch.setattr(Path, "write_bytes", refused)
    write_all([(file, "new")])

    assert "new" == file.read_text()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """What is no file cannot be replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_all([(pipe, "new")])

    assert b"new" == os.read(reader, 9)
    os.close(reader)


def test_a_device_that_is_full_is_named(tmp_path: Path) -> None:
    """By every command that writes a file."""
    run = str(make_run(tmp_path / "run"))
    world = World(tmp_path, tmp_path)

    of_report = world.qbt("report", run, "--csv", "/dev/full")
    of_show = world.qbt("show", run, "--junit", "/dev/full")

    said = (5, "qbt: /dev/full: No space left on device\n")
    assert said == (of_report.status, of_report.stderr)
    assert said == (of_show.status, of_show.stderr)


def test_two_reports_in_one_file(tmp_path: Path) -> None:
    """Are refused, as ``report`` refuses them."""
    run = str(make_run(tmp_path / "run"))

    done = World(tmp_path, tmp_path).qbt("show", run, "--junit", "x", "--markdown", "./x")

    assert (2, "") == (done.status, done.stdout)
    assert "qbt: x: written to twice" == done.stderr.splitlines()[0]


@pytest.mark.parametrize("option", ["--config", "--budgets"])
def test_a_file_that_cannot_be_read_is_bad_input(option: str, tmp_path: Path) -> None:
    """Not bad usage."""
    command = ("analyze", "x.csv") if option == "--config" else ("show",)

    done = World(tmp_path, tmp_path).qbt(*command, option, str(tmp_path))

    assert (3, f"qbt: {tmp_path}: Is a directory") == (done.status, done.stderr.splitlines()[0])


@pytest.mark.parametrize(
    ("refused", "name", "is_refused"),
    [
        (set(), "new", False),
        ({"."}, "new", True),
        ({"."}, "old", False),
        ({".", "old"}, "old", True),
        ({"pipe"}, "pipe", True),
        ({"."}, "pipe", False),
        ({"."}, "link", False),
    ],
)
def test_what_cannot_be_written_is_told_before(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: set[str],
    name: str,
    *,
    is_refused: bool,
) -> None:
    """The same files as cannot be written then, and nothing is there after the question."""
    (tmp_path / "old").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "old")
    before = sorted(tmp_path.iterdir())
    paths = {tmp_path / each for each in refused}
    why = "Read-only file system"
    monkeypatch.setattr(files, "why_not_writable", lambda path: why if path in paths else "")

    told = ""
    try:
        require_writable(tmp_path / name, option="--junit")
    except UsageError as error:
        told = error.what

    assert (f"{tmp_path / name}: {why}" if is_refused else "") == told
    assert before == sorted(tmp_path.iterdir())
