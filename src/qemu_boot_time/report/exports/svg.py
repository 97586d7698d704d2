"""The charts as one picture: the waterfall of the median and the slowest boot, the spread of each phase."""

from collections.abc import Iterator, Sequence

from qemu_boot_time.errors import InputError
from qemu_boot_time.model import Run
from qemu_boot_time.report.charts import Spec, coloured, stacked
from qemu_boot_time.report.html import drawn
from qemu_boot_time.report.html.tables import unit
from qemu_boot_time.report.libraries import lacks
from qemu_boot_time.report.parts import number, printable
from qemu_boot_time.report.rows import bars_of, clocks, longest_ns, quantities_of, typical
from qemu_boot_time.stats.detail import phase_details_of

_WIDTH = 720


def export(runs: Sequence[Run]) -> str:
    """Render runs. Raises InputError where no boot has a phase, HostError where a library is missing."""
    try:
        import vl_convert
    except ImportError as error:
        raise lacks("vl-convert-python") from error
    return str(vl_convert.vegalite_to_svg(picture(runs)))


def picture(runs: Sequence[Run]) -> Spec:
    """Give all charts as one specification, in colours for a light ground."""
    charts = [*_waterfalls(runs), *_distributions(runs)]
    if not charts:
        names = ", ".join(run.name for run in runs)
        raise InputError(
            f"{names}: no boot that counts has a total",
            hint="--html and --perfetto show what was seen of all boots",
        )
    whole = coloured(stacked(charts, width=_WIDTH))
    whole["config"] = {**whole["config"], "background": "#ffffff"}
    return {**whole, "padding": 16}


def _waterfalls(runs: Sequence[Run]) -> Iterator[Spec]:
    found = [(run, each) for run in runs for each in typical(run)]
    most_ns = max((longest_ns(bars_of(each.boot)) for _, each in found), default=1)
    for run, each in found:
        title = f"{printable(run.name)}: {each.role}, boot {each.boot.number}"
        spec = drawn.waterfall(title, bars_of(each.boot), most_ns)
        total = f"{number(each.total, run.clock)} {unit(run.clock)}"
        yield {**spec, "title": f"{title}, total {total}"}


def _distributions(runs: Sequence[Run]) -> Iterator[Spec]:
    """Draw each phase; of runs of two clocks none, for an axis has one unit."""
    if len(clocks(runs)) > 1:
        return
    names = [printable(run.name) for run in runs]
    details = [phase_details_of(run.boots, run.clock) for run in runs]
    for quantity in quantities_of(runs, details):
        yield drawn.distribution(quantity, names, runs[0].clock)
