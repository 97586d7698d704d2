"""One page of runs: what is on it, in which order; and what a browser may do with it."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from qemu_boot_time.host.libraries import lacks
from qemu_boot_time.model import Inside, Run
from qemu_boot_time.report import charts
from qemu_boot_time.report.charts import Spec
from qemu_boot_time.report.exits import exits_heading, exits_lines
from qemu_boot_time.report.html import drawn, tables
from qemu_boot_time.report.inside import alignment_in_words
from qemu_boot_time.report.parts import counted, number, printable, unit
from qemu_boot_time.report.rows import (
    MOST_POINTS,
    Quantity,
    bars_of,
    clocks,
    longest_of,
    quantities_of,
    typical,
    typical_profile,
)
from qemu_boot_time.report.side_by_side import Sides
from qemu_boot_time.report.troubles import without_result
from qemu_boot_time.stats.detail import Details, phase_details_of
from qemu_boot_time.stats.exits import exits_of


class Chart(NamedTuple):
    """A place on the page that a chart is drawn into."""

    id: str
    title: str


def _placed(specs: dict[str, Spec], chart: Chart, spec: Spec) -> Chart | None:
    """Give a chart its place; one that has no rows has none."""
    if not spec["datasets"]:
        return None
    specs[chart.id] = spec
    return chart


class Content(NamedTuple):
    """What the template shows, and what the script draws."""

    shown: dict[str, Any]
    charts: dict[str, Spec]


def to_html(runs: Sequence[Run], library: Callable[[], str], sides: Sides | None = None) -> str:
    """Render runs as one page that needs nothing else; two as an A and a B, where ``sides`` says so.

    ``library`` gives the script that draws charts; it may have to wait for that, so it is asked last. Raises
    HostError where what renders the page is missing, and what ``library`` raises.
    """
    content = _content(runs, sides)
    data = {
        "charts": content.charts,
        "runs": [drawn.every_boot(run) for run in runs],
        "clocks": drawn.of_clocks(clocks(runs)),
        "step": charts.STEP,
    }
    embedded, template = drawn.embedded(data), _template()
    script = f"{library()}\n{_resource('page.js')}"
    page: str = template.render(
        **content.shown,
        policy=_policy(script),
        style=_resource("page.css"),
        script=script,
        data=embedded,
    )
    return page


def _policy(script: str) -> str:
    """Allow the one script, styles of the page, and no address at all."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise lacks("Jinja2") from error
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["parted"] = _parted
    return environment.from_string(_resource("page.html.j2"))


def _parted(name: str) -> Any:
    """Let a name of two marks be parted between them."""
    from markupsafe import Markup

    return Markup("..<wbr>").join(name.split(".."))


# --- what is on it ----------------------------------------------------------------------------


def _content(runs: Sequence[Run], sides: Sides | None) -> Content:
    details = [phase_details_of(run) for run in runs]
    specs: dict[str, Spec] = {}
    shown = {
        "title": " and ".join(printable(run.name) for run in runs[:2]) + _others(runs),
        "sides": None if sides is None else _compared(sides, specs),
        "overview": tables.overview(runs, details) if sides is None and len(runs) > 1 else None,
        "distributions": _distributions(quantities_of(runs, details), runs, specs),
        "sampled": _sampled(runs),
        "runs": [
            _run(run, each, f"r{i}", longest_of(runs, run.clock), specs)
            for i, (run, each) in enumerate(zip(runs, details, strict=True))
        ],
    }
    return Content(shown, specs)


def _others(runs: Sequence[Run]) -> str:
    more = len(runs) - 2
    return f" and {more} more" if more > 0 else ""


def _sampled(runs: Sequence[Run]) -> str:
    most = max(len(run.boots) for run in runs)
    if most <= MOST_POINTS:
        return ""
    return f"Of more than {MOST_POINTS:,} boots some are drawn, all odd ones among them; the numbers are of all."


def _compared(sides: Sides, specs: dict[str, Spec]) -> dict[str, Any]:
    chart = Chart("changes", "How far each phase moved, and its 95 % interval")
    return {
        "first": printable(sides.first.name),
        "second": printable(sides.second.name),
        "sentence": printable(sides.sentence),
        "remarks": [printable(line) for line in sides.remarks],
        "table": tables.change_table(sides.moves),
        "chart": _placed(specs, chart, drawn.changes(sides.moves)),
    }


def _distributions(
    quantities: Sequence[Quantity], runs: Sequence[Run], specs: dict[str, Spec]
) -> list[Chart]:
    """Draw each phase; of runs of two clocks none, for an axis has one unit."""
    if len(clocks(runs)) > 1:
        return []
    found = []
    names = [printable(run.name) for run in runs]
    for i, quantity in enumerate(quantities):
        specs[f"d{i}"] = drawn.distribution(quantity, names, runs[0].clock)
        found.append(Chart(f"d{i}", quantity.name))
    return found


def _run(
    run: Run, details: Details, prefix: str, most: int, specs: dict[str, Spec]
) -> dict[str, Any]:
    return {
        "id": prefix,
        "name": printable(run.name),
        "boots": counted(len(run.boots)),
        "without_result": ", ".join(without_result(run.boots)),
        "waterfalls": list(_typical(run, prefix, most, specs)),
        "phases": tables.phase_table(run, details),
        "marks": tables.mark_table(run),
        "lines": tables.lines_of(run, details),
        "parts": tables.part_tables(run),
        "insides": [_inside(inside, f"{prefix}i{i}", specs) for i, inside in enumerate(run.inside)],
        "exits": _exits(run, prefix, specs) if run.profiles else None,
        "facts": tables.facts(run),
        "host": tables.host_facts(run),
    }


def _typical(run: Run, prefix: str, most: int, specs: dict[str, Spec]) -> Iterator[Chart]:
    """Draw the boot in the middle and the slowest one, on the scale of all runs of this clock."""
    for i, each in enumerate(typical(run)):
        total = f"{number(each.total, run.clock)} {unit(run.clock)}"
        title = f"{each.role}: boot {each.boot.number}, total {total}"
        specs[f"{prefix}w{i}"] = drawn.waterfall(
            title, bars_of(each.boot, run.clock), most, run.clock
        )
        yield Chart(f"{prefix}w{i}", title)


def _inside(inside: Inside, name: str, specs: dict[str, Spec]) -> dict[str, Any]:
    chart = Chart(name, "The boot's phases, then what the guest told of")
    known = inside.alignment
    return {
        "purpose": str(inside.purpose),
        "chart": _placed(specs, chart, drawn.timeline(inside)),
        "alignment": "" if known is None else alignment_in_words(known),
        "notes": [printable(note) for note in inside.notes],
        "table": tables.span_table(inside),
    }


def _exits(run: Run, prefix: str, specs: dict[str, Spec]) -> dict[str, Any]:
    """Say why guests were left: words, numbers and bars of all boots, and when of the one in the middle."""
    summary = exits_of(run)
    drawings = drawn.exits(summary.phases, typical_profile(run.profiles))
    placed = [
        _placed(specs, Chart(f"{prefix}x{i}", str(spec["description"])), spec)
        for i, spec in enumerate(drawings)
    ]
    return {
        "heading": exits_heading(summary).capitalize(),
        "lines": list(exits_lines(run, summary)),
        "tables": tables.exit_tables(summary),
        "charts": [chart for chart in placed if chart],
        "notes": [printable(note) for note in summary.notes],
    }
