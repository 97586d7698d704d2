"""Where the time of one boot went."""

from qemu_boot_time.model import Clock
from qemu_boot_time.report.charts.parts import (
    COLOURS,
    FAINT,
    UNITS,
    Spec,
    calculated,
    chart,
    since_begin,
    told,
    word,
)

KINDS = {
    "phase": COLOURS[0],
    "unaccounted": FAINT,
    "part": COLOURS[4],
    "own": COLOURS[3],
    "inside": COLOURS[2],
}
"""What a bar may be, and its colour: a phase, what no phase explains, a part of a phase, the user's own
phase, something that the guest told of."""
_WHOLE = {"expr": "width"}
"""What is longer than the chart is wide is cut with an ellipsis: it would take its width from the bars."""
STEP = 34
"""Height of a line."""


_FORMS = {Clock.TIME: ".3f", Clock.INSTRUCTIONS: ","}
"""Of a length that is told."""


def waterfall(description: str, lines: int, most: int, clock: Clock = Clock.TIME) -> Spec:
    """Draw the phases of one boot: a bar from begin to end, named and measured above it.

    Data ``bars``: ``name``, ``kind`` (of :data:`KINDS`), ``begin``, ``end``. Bars of one name share a
    line, of which there are ``lines``. Charts with the same ``most`` have the same scale.
    """
    y = word("name", axis=None)
    unit, each = UNITS[clock]
    whole = {"op": "sum", "field": "length", "as": "whole"}
    return chart(
        description,
        height=STEP * lines,
        data={"name": "bars"},
        transform=[
            *calculated(**{"from": f"datum.begin / {each}", "to": f"datum.end / {each}"}),
            *calculated(length="datum.to - datum.from"),
            {"joinaggregate": [whole], "groupby": ["name"]},
            {"window": [{"op": "row_number", "as": "nth"}], "groupby": ["name"]},
            *calculated(
                told=f"datum.name + ': ' + format(datum.whole, '{_FORMS[clock]}') + ' {unit}'"
            ),
        ],
        layer=[_bars(since_begin("from", most, clock), y, unit), _names(y)],
    )


def _bars(x: Spec, y: Spec, unit: str) -> Spec:
    scale = {"domain": list(KINDS), "range": list(KINDS.values())}
    colour = word("kind", scale=scale, legend=None)
    return {
        "mark": {"type": "bar", "size": 10, "yOffset": 8},
        "encoding": {
            "x": x,
            "x2": {"field": "to"},
            "y": y,
            "color": colour,
            # A bar of no length shows as a line.
            "stroke": colour,
            "strokeWidth": {"value": 1},
            "tooltip": [
                word("name"),
                told("from", f"begin, {unit}"),
                told("to", f"end, {unit}"),
                told("length", f"length, {unit}"),
            ],
        },
    }


def _names(y: Spec) -> Spec:
    return {
        "transform": [{"filter": "datum.nth === 1"}],
        "mark": {"type": "text", "align": "left", "dy": -7, "fontSize": 12, "limit": _WHOLE},
        "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "told"}},
    }
