"""The picture of :mod:`qemu_boot_time.report.exports.svg`, in pixels."""

from collections.abc import Sequence

from qemu_boot_time.host.libraries import lacks
from qemu_boot_time.model import Run
from qemu_boot_time.report.exports import Pair, svg

_SCALE = 2
"""Pixels a unit of the drawing: screens are that fine."""


def export(runs: Sequence[Run]) -> bytes:
    """Render runs; raises as the other one does."""
    return _pixels(svg.export(runs))


def export_pair(pair: Pair) -> bytes:
    """Render two runs as an A and a B; raises as the other one does."""
    return _pixels(svg.export_pair(pair))


def _pixels(drawing: str) -> bytes:
    try:
        import vl_convert
    except ImportError as error:
        raise lacks("vl-convert-python") from error
    return bytes(vl_convert.svg_to_png(drawing, scale=_SCALE))
