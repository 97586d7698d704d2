"""Vega draws, in a process of its own: it keeps Python's lock all the time, and takes a while to start."""

import base64
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

from qemu_boot_time import process
from qemu_boot_time.host.libraries import at_work, lacks

_LIBRARY = "vl-convert-python"
_DRAW = """
import base64, json, sys, vl_convert

scale = float(sys.argv[1])
pixels = (lambda svg: vl_convert.svg_to_png(svg, scale=scale)) if scale else (lambda svg: b"")
# All that has to be started is, while others still find out what to draw.
pixels(vl_convert.vegalite_to_svg({"data": {"values": [{}]}, "mark": "text"}))
svg = vl_convert.vegalite_to_svg(json.load(sys.stdin.buffer))
json.dump({"svg": svg, "png": base64.b64encode(pixels(svg)).decode()}, sys.stdout)
"""


class Picture(NamedTuple):
    """What was drawn."""

    svg: str
    png: bytes
    """Empty where nobody wanted pixels."""


Pen = Callable[[dict[str, Any]], Picture]
"""Draws a specification of Vega-Lite, once. Raises HostError where that cannot be."""


@contextlib.contextmanager
def pen(*, scale: float = 0) -> Iterator[Pen]:
    """Take what draws, which makes ready at once; ``scale``: pixels a unit of the drawing, 0: none.

    Raises HostError where the library is missing.
    """
    try:
        version(_LIBRARY)
    except ImportError as error:  # PackageNotFoundError is one
        raise lacks(_LIBRARY) from error
    # Without -P, a file of the user's that lies where we are could be taken for a library.
    with process.begun((sys.executable, "-P", "-c", _DRAW, str(scale))) as drawn:
        yield lambda spec: _drawn(spec, drawn)


def _drawn(spec: dict[str, Any], draw: Callable[[bytes], process.Finished]) -> Picture:
    with at_work(_LIBRARY):
        found = json.loads(draw(json.dumps(spec).encode()).stdout)
    return Picture(found["svg"], base64.b64decode(found["png"]))
