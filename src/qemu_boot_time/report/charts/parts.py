"""What all charts are made of: colours, axes, and how rows get into a specification."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from qemu_boot_time.model import Clock

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""A name that readers know the format by; nobody fetches it."""
INK, FAINT, ODD = "currentColor", "var(--faint)", "var(--odd)"
COLOURS = tuple(f"var(--c{i})" for i in range(6))
"""So many runs, devices or kinds have a colour of their own; then they begin again."""
LIGHT: Mapping[str, str] = MappingProxyType(
    {
        INK: "#1f2328",
        FAINT: "#8c959f",
        "var(--line)": "#d0d7de",
        ODD: "#cf222e",
        "var(--c0)": "#0969da",
        "var(--c1)": "#bf5b04",
        "var(--c2)": "#1a7f37",
        "var(--c3)": "#8250df",
        "var(--c4)": "#0e7490",
        "var(--c5)": "#9a6700",
    }
)
"""What the page's style sheet calls these on a light ground."""
UNITS = MappingProxyType({Clock.TIME: ("ms", 1e6), Clock.INSTRUCTIONS: ("instructions", 1.0)})
"""Clock to the unit of an axis, and how many of the rows' numbers make one."""
_CONFIG: Spec = {
    "background": None,
    "font": "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
    "view": {"stroke": None},
    "text": {"color": INK},
    "title": {"color": INK, "anchor": "start", "fontSize": 13},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelOverlap": "greedy",
    },
    # Half a number that reaches over an edge would shift the chart, whose other edge is cut then.
    "axisX": {"labelFlush": 24},
    "legend": {"labelColor": INK, "titleColor": INK, "orient": "bottom"},
}
_FIT: Spec = {"autosize": {"type": "fit-x", "contains": "padding"}, "width": "container"}
_OF_ALL = {"$schema", "config", "autosize", "datasets", "description"}
"""What only a whole picture has."""


def chart(description: str, **more: Any) -> Spec:
    """Make a chart that is as wide as its place on the page."""
    return {"$schema": SCHEMA, "config": _CONFIG, "description": description, **_FIT, **more}


def filled(spec: Spec, datasets: Mapping[str, Rows]) -> Spec:
    """Put rows into a specification; a layer that has none is left out, for it has no scale either."""
    rows = {name: list(each) for name, each in datasets.items() if each}
    layers = [each for each in spec.get("layer", ()) if _is_filled(each, datasets)]
    return {**spec, **({"layer": layers} if layers else {}), "datasets": rows}


def _is_filled(layer: Spec, datasets: Mapping[str, Rows]) -> bool:
    name = layer.get("data", {}).get("name")
    return name is None or bool(datasets[name])


def coloured(value: Any, colours: Mapping[str, str] = LIGHT) -> Any:
    """Write out every colour in a specification."""
    if isinstance(value, dict):
        return {key: coloured(each, colours) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [coloured(each, colours) for each in value]
    return colours.get(value, value) if isinstance(value, str) else value


def stacked(specs: Iterable[Spec], *, width: int) -> Spec:
    """Put filled charts one below the other, for one picture; each has its own data and scales."""
    charts = [_inlined({**spec, "width": width}, spec["datasets"]) for spec in specs]
    resolve = {"scale": {"color": "independent"}}
    return {"$schema": SCHEMA, "config": _CONFIG, "vconcat": charts, "resolve": resolve}


def _inlined(spec: Any, datasets: Mapping[str, Rows]) -> Any:
    """Put rows where their name is: names are of the whole picture, and charts share some."""
    if isinstance(spec, list):
        return [_inlined(each, datasets) for each in spec]
    if not isinstance(spec, dict):
        return spec
    if spec.keys() == {"name"}:
        return {"values": datasets[spec["name"]]}
    kept = {key: each for key, each in spec.items() if key not in _OF_ALL}
    return {key: _inlined(each, datasets) for key, each in kept.items()}


# --- channels ---------------------------------------------------------------------------------


def number(field: str, **more: Any) -> Spec:
    """Read a number from a row."""
    return {"field": field, "type": "quantitative", **more}


def word(field: str, **more: Any) -> Spec:
    """Read a word from a row; words keep the order of the rows."""
    return {"field": field, "type": "nominal", "sort": None, **more}


def told(field: str, title: str) -> Spec:
    """Tell a number in full to who points at it."""
    return number(field, title=title, format=",.3~f")


def axis(ticks: int = 5, form: str = ",~r") -> Spec:
    """Make an axis of few round numbers."""
    return {"tickCount": ticks, "format": form}


def whole(axis: Spec) -> Spec:
    """Keep an axis of counts to whole numbers."""
    return {**axis, "tickMinStep": 1}


_SINCE = {
    Clock.TIME: "ms since the exec of QEMU",
    Clock.INSTRUCTIONS: "instructions since the guest's first",
}


def since_begin(field: str, most: int, clock: Clock = Clock.TIME) -> Spec:
    """Place something in a boot, on a clock: charts with the same ``most`` have the same scale."""
    scale = {"domainMax": most / UNITS[clock][1], "nice": False}
    ticks = axis(6) if clock is Clock.TIME else axis(4, "~s")
    return number(field, title=_SINCE[clock], scale=scale, axis=ticks)


_TWO_MARKS = "indexof(datum.label, '..')"
_PARTED = (
    f"length(datum.label) > 20 && {_TWO_MARKS} > 0"
    f" ? [slice(datum.label, 0, {_TWO_MARKS} + 2), slice(datum.label, {_TWO_MARKS} + 2)]"
    " : datum.label"
)
"""A name of two marks has a line for each where it is long."""


def named_lines() -> Spec:
    """Give each name a line, with the name beside it."""
    return word("name", title=None, axis={"labelLimit": 140, "labelExpr": _PARTED})


def calculated(**formulas: str) -> list[Spec]:
    """Give a row further fields."""
    return [{"calculate": formula, "as": name} for name, formula in formulas.items()]
