"""Where the time of one boot went."""

from qemu_boot_time.report.charts.parts import (
    COLOURS,
    FAINT,
    Spec,
    calculated,
    chart,
    since_exec,
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


def waterfall(description: str, lines: int, most_ns: int) -> Spec:
    """Draw the phases of one boot: a bar from begin to end, named and measured above it.

    Data ``bars``: ``name``, ``kind`` (of :data:`KINDS`), ``begin``, ``end``. Bars of one name share a
    line, of which there are ``lines``. Charts with the same ``most_ns`` have the same scale.
    """
    y = word("name", axis=None)
    whole = {"op": "sum", "field": "length", "as": "whole"}
    return chart(
        description,
        height=STEP * lines,
        data={"name": "bars"},
        transform=[
            *calculated(**{"from": "datum.begin / 1e6", "to": "datum.end / 1e6"}),
            *calculated(length="datum.to - datum.from"),
            {"joinaggregate": [whole], "groupby": ["name"]},
            {"window": [{"op": "row_number", "as": "nth"}], "groupby": ["name"]},
            *calculated(told="datum.name + ': ' + format(datum.whole, '.3f') + ' ms'"),
        ],
        layer=[_bars(since_exec("from", most_ns), y), _names(y)],
    )


def _bars(x: Spec, y: Spec) -> Spec:
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
                told("from", "begin, ms"),
                told("to", "end, ms"),
                told("length", "length, ms"),
            ],
        },
    }


def _names(y: Spec) -> Spec:
    return {
        "transform": [{"filter": "datum.nth === 1"}],
        "mark": {"type": "text", "align": "left", "dy": -7, "fontSize": 12, "limit": _WHOLE},
        "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "told"}},
    }
