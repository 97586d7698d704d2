"""The cache of built pieces: whole entries or none, found by all that decides them."""

import fcntl
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import build_cache
from qemu_boot_time.guest.build_cache import BuiltFrom

MADE = BuiltFrom("seabios", 1, "seabios", "1.16-1", "bookworm", "aa", "bb", "cc", "gcc 12")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the entries of SeaBIOS are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "qemu-boot-time/builds/seabios"


def put(built_from: BuiltFrom, content: str = "bios") -> build_cache.Entry:
    """Build an entry of one file."""
    with build_cache.workshop(built_from.piece) as directory:
        (directory / "out").write_text(content)
        made = {"bios.bin": directory / "out"}
        return build_cache.publish(built_from, made, directory / "artefacts")


def test_found_again() -> None:
    """An entry is found under what it was built from, and says so beside the artefacts."""
    entry = put(MADE)
    said = json.loads((entry.directory / "built-from.json").read_text())

    assert entry == build_cache.find(MADE)
    assert entry.files["bios.bin"].read_text() == "bios"
    assert (said["built_from"]["version"], said["built_from"]["source_sha256"]) == ("1.16-1", "aa")
    assert said["files"] == {"bios.bin": build_cache.sha256(entry.files["bios.bin"])}


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe": 2},
        {"version": "1.16-2"},
        {"source_sha256": "a0"},
        {"patch_sha256": "b0"},
        {"config_sha256": "c0"},
        {"compiler": "gcc 13"},
    ],
)
def test_anything_that_decides_makes_another_entry(changed: dict[str, Any]) -> None:
    """Another version, patch, configuration, recipe or compiler is not in the cache yet."""
    put(MADE)

    assert build_cache.find(replace(MADE, **changed)) is None


@pytest.mark.parametrize("damage", ["artefact", "missing", "manifest", "schema"])
def test_damaged_entry_is_none(damage: str) -> None:
    """An artefact that was changed or lost, or a manifest that cannot be read, is no entry."""
    entry = put(MADE)
    manifest = entry.directory / "built-from.json"
    if damage == "artefact":
        entry.files["bios.bin"].write_text("BIOS")
    elif damage == "missing":
        entry.files["bios.bin"].unlink()
    elif damage == "manifest":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 2'))

    assert build_cache.find(MADE) is None
    assert build_cache.entries("seabios") == ()
    assert put(MADE, "new").files["bios.bin"].read_text() == "new"


def test_newest_first() -> None:
    """What was built last comes first."""
    put(MADE)
    newer = put(replace(MADE, version="1.17-1"))

    assert newer == build_cache.entries("seabios")[0]


def test_broken_off_leaves_nothing(home: Path) -> None:
    """A build that ends with an error leaves neither an entry nor its directory."""

    def interrupted() -> None:
        with build_cache.workshop("seabios") as directory:
            (directory / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert {".lock"} == {path.name for path in home.iterdir()}


def test_left_over_of_a_killed_build_goes(home: Path) -> None:
    """What a build that was killed could not remove is removed by the next one."""
    (home / ".new-killed/source").mkdir(parents=True)

    put(MADE)

    assert not (home / ".new-killed").exists()


def test_second_build_waits_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes while another build holds the lock says so, then waits for it."""
    steps: list[str] = []

    def held(_lock: object, how: int) -> None:
        steps.append("tries" if how & fcntl.LOCK_NB else "waits")
        if how & fcntl.LOCK_NB:
            raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", held)
    with build_cache.workshop("seabios", waiting=lambda: steps.append("says")):
        steps.append("builds")

    assert steps == ["tries", "says", "waits", "builds"]


def test_cache_that_cannot_be_written(home: Path) -> None:
    """The error names the directory and the variable that moves it."""
    home.parent.mkdir(parents=True)
    home.touch()

    with pytest.raises(HostError, match="seabios") as error, build_cache.workshop("seabios"):
        pytest.fail("nothing to build in")

    assert "XDG_CACHE_HOME" in error.value.hint
