"""Why a guest was left, and when."""

from collections.abc import Sequence

from qemu_boot_time.report.charts.parts import (
    COLOURS,
    Spec,
    axis,
    calculated,
    chart,
    named_lines,
    number,
    since_begin,
    whole,
    word,
)

_STEP = 30
_OVER_TIME = 250


def exits(field: str, title: str, lines: int, devices: Sequence[str]) -> Spec:
    """Draw exits, or the time outside the guest, of each phase, a piece a device.

    Charts with the same ``devices`` give each the same colour.

    Data ``counters``: ``name`` (of the phase, of which there are ``lines``), ``device``, ``exits``,
    ``outside`` (in ms).
    """
    amount = number(field, aggregate="sum", title=title)
    ticks = whole(axis()) if field == "exits" else axis()
    return chart(
        f"{title}, by phase and device",
        height=_STEP * lines,
        data={"name": "counters"},
        mark={"type": "bar"},
        encoding={
            "x": {**amount, "axis": ticks},
            "y": named_lines(),
            "color": _colour(devices),
            "tooltip": [word("name", title="phase"), word("device"), {**amount, "format": ",~r"}],
        },
    )


def exits_over_time(boot: int, most_ns: int, devices: Sequence[str]) -> Spec:
    """Draw how many exits to each device there had been in one boot, on the time scale of a waterfall.

    Data ``samples``: ``time``, ``device``, ``exits`` (so far).
    """
    return chart(
        f"exits so far of boot {boot}, by device",
        height=_OVER_TIME,
        data={"name": "samples"},
        transform=calculated(at="datum.time / 1e6"),
        mark={"type": "line", "interpolate": "step-after"},
        encoding={
            "x": since_begin("at", most_ns),
            "y": number("exits", title="exits", axis=whole(axis(4))),
            "color": _colour(devices),
        },
    )


def _colour(devices: Sequence[str]) -> Spec:
    scale = {"domain": [*devices], "range": [*COLOURS]}
    return word("device", scale=scale, legend={"title": None, "columns": 3})
