"""The data of the page: its charts with their rows, and every boot, for whoever picks one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from qemu_boot_time.model import Bound, Clock, Inside, Mark, Profile, Run
from qemu_boot_time.report import charts
from qemu_boot_time.report.charts import Spec, filled
from qemu_boot_time.report.parts import printable
from qemu_boot_time.report.rows import (
    Bar,
    Quantity,
    bands_of,
    bars_inside,
    bars_of,
    changes_of,
    counters_of,
    devices_of,
    is_timed,
    longest,
    middles_of,
    modes_of,
    points_of,
    samples_of,
)
from qemu_boot_time.stats.exits import PhaseExits
from qemu_boot_time.stats.moves import Moves

_BOUNDS = {Bound.EXACT: "", Bound.GE: "not before", Bound.LE: "not after"}


def waterfall(title: str, bars: Sequence[Bar], most: int, clock: Clock = Clock.TIME) -> Spec:
    """Draw one boot, on the clock that its bars are of."""
    rows = [bar._asdict() for bar in bars]
    lines = len({bar.name for bar in bars})
    return filled(charts.waterfall(title, lines, most, clock), {"bars": rows})


def distribution(quantity: Quantity, runs: Sequence[str], clock: Clock) -> Spec:
    """Draw one phase of all boots."""
    datasets = {
        "points": points_of(quantity),
        "middles": middles_of(quantity),
        "bands": bands_of(quantity),
        "modes": modes_of(quantity),
    }
    return filled(charts.distribution(quantity.name, runs, clock), datasets)


def changes(moves: Moves) -> Spec:
    """Draw what moved."""
    rows = changes_of(moves)
    return filled(charts.changes(len(rows), moves.clock), {"changes": rows})


def timeline(inside: Inside) -> Spec:
    """Draw what a guest told of one boot, below the phases of that boot."""
    bars = bars_inside(inside)
    return waterfall(f"inside: {inside.purpose}", bars, longest(bars))


def exits(phases: Sequence[PhaseExits], shown: Profile | None) -> Iterator[Spec]:
    """Draw exits by phase and device, and the time that they took as far as is known: medians over boots.

    Of one boot, ``shown``, when they were.
    """
    devices = devices_of(phases)
    rows = {"counters": counters_of(phases, devices)}
    lines = len(phases)
    yield filled(charts.exits("exits", "exits", lines, devices), rows)
    if is_timed(phases):
        yield filled(
            charts.exits("outside", "ms outside the guest while not idle", lines, devices), rows
        )
    if shown and (samples := samples_of(shown, devices)):
        bars, number = bars_of(shown.boot), shown.boot.number
        yield waterfall(
            f"phases of boot {number}, which was profiled and does not count", bars, longest(bars)
        )
        over_time = charts.exits_over_time(number, longest(bars), devices)
        yield filled(over_time, {"samples": samples})


# --- every boot -------------------------------------------------------------------------------


def every_boot(run: Run) -> dict[str, Any]:
    """Give all boots of a run, shortly: names and marks are numbers into lists beside them."""
    words = _Words()
    boots = [
        [
            boot.number,
            str(boot.outcome),
            [printable(reason) for reason in boot.suspect],
            printable(boot.message),
            [
                [words.of((bar.name, bar.kind)), bar.begin, bar.end]
                for bar in bars_of(boot, run.clock)
            ],
            [[words.of(_seen(mark)), mark.at(run.clock)] for mark in boot.marks],
        ]
        for boot in run.boots
    ]
    return {
        "name": printable(run.name),
        "clock": str(run.clock),
        "words": list(words.places),
        "boots": boots,
    }


def of_clocks(clocks: Iterable[Clock]) -> dict[str, Any]:
    """Give how a boot that is picked is drawn on each of these clocks, and its numbers told."""
    title = "the boot that was picked"
    return {
        str(clock): {
            "picked": charts.waterfall(title, 0, 1, clock),
            "unit": charts.UNITS[clock][0],
            "each": charts.UNITS[clock][1],
        }
        for clock in clocks
    }


def _seen(mark: Mark) -> tuple[str, ...]:
    by = printable(f"{mark.source} {mark.event}".strip())
    return printable(mark.name), by, _BOUNDS[mark.bound]


class _Words:
    """Tuples of text, each kept once."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, ...], int] = {}

    def of(self, words: tuple[str, ...]) -> int:
        return self.places.setdefault(words, len(self.places))


def embedded(data: object) -> str:
    """Render data for a script element of a page: no text in it can end that, or begin another."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")
