"""One page with charts and numbers: what :mod:`qemu_boot_time.report.html.page` makes of runs."""

from collections.abc import Callable, Sequence

from qemu_boot_time.model import Run
from qemu_boot_time.report.exports import Pair
from qemu_boot_time.report.html.page import to_html
from qemu_boot_time.report.side_by_side import side_by_side


def export(runs: Sequence[Run], *, library: Callable[[], str]) -> str:
    """Render runs beside each other, without a verdict; ``library`` gives the script that draws charts.

    Raises HostError where what renders the page is missing.
    """
    return to_html(runs, library)


def export_pair(pair: Pair, *, library: Callable[[], str]) -> str:
    """Render two runs as an A and a B; raises as :func:`export` does."""
    return to_html((pair.first, pair.second), library, side_by_side(*pair))
