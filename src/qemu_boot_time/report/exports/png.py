"""The picture of :mod:`qemu_boot_time.report.exports.svg`, in pixels."""

from collections.abc import Sequence

from qemu_boot_time.host.drawing import Pen
from qemu_boot_time.model import Run
from qemu_boot_time.report.exports import Pair, svg


def export(runs: Sequence[Run], *, pen: Pen) -> bytes:
    """Render runs; raises as the other one does."""
    return svg.drawn(pen, *runs).png


def export_pair(pair: Pair, *, pen: Pen) -> bytes:
    """Render two runs as an A and a B; raises as the other one does."""
    return svg.drawn_pair(pen, *pair).png
