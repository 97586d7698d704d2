"""The script that draws charts: made once, kept, and not believed."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError
from qemu_boot_time.store import chart_library as module
from qemu_boot_time.store.chart_library import chart_library

SCRIPT = "window.vegaEmbed = 'é';"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the library, with a cache of its own; give the code of each bundle that is made."""
    codes: list[str] = []

    def make(code: str) -> str:
        codes.append(code)
        return SCRIPT

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("vl_convert.javascript_bundle", make)
    return codes


def kept_in(cache: Path) -> list[Path]:
    """Give what is kept: the script, its digest."""
    return sorted((cache / "qemu-boot-time/charts").iterdir())


def test_it_is_made_once(made: list[str], tmp_path: Path) -> None:
    """For it takes a second; nothing is left but the script and its digest."""
    scripts = [chart_library(), chart_library()]

    assert ([SCRIPT, SCRIPT], 1) == (scripts, len(made))
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
    damage: Callable[[Path], None], which: int, made: list[str], tmp_path: Path
) -> None:
    """And kept anew."""
    chart_library()
    damage(kept_in(tmp_path)[which])

    scripts = [chart_library(), chart_library()]

    assert ([SCRIPT, SCRIPT], 2) == (scripts, len(made))


@pytest.mark.parametrize(("what", "value"), [("_SNIPPET", "another"), ("version", lambda _: "9")])
def test_another_version_or_another_snippet_is_another_script(
    what: str, value: object, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is kept under a name of its own."""
    chart_library()
    monkeypatch.setattr(module, what, value)

    chart_library()

    assert 2 == len(made)


def test_no_cache_can_be_written(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is made each time."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    scripts = [chart_library(), chart_library()]

    assert ([SCRIPT, SCRIPT], 2) == (scripts, len(made))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it is named."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    with pytest.raises(HostError, match="vl-convert-python is not installed"):
        chart_library()
