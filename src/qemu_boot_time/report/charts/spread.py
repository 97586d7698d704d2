"""How a phase is spread over boots."""

from collections.abc import Sequence

from qemu_boot_time.model import Clock
from qemu_boot_time.report.charts.parts import (
    COLOURS,
    FAINT,
    INK,
    ODD,
    UNITS,
    Spec,
    axis,
    calculated,
    chart,
    number,
    told,
    word,
)

LANE = 84
"""Height of the lane of a run."""
_BINS = 60
_HALF = 0.45
"""Of a lane that a line or a band crosses, on either side of its middle."""


def distribution(name: str, runs: Sequence[str], clock: Clock) -> Spec:
    """Draw every boot as a point, where many are alike side by side; a lane a run.

    Data ``points``: ``run`` (its place in ``runs``), ``boot``, ``value``, ``odd`` (1: an outlier);
    ``middles``: ``run``, ``median``; ``bands``: ``run``, ``low``, ``high``; ``modes``: ``run``, ``value``.
    """
    unit, scale = UNITS[clock]
    modes = {"type": "rule", "color": ODD, "strokeDash": [4, 3]}
    middle = {"type": "rule", "color": INK, "strokeWidth": 2}
    layers = [
        _band(scale, len(runs)),
        _rule("modes", "value", modes, scale, len(runs)),
        _points(scale, len(runs)),
        _rule("middles", "median", middle, scale, len(runs)),
    ]
    if len(runs) > 1:
        layers.append(_lane_names(runs))
    return chart(
        f"{name}: every boot a point, the median a line, its 95 % interval a band",
        title=f"{name} ({unit})",
        height=LANE * len(runs),
        layer=layers,
    )


def _x(field: str) -> Spec:
    scale = {"zero": False, "padding": 8, "nice": False}
    return number(field, title=None, scale=scale, axis=axis())


def _y(field: str, lanes: int) -> Spec:
    scale = {"domain": [lanes - 0.4, -0.6], "nice": False, "zero": False}
    return number(field, axis=None, scale=scale)


def _points(scale: float, lanes: int) -> Spec:
    """Lay boots of one bin side by side, around the middle of their lane."""
    colour = word(
        "colour", scale={"domain": [*range(len(COLOURS))], "range": [*COLOURS]}, legend=None
    )
    is_odd = "datum.odd === 1"
    return {
        "data": {"name": "points"},
        "transform": _side_by_side(scale),
        "mark": {"type": "point", "filled": True, "opacity": 0.65},
        "encoding": {
            "x": _x("shown"),
            "y": _y("place", lanes),
            "color": {"condition": {"test": is_odd, "value": ODD}, **colour},
            "shape": {"condition": {"test": is_odd, "value": "diamond"}, "value": "circle"},
            "size": {"condition": {"test": is_odd, "value": 60}, "value": 22},
            "tooltip": [word("boot"), told("shown", "length")],
        },
    }


def _side_by_side(scale: float) -> list[Spec]:
    place = "0.8 * (datum.nth - (datum.many + 1) / 2) / max(datum.most, 8)"
    most = {"op": "max", "field": "many", "as": "most"}
    return [
        *calculated(shown=f"datum.value / {scale}", colour=f"datum.run % {len(COLOURS)}"),
        {"bin": {"maxbins": _BINS}, "field": "shown", "as": "bin"},
        {"window": [{"op": "row_number", "as": "nth"}], "groupby": ["run", "bin"]},
        {"joinaggregate": [{"op": "count", "as": "many"}], "groupby": ["run", "bin"]},
        {"joinaggregate": [most], "groupby": ["run"]},
        *calculated(place=f"datum.run + {place}"),
    ]


def _across() -> list[Spec]:
    return calculated(top=f"datum.run - {_HALF}", bottom=f"datum.run + {_HALF}")


def _band(scale: float, lanes: int) -> Spec:
    ends = calculated(least=f"datum.low / {scale}", greatest=f"datum.high / {scale}")
    return {
        "data": {"name": "bands"},
        "transform": [*ends, *_across()],
        "mark": {"type": "rect", "color": FAINT, "opacity": 0.3},
        "encoding": {
            "x": _x("least"),
            "x2": {"field": "greatest"},
            "y": _y("top", lanes),
            "y2": {"field": "bottom"},
        },
    }


def _rule(data: str, field: str, mark: Spec, scale: float, lanes: int) -> Spec:
    return {
        "data": {"name": data},
        "transform": [*calculated(at=f"datum.{field} / {scale}"), *_across()],
        "mark": mark,
        "encoding": {
            "x": _x("at"),
            "y": _y("top", lanes),
            "y2": {"field": "bottom"},
            "tooltip": [told("at", field)],
        },
    }


def _lane_names(runs: Sequence[str]) -> Spec:
    return {
        "data": {"values": [{"run": i - 0.5, "name": name} for i, name in enumerate(runs)]},
        "mark": {"type": "text", "align": "left", "fontSize": 11, "limit": 300},
        "encoding": {"x": {"value": 0}, "y": _y("run", len(runs)), "text": word("name")},
    }
