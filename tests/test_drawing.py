"""What draws pictures, in a process of its own."""

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, InputError
from qemu_boot_time.host import drawing
from qemu_boot_time.host.drawing import pen

WIDTH_AT, HEIGHT_AT, END = 16, 20, 24
"""Where a PNG has its size."""
SPEC: dict[str, Any] = {
    "data": {"values": [{"at": 1}]},
    "mark": "bar",
    "encoding": {"x": {"field": "at", "title": "é <b>"}},
    "width": 100,
    "height": 50,
    "padding": 0,
}


def size_of(png: bytes) -> tuple[int, int]:
    """Read width and height (RFC 2083, 4.1.1)."""
    return int.from_bytes(png[WIDTH_AT:HEIGHT_AT]), int.from_bytes(png[HEIGHT_AT:END])


def test_a_drawing_and_its_pixels() -> None:
    """Both of one specification; as many pixels a unit as are wanted."""
    with pen(scale=2) as twice:
        large = twice(SPEC)
    with pen(scale=1) as once:
        small = once(SPEC)

    assert large.svg == small.svg
    assert "é &lt;b&gt;" in large.svg
    assert size_of(large.png) == tuple(2 * each for each in size_of(small.png))


def test_pixels_are_made_where_they_are_wanted() -> None:
    """For they take their time."""
    with pen() as draw:
        picture = draw(SPEC)

    assert b"" == picture.png
    assert picture.svg.startswith("<svg")


def test_what_cannot_be_drawn_is_told() -> None:
    """With what the library says."""
    with (
        pen() as draw,
        pytest.raises(HostError, match=r"vl-convert-python makes nothing: TypeError: "),
    ):
        draw({**SPEC, "mark": "no_such_mark"})


def test_one_that_is_killed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has said nothing: how it ended is all there is, and memory the usual reason."""
    monkeypatch.setattr(drawing, "_DRAW", "import os; os.kill(os.getpid(), 9)")

    with (
        pen() as draw,
        pytest.raises(HostError, match=r"its process ended with status -9$") as told,
    ):
        draw(SPEC)

    assert "memory" in told.value.hint


def test_who_leaves_ends_a_drawing_that_another_thread_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it would have taken."""
    given = tmp_path / "given"
    script = f"import sys, time; sys.stdin.read(); open({str(given)!r}, 'x'); time.sleep(600)"
    monkeypatch.setattr(drawing, "_DRAW", script)

    with ThreadPoolExecutor() as threads:
        with pen() as draw:
            drawn = threads.submit(draw, SPEC)
            while not given.exists():
                time.sleep(0.01)
        with pytest.raises(HostError, match=r"its process ended with status -15$"):
            drawn.result()


def test_who_draws_nothing_waits_for_nothing() -> None:
    """What made ready is ended."""
    before = process.children()

    with pytest.raises(InputError), pen():
        raise InputError("no such run")

    assert before == process.children()


def _not_there(name: str) -> str:
    raise PackageNotFoundError(name)


def test_a_picture_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it is named."""
    monkeypatch.setattr(drawing, "version", _not_there)

    with pytest.raises(HostError, match="vl-convert-python is not installed"), pen():
        pass
