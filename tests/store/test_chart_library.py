"""The script that draws charts: made once, kept, and not believed."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, InputError
from qemu_boot_time.store import chart_library as module
from qemu_boot_time.store.chart_library import chart_library

SCRIPT = "window.vegaEmbed = 'é';"
BUNDLE = """
import sys
print("x", end="", file=open({log!r}, "a"))
sys.stdout.buffer.write({script!r}.encode())
"""
"""Makes it, and counts."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Stand in for the library, with a cache of its own; give what tells how many bundles were made."""
    log = tmp_path / "made"
    log.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_BUNDLE", BUNDLE.format(log=str(log), script=SCRIPT))
    return lambda: len(log.read_text())


def script() -> str:
    """Give the script, made or kept."""
    with chart_library() as library:
        return library()


def kept_in(cache: Path) -> list[Path]:
    """Give what is kept: the script, its digest."""
    return sorted((cache / "qemu-boot-time/charts").iterdir())


def test_it_is_made_once(made: Callable[[], int], tmp_path: Path) -> None:
    """For it takes a second; nothing is left but the script and its digest."""
    scripts = [script(), script()]

    assert ([SCRIPT, SCRIPT], 1) == (scripts, made())
    assert [".js", ".sha256"] == [path.suffix for path in kept_in(tmp_path)]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff" * 100)


@pytest.mark.parametrize("which", [0, 1], ids=["script", "digest"])
@pytest.mark.parametrize("damage", [_cut, _empty, _binary, Path.unlink])
def test_what_is_damaged_is_made_anew(
    damage: Callable[[Path], None], which: int, made: Callable[[], int], tmp_path: Path
) -> None:
    """And kept anew."""
    script()
    damage(kept_in(tmp_path)[which])

    scripts = [script(), script()]

    assert ([SCRIPT, SCRIPT], 2) == (scripts, made())


@pytest.mark.parametrize(("what", "value"), [("_SNIPPET", "another"), ("version", lambda _: "9")])
def test_another_version_or_another_snippet_is_another_script(
    what: str, value: object, made: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is kept under a name of its own."""
    script()
    monkeypatch.setattr(module, what, value)

    script()

    assert 2 == made()


def test_no_cache_can_be_written(
    made: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is made each time."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    scripts = [script(), script()]

    assert ([SCRIPT, SCRIPT], 2) == (scripts, made())


def _not_there(name: str) -> str:
    raise PackageNotFoundError(name)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it is named."""
    monkeypatch.setattr(module, "version", _not_there)

    with pytest.raises(HostError, match="vl-convert-python is not installed"):
        script()


def test_what_cannot_be_made_is_told(
    made: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what the library said; nothing is kept."""
    monkeypatch.setattr(module, "_BUNDLE", "raise SystemExit('no memory')")

    with pytest.raises(HostError, match=r"^vl-convert-python makes nothing: no memory$"):
        script()

    assert not (tmp_path / "qemu-boot-time/charts").exists()
    assert 0 == made()


def test_who_needs_it_no_more_waits_for_nothing(
    made: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes it is ended: a report of a run that is not there has no use for it."""
    monkeypatch.setattr(module, "_BUNDLE", "import time; time.sleep(60)")

    before = process.children()
    with pytest.raises(InputError), chart_library():
        raise InputError("no such run")

    assert before == process.children()
    assert 0 == made()
