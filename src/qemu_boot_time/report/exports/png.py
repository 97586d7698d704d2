"""The picture of :mod:`qemu_boot_time.report.exports.svg`, in pixels."""

from collections.abc import Sequence

from qemu_boot_time.model import Run
from qemu_boot_time.report.exports.svg import picture
from qemu_boot_time.report.libraries import lacks

_SCALE = 2
"""Pixels a unit of the drawing: screens are that fine."""


def export(runs: Sequence[Run]) -> bytes:
    """Render runs; raises as the other one does."""
    try:
        import vl_convert
    except ImportError as error:
        raise lacks("vl-convert-python") from error
    return bytes(vl_convert.vegalite_to_png(picture(runs), scale=_SCALE))
