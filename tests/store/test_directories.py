"""Where runs lie: in the state directory, each found by path, id or last."""

import os
import time
from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError, InputError
from qemu_boot_time.store import directories
from qemu_boot_time.store.facts import RunKind, RunWriter
from runs import make_run, run_facts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep runs in a place of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "qemu-boot-time/runs"


def test_runs_live_in_the_state_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$XDG_STATE_HOME, else ~/.local/state."""
    assert home == directories.runs_directory()
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/me")

    assert Path("/home/me/.local/state/qemu-boot-time/runs") == directories.runs_directory()


@pytest.mark.parametrize("name", ["last", "20261123-144500"])
def test_a_user_without_a_home(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty HOME, or none and no entry in /etc/passwd: the hint says what to set."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    with pytest.raises(HostError) as empty:
        directories.find_run(name)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 12345)
    with pytest.raises(HostError) as unset:
        directories.find_run(name)

    assert {"set HOME or XDG_STATE_HOME"} == {empty.value.hint, unset.value.hint}


def test_a_run_at_a_path_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found where it is."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    run = make_run(tmp_path / "run")

    assert run == directories.find_run(str(run))


def test_two_runs_in_one_second(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told apart by a number."""
    monkeypatch.setattr(time, "strftime", lambda *_: "20261123-144500")

    names = [directories.new_run_directory(home).name for _ in range(3)]

    assert ["20261123-144500", "20261123-144500-2", "20261123-144500-3"] == names


def test_a_home_that_cannot_be_made(home: Path) -> None:
    """The error names the option that helps."""
    home.parent.touch()

    with pytest.raises(HostError, match="Not a directory") as caught:
        directories.new_run_directory(home)

    assert "--out" in caught.value.hint


def test_a_run_is_found_by_path_id_or_last(home: Path) -> None:
    """A path comes first; last is the newest."""
    first, second = make_run(home / "first"), make_run(home / "second")
    elsewhere = make_run(home.parents[1] / "elsewhere")
    for i, run in enumerate((second, first)):
        os.utime(run, ns=(i, i))

    found = [directories.find_run(name) for name in ("first", "last", str(elsewhere), "elsewhere")]

    assert [first, first, elsewhere, Path("elsewhere")] == found
    assert [first, second] == directories.all_runs()


def test_last_is_the_last_with_a_boot(home: Path) -> None:
    """One that was ended before its first shows nothing; who watches others writes no boots."""
    measured, empty = make_run(home / "measured"), home / "empty"
    recorded = home / "recorded"
    RunWriter.begin(recorded, run_facts(kind=RunKind.RECORDED))
    RunWriter.begin(empty, run_facts())
    for i, run in enumerate((recorded, measured, empty)):
        os.utime(run, ns=(i, i))
    last = directories.find_run("last")
    os.utime(recorded, ns=(9, 9))

    assert [measured, recorded] == [last, directories.find_run("last")]


def test_no_run_with_a_boot(home: Path) -> None:
    """Is said, though there are runs."""
    RunWriter.begin(home / "empty", run_facts())

    with pytest.raises(InputError, match="no run with a boot"):
        directories.find_run("last")


@pytest.mark.parametrize("name", ["last", "nowhere"])
def test_a_run_that_is_not_there(home: Path, name: str) -> None:
    """The hint is the next step."""
    del home

    with pytest.raises(InputError) as caught:
        directories.find_run(name)

    assert caught.value.hint in {"qbt demo", "qbt list"}
