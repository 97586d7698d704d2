"""The charts as one picture: what changed, the waterfall of the median and the slowest boot, the spread of each phase."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from qemu_boot_time.errors import InputError
from qemu_boot_time.host.drawing import Pen, Picture
from qemu_boot_time.model import Run
from qemu_boot_time.report.charts import Spec, coloured, stacked
from qemu_boot_time.report.exports import Pair
from qemu_boot_time.report.html import drawn as charts_of
from qemu_boot_time.report.parts import number, printable, unit
from qemu_boot_time.report.rows import bars_of, clocks, longest_of, quantities_of, typical
from qemu_boot_time.report.side_by_side import Sides, side_by_side
from qemu_boot_time.stats.detail import phase_details_of
from qemu_boot_time.stats.once import once

_WIDTH = 720
_LETTERS = 105
"""In a line of small print of that width."""


def export(runs: Sequence[Run], *, pen: Pen) -> str:
    """Render runs; ``pen`` draws. Raises InputError where no boot has a phase, and what ``pen`` raises."""
    return drawn(pen, *runs).svg


def export_pair(pair: Pair, *, pen: Pen) -> str:
    """Render two runs as an A and a B; raises as :func:`export` does."""
    return drawn_pair(pen, *pair).svg


@once
def drawn(pen: Pen, *runs: Run) -> Picture:
    """Draw runs, once for all formats; raises as :func:`export` does."""
    return pen(picture(runs))


@once
def drawn_pair(pen: Pen, first: Run, second: Run, warnings: tuple[str, ...]) -> Picture:
    """Draw two runs as an A and a B, once for all formats; raises as :func:`export` does."""
    return pen(picture((first, second), side_by_side(first, second, warnings)))


def picture(runs: Sequence[Run], sides: Sides | None = None) -> Spec:
    """Give all charts as one specification, in colours for a light ground."""
    charts = [*_changes(sides), *_waterfalls(runs), *_distributions(runs)]
    if not charts:
        names = ", ".join(run.name for run in runs)
        raise InputError(
            f"{names}: no boot that counts has a total",
            hint="--html and --perfetto show what was seen of all boots",
        )
    whole = coloured(stacked(charts, width=_WIDTH))
    whole["config"] = {**whole["config"], "background": "#ffffff"}
    return {**whole, "padding": 16}


def _changes(sides: Sides | None) -> Iterator[Spec]:
    """Draw how far each phase moved, below the sentence; where no phase is on both sides, nothing."""
    if sides is None:
        return
    spec = charts_of.changes(sides.moves)
    if spec["datasets"]:
        which = f"From {sides.first.name} to {sides.second.name}: {spec['description']}"
        lines = [which, *(f"warning: {each}" for each in sides.warnings)]
        yield {**spec, "title": {"text": _lines(sides.sentence), "subtitle": _lines(*lines)}}


def _lines(*texts: str) -> list[str]:
    return [line for text in texts for line in wrap(printable(text), _LETTERS)]


def _waterfalls(runs: Sequence[Run]) -> Iterator[Spec]:
    for run in runs:
        most = longest_of(runs, run.clock)
        for each in typical(run):
            title = f"{printable(run.name)}: {each.role}, boot {each.boot.number}"
            spec = charts_of.waterfall(title, bars_of(each.boot, run.clock), most, run.clock)
            total = f"{number(each.total, run.clock)} {unit(run.clock)}"
            yield {**spec, "title": f"{title}, total {total}"}


def _distributions(runs: Sequence[Run]) -> Iterator[Spec]:
    """Draw each phase; of runs of two clocks none, for an axis has one unit."""
    if len(clocks(runs)) > 1:
        return
    names = [printable(run.name) for run in runs]
    details = [phase_details_of(run) for run in runs]
    for quantity in quantities_of(runs, details):
        yield charts_of.distribution(quantity, names, runs[0].clock)
