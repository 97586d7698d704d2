"""Charts as Vega-Lite specifications: pure values, drawn by a page or by a library.

A specification names its data and holds none; :func:`filled` puts rows into it. Colours are the
names of CSS variables, so that a page can be light or dark; :func:`coloured` writes colours out for a
picture. Rows hold times in nanoseconds, axes show milliseconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from qemu_boot_time.model import Clock

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""A name that readers know the format by; nobody fetches it."""
SERIES = 6
"""So many runs, devices or kinds have a colour of their own; then they begin again."""
LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "currentColor": "#1f2328",
        "var(--faint)": "#8c959f",
        "var(--line)": "#d0d7de",
        "var(--odd)": "#cf222e",
        "var(--c0)": "#0969da",
        "var(--c1)": "#bf5b04",
        "var(--c2)": "#1a7f37",
        "var(--c3)": "#8250df",
        "var(--c4)": "#0e7490",
        "var(--c5)": "#9a6700",
    }
)
"""What the page's style sheet calls these on a light ground."""
_COLOURS = [f"var(--c{i})" for i in range(SERIES)]
_FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
_CONFIG = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "text": {"color": "currentColor"},
    "title": {"color": "currentColor", "anchor": "start", "fontSize": 13},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelOverlap": "greedy",
    },
    "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "orient": "bottom"},
}
UNITS = {Clock.TIME: ("ms", 1e6), Clock.INSTRUCTIONS: ("instructions", 1.0)}
"""Clock to the unit of an axis, and how many of the rows' numbers make one."""

KINDS = ("phase", "unaccounted", "part", "own", "inside")
"""What a bar may be: a phase, what no phase explains, a part of a phase, the user's own phase,
something that the guest told of."""
_KIND_COLOURS = ["var(--c0)", "var(--faint)", "var(--c4)", "var(--c3)", "var(--c2)"]
STEP = 34
"""Height of a line of a waterfall."""
_CHANGE, _PHASE = 26, 30
"""The same of what moved, and of exits."""
_LANE = 84
_BINS = 60


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
    if isinstance(value, list):
        return [coloured(each, colours) for each in value]
    return colours.get(value, value) if isinstance(value, str) else value


def stacked(specs: Iterable[Spec], *, width: int) -> Spec:
    """Put filled charts one below the other, for one picture; each has its own data and scales."""
    charts = [_inlined({**spec, "width": width}, spec["datasets"]) for spec in specs]
    return {**_chart(), "vconcat": charts, "resolve": {"scale": {"color": "independent"}}}


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


def _chart(**more: Any) -> Spec:
    return {"$schema": SCHEMA, "config": _CONFIG, **more}


_OF_ALL = {"$schema", "config", "autosize", "datasets", "description"}
_FIT = {"autosize": {"type": "fit-x", "contains": "padding"}, "width": "container"}


# --- where the time of one boot went ----------------------------------------------------------


def waterfall(description: str, lines: int, most_ns: int) -> Spec:
    """Draw the phases of one boot: a bar from begin to end, named and measured above it.

    Data ``bars``: ``name``, ``kind`` (of :data:`KINDS`), ``begin``, ``end``. Bars of one name share a
    line, of which there are ``lines``. Charts with the same ``most_ns`` have the same scale.
    """
    x = {
        "field": "from",
        "type": "quantitative",
        "title": "ms since the exec of QEMU",
        "scale": {"domainMax": most_ns / 1e6, "nice": False},
        "axis": {"tickCount": 6, "format": ",~r"},
    }
    y = {"field": "name", "type": "nominal", "sort": None, "axis": None}
    return _chart(
        description=description,
        **_FIT,
        height=STEP * lines,
        data={"name": "bars"},
        transform=[
            {"calculate": "datum.begin / 1e6", "as": "from"},
            {"calculate": "datum.end / 1e6", "as": "to"},
            {"calculate": "datum.to - datum.from", "as": "length"},
            {
                "joinaggregate": [{"op": "sum", "field": "length", "as": "whole"}],
                "groupby": ["name"],
            },
            {"window": [{"op": "row_number", "as": "nth"}], "groupby": ["name"]},
            {"calculate": "datum.name + ': ' + format(datum.whole, ',.3f') + ' ms'", "as": "told"},
        ],
        layer=[_bars(x, y), _names(y)],
    )


def _bars(x: Spec, y: Spec) -> Spec:
    return {
        "mark": {"type": "bar", "size": 10, "yOffset": 8, "minBandSize": 10},
        "encoding": {
            "x": x,
            "x2": {"field": "to"},
            "y": y,
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": list(KINDS), "range": _KIND_COLOURS},
                "legend": None,
            },
            # A bar of no length shows as a line.
            "stroke": {
                "field": "kind",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": list(KINDS), "range": _KIND_COLOURS},
            },
            "strokeWidth": {"value": 1},
            "tooltip": [
                {"field": "name", "type": "nominal"},
                _told("from", "begin, ms"),
                _told("to", "end, ms"),
                _told("length", "length, ms"),
            ],
        },
    }


def _told(field: str, title: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "format": ",.3f"}


def _names(y: Spec) -> Spec:
    return {
        "transform": [{"filter": "datum.nth === 1"}],
        "mark": {"type": "text", "align": "left", "dy": -7, "fontSize": 12, "limit": 640},
        "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "told"}},
    }


# --- how a phase is spread --------------------------------------------------------------------


def distribution(name: str, runs: Sequence[str], clock: Clock) -> Spec:
    """Draw every boot as a point, where many are alike side by side; a lane a run.

    Data ``points``: ``run`` (its place in ``runs``), ``boot``, ``value``, ``odd`` (1: an outlier);
    ``middles``: ``run``, ``median``; ``bands``: ``run``, ``low``, ``high``; ``modes``: ``run``, ``value``.
    """
    lanes = len(runs)
    unit, scale = UNITS[clock]
    y_axis = {
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [lanes - 0.4, -0.6], "nice": False, "zero": False},
    }
    layers = [
        _band(y_axis, scale),
        _modes(y_axis, scale),
        _points(y_axis, scale),
        _middle(y_axis, scale),
    ]
    if lanes > 1:
        layers.append(_lane_names(runs, y_axis))
    return _chart(
        description=f"{name}: every boot a point, the median a line, its 95 % interval a band",
        title=f"{name} ({unit})",
        **_FIT,
        height=_LANE * lanes,
        layer=layers,
    )


def _lane_colour(field: str = "run") -> Spec:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(range(SERIES)), "range": _COLOURS},
        "legend": None,
    }


def _x(field: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": None,
        "scale": {"zero": False, "padding": 8, "nice": False},
        "axis": {"tickCount": 5, "format": ",~r"},
    }


def _points(y: Spec, scale: float) -> Spec:
    """Lay boots of one bin side by side, around the middle of their lane, as near as they must be."""
    return {
        "data": {"name": "points"},
        "transform": [
            {"calculate": f"datum.value / {scale}", "as": "shown"},
            {"calculate": f"datum.run % {SERIES}", "as": "colour"},
            {"bin": {"maxbins": _BINS}, "field": "shown", "as": "bin"},
            {"window": [{"op": "row_number", "as": "nth"}], "groupby": ["run", "bin"]},
            {"joinaggregate": [{"op": "count", "as": "many"}], "groupby": ["run", "bin"]},
            {"joinaggregate": [{"op": "max", "field": "many", "as": "most"}], "groupby": ["run"]},
            {
                "calculate": "datum.run + 0.8 * (datum.nth - (datum.many + 1) / 2) / max(datum.most, 8)",
                "as": "place",
            },
        ],
        "mark": {"type": "point", "filled": True, "size": 22, "opacity": 0.65},
        "encoding": {
            "x": _x("shown"),
            "y": {"field": "place", **y},
            "color": {
                "condition": {"test": "datum.odd === 1", "value": "var(--odd)"},
                **_lane_colour("colour"),
            },
            "shape": {
                "condition": {"test": "datum.odd === 1", "value": "diamond"},
                "value": "circle",
            },
            "size": {"condition": {"test": "datum.odd === 1", "value": 60}, "value": 22},
            "tooltip": [
                {"field": "boot", "type": "nominal"},
                {"field": "shown", "type": "quantitative", "title": "length", "format": ",.3~f"},
            ],
        },
    }


def _lane_ends(half: float) -> list[Spec]:
    return [
        {"calculate": f"datum.run - {half}", "as": "top"},
        {"calculate": f"datum.run + {half}", "as": "bottom"},
    ]


def _band(y: Spec, scale: float) -> Spec:
    return {
        "data": {"name": "bands"},
        "transform": [
            {"calculate": f"datum.low / {scale}", "as": "least"},
            {"calculate": f"datum.high / {scale}", "as": "greatest"},
            *_lane_ends(0.45),
        ],
        "mark": {"type": "rect", "color": "var(--faint)", "opacity": 0.3},
        "encoding": {
            "x": _x("least"),
            "x2": {"field": "greatest"},
            "y": {"field": "top", **y},
            "y2": {"field": "bottom"},
        },
    }


def _middle(y: Spec, scale: float) -> Spec:
    mark = {"type": "rule", "color": "currentColor", "strokeWidth": 2}
    return _rule("middles", "median", mark, y, scale)


def _modes(y: Spec, scale: float) -> Spec:
    mark = {"type": "rule", "color": "var(--odd)", "strokeDash": [4, 3]}
    return _rule("modes", "value", mark, y, scale)


def _rule(data: str, field: str, mark: Spec, y: Spec, scale: float) -> Spec:
    return {
        "data": {"name": data},
        "transform": [{"calculate": f"datum.{field} / {scale}", "as": "at"}, *_lane_ends(0.45)],
        "mark": mark,
        "encoding": {
            "x": _x("at"),
            "y": {"field": "top", **y},
            "y2": {"field": "bottom"},
            "tooltip": [{"field": "at", "type": "quantitative", "title": field, "format": ",.3~f"}],
        },
    }


def _lane_names(runs: Sequence[str], y: Spec) -> Spec:
    return {
        "data": {"values": [{"run": i - 0.5, "name": name} for i, name in enumerate(runs)]},
        "mark": {"type": "text", "align": "left", "fontSize": 11, "limit": 300},
        "encoding": {
            "x": {"value": 0},
            "y": {"field": "run", **y},
            "text": {"field": "name", "type": "nominal"},
        },
    }


# --- what moved -------------------------------------------------------------------------------


def changes(lines: int, clock: Clock) -> Spec:
    """Draw how far each phase moved: a point, its interval a line, and the place of no change.

    Data ``changes``: ``name``, ``shift``, ``low``, ``high`` (null: no interval), ``verdict``.
    """
    unit, scale = UNITS[clock]
    x = {
        "type": "quantitative",
        "title": f"second less first, {unit}",
        "axis": {"tickCount": 5, "format": "+,~r"},
    }
    y = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 140},
    }
    colour = {
        "field": "verdict",
        "type": "nominal",
        "scale": {
            "domain": ["FASTER", "SLOWER", "SAME", "UNDECIDED"],
            "range": ["var(--c2)", "var(--odd)", "var(--c0)", "var(--faint)"],
        },
        "legend": {"title": None, "columns": 2},
    }
    interval = {
        "transform": [{"filter": "datum.low !== null"}],
        "mark": {"type": "rule", "strokeWidth": 3},
        "encoding": {
            "x": {"field": "least", **x},
            "x2": {"field": "greatest"},
            "y": y,
            "color": colour,
        },
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {
            "x": {"field": "moved", **x},
            "y": y,
            "color": colour,
            "tooltip": [
                {"field": "name", "type": "nominal"},
                {"field": "verdict", "type": "nominal"},
                *(_told(field, field) for field in ("moved", "least", "greatest")),
            ],
        },
    }
    zero = {
        "data": {"values": [{"at": 0}]},
        "mark": {"type": "rule", "color": "currentColor"},
        "encoding": {"x": {"field": "at", **x}},
    }
    return _chart(
        description="how far each phase moved, with its 95 % interval",
        **_FIT,
        height=_CHANGE * lines,
        data={"name": "changes"},
        transform=[
            {"calculate": f"datum.shift / {scale}", "as": "moved"},
            {"calculate": f"datum.low === null ? null : datum.low / {scale}", "as": "least"},
            {"calculate": f"datum.high === null ? null : datum.high / {scale}", "as": "greatest"},
        ],
        layer=[zero, interval, point],
    )


# --- exits ------------------------------------------------------------------------------------


def exits(field: str, title: str, lines: int) -> Spec:
    """Draw exits, or the time outside the guest, of each phase, a piece a device.

    Data ``counters``: ``phase``, ``device``, ``exits``, ``outside`` (in ms).
    """
    return _chart(
        description=f"{title}, by phase and device",
        **_FIT,
        height=_PHASE * lines,
        data={"name": "counters"},
        mark={"type": "bar"},
        encoding={
            "x": {
                "field": field,
                "type": "quantitative",
                "title": title,
                "aggregate": "sum",
                "axis": {"tickCount": 5, "format": "~s"},
            },
            "y": {
                "field": "phase",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelLimit": 140},
            },
            "color": {
                "field": "device",
                "type": "nominal",
                "sort": None,
                "scale": {"range": _COLOURS},
                "legend": {"title": None, "columns": 3},
            },
            "tooltip": [
                {"field": "phase", "type": "nominal"},
                {"field": "device", "type": "nominal"},
                {
                    "field": field,
                    "type": "quantitative",
                    "aggregate": "sum",
                    "title": title,
                    "format": ",~r",
                },
            ],
        },
    )


def exits_over_time(most_ns: int) -> Spec:
    """Draw how many exits to each device there had been, on the time scale of a waterfall.

    Data ``samples``: ``time``, ``device``, ``exits`` (so far).
    """
    return _chart(
        description="exits so far, by device",
        **_FIT,
        height=3 * _LANE,
        data={"name": "samples"},
        transform=[{"calculate": "datum.time / 1e6", "as": "at"}],
        mark={"type": "line", "interpolate": "step-after"},
        encoding={
            "x": {
                "field": "at",
                "type": "quantitative",
                "title": "ms since the exec of QEMU",
                "scale": {"domainMin": 0, "domainMax": most_ns / 1e6, "nice": False},
                "axis": {"tickCount": 6, "format": ",~r"},
            },
            "y": {
                "field": "exits",
                "type": "quantitative",
                "title": "exits",
                "axis": {"tickCount": 4, "format": "~s"},
            },
            "color": {
                "field": "device",
                "type": "nominal",
                "sort": None,
                "scale": {"range": _COLOURS},
                "legend": {"title": None, "columns": 3},
            },
        },
    )
