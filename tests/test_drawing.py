"""What draws pictures, in a process of its own."""

from importlib.metadata import PackageNotFoundError
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
        pytest.raises(HostError, match=r"vl-convert-python draws nothing: TypeError: "),
    ):
        draw({**SPEC, "mark": "no_such_mark"})


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
