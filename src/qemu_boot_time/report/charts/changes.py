"""What moved from one run to another."""

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
    named_lines,
    number,
    told,
    word,
)
from qemu_boot_time.stats.verdict import Verdict

_STEP = 26
_VERDICTS = {
    Verdict.FASTER: COLOURS[2],
    Verdict.SLOWER: ODD,
    Verdict.SAME: COLOURS[0],
    Verdict.UNDECIDED: FAINT,
}


def changes(lines: int, clock: Clock) -> Spec:
    """Draw how far each phase moved: a point, its interval a line, and the place of no change.

    Data ``changes``: ``name``, ``shift``, ``low``, ``high`` (null: no interval), ``verdict``; there are
    ``lines`` of them.
    """
    unit, scale = UNITS[clock]
    title = f"second less first, {unit}"
    return chart(
        "how far each phase moved, with its 95 % interval",
        height=_STEP * lines,
        data={"name": "changes"},
        transform=calculated(
            moved=f"datum.shift / {scale}",
            least=f"datum.low === null ? null : datum.low / {scale}",
            greatest=f"datum.high === null ? null : datum.high / {scale}",
        ),
        layer=[_no_change(title), _intervals(title), _points(title)],
    )


def _x(field: str, title: str) -> Spec:
    return number(field, title=title, axis=axis(form="+,~r"))


def _colour() -> Spec:
    scale = {"domain": [*_VERDICTS], "range": [*_VERDICTS.values()]}
    return word("verdict", scale=scale, legend={"title": None, "columns": 2})


def _no_change(title: str) -> Spec:
    return {
        "data": {"values": [{"at": 0}]},
        "mark": {"type": "rule", "color": INK},
        "encoding": {"x": _x("at", title)},
    }


def _intervals(title: str) -> Spec:
    return {
        "transform": [{"filter": "datum.low !== null"}],
        "mark": {"type": "rule", "strokeWidth": 3},
        "encoding": {
            "x": _x("least", title),
            "x2": {"field": "greatest"},
            "y": named_lines(),
            "color": _colour(),
        },
    }


def _points(title: str) -> Spec:
    numbers = [told("moved", "shift"), told("least", "from"), told("greatest", "to")]
    return {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {
            "x": _x("moved", title),
            "y": named_lines(),
            "color": _colour(),
            "tooltip": [word("name"), word("verdict"), *numbers],
        },
    }
