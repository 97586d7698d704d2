"""What watching costs, for a person and for a program."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from qemu_boot_time.model import Clock, Outcome, Run
from qemu_boot_time.report.json import plain
from qemu_boot_time.report.parts import (
    PIPE,
    Screen,
    counted,
    fitting_width,
    grid,
    ms,
    number,
    printable,
    rendered,
    what_settles,
)
from qemu_boot_time.stats.overhead import Cost
from qemu_boot_time.stats.verdict import Verdict

_COLUMNS = ("alone", "watched", "cost", "from", "to", "verdict")
_RATIO = "  watched / alone"
_ADVICE = {
    Outcome.TIMEOUT: "the guest must end by itself: without a source nobody sees a mark to end a boot at",
    Outcome.QEMU_FAILED: "no mark was seen: what to do is told by qbt run with the same command",
}
"""What a boot that failed without a word most likely wants."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Two runs of one command, and what came of comparing them."""

    alone: Run
    watched: Run
    costs: tuple[Cost, ...]
    watchers: tuple[str, ...]
    """What watched: sources, or the command that ran beside."""


def to_text(found: Overhead, screen: Screen = PIPE) -> str:
    """Render for the screen that it is shown on: each quantity, then what it comes to in one sentence."""
    table = _table(found.costs)
    text = rendered([table], fitting_width(table, screen=screen), screen)
    sides = (("alone", found.alone), ("watched", found.watched))
    lines = [
        f"alone:   {_side(found.alone, ())}",
        f"watched: {_side(found.watched, found.watchers)}",
        "",
        *([*text.rstrip().splitlines(), ""] if found.costs else []),
        sentence(found),
        *(line for cost in found.costs for line in _undecided(cost)),
        *(line for title, run in sides for line in _failures(title, run)),
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _side(run: Run, watchers: Sequence[str]) -> str:
    words = [run.name, counted(len(run.boots)), *(f"seen by {each}" for each in watchers)]
    return printable(" · ".join([*words, *filter(None, [run.accelerator])]))


def _table(costs: Sequence[Cost]) -> Table:
    table = grid("a boot (ms)", _COLUMNS)
    table.columns[0].min_width = len(_RATIO)
    for cost in costs:
        medians = (ms(round(median)) for median in cost.medians_ns)
        table.add_row(cost.quantity, *medians, *_lengths(cost), cost.verdict)
        table.add_row(_RATIO, "", "", *_ratios(cost), "", style="dim")
    return table


def _lengths(cost: Cost) -> Iterator[str]:
    interval = cost.interval_ns
    ends = (interval.low, interval.high) if interval else (None, None)
    for value in (cost.cost_ns, *ends):
        yield "" if value is None else number(value, Clock.TIME, sign="+")


def _ratios(cost: Cost) -> Iterator[str]:
    for value in (cost.ratio.estimate, cost.ratio.low, cost.ratio.high):
        yield "" if value is None else f"{value:.4f}"


def sentence(found: Overhead) -> str:
    """Say in one line what watching costs, and of which boots that is known."""
    watchers = printable(" and ".join(found.watchers))
    if not found.costs:
        return f"nothing is known of what {watchers} costs: one side has no boot that counts"
    each = " and ".join(f"{_ratio_in_words(cost)} {cost.quantity}" for cost in found.costs)
    first, second = found.costs[0].n
    return f"watched by {watchers} a boot takes {each} ({counted(second)}, {first} alone)"


def _ratio_in_words(cost: Cost) -> str:
    ratio = cost.ratio
    interval = "" if ratio.low is None else f" [{ratio.low:.3f}, {ratio.high:.3f}]"
    return f"{ratio.estimate:.3f}{interval} times its"


def _undecided(cost: Cost) -> Iterator[str]:
    if cost.verdict is not Verdict.UNDECIDED:
        return
    yield f"undecided, {cost.quantity}: {cost.reason}; {_what_settles(cost)}"


def _what_settles(cost: Cost) -> str:
    return what_settles(cost.more, has_interval=cost.interval_ns is not None)


def quotation(found: Overhead) -> str:
    """Say it where no verdict stands beside it: what is undecided is called so."""
    open_ = [cost for cost in found.costs if cost.verdict is Verdict.UNDECIDED]
    if not open_:
        return sentence(found)
    words = f"{sentence(found)}; undecided: {' and '.join(cost.quantity for cost in open_)}"
    few = next((cost for cost in open_ if cost.interval_ns is None), None)
    return words if few is None else f"{words}, {_what_settles(few)}"


def _failures(side: str, run: Run) -> Iterator[str]:
    """Say which boots do not count, those that failed in one way on one line."""
    failed = [boot for boot in run.boots if not boot.ok]
    for (outcome, message), count in Counter((b.outcome, b.message) for b in failed).items():
        words = ": ".join(filter(None, [outcome, printable(message)]))
        yield f"failed: {count} of {len(run.boots)} boots {side}: {words}"
    for outcome, advice in _ADVICE.items():
        if any(boot.outcome is outcome and not boot.message for boot in failed):
            yield f"note: {advice}"


def document(found: Overhead) -> dict[str, Any]:
    """Give it as plain values: lengths in integer nanoseconds, shares and ratios as they are."""
    return {
        "runs": {"alone": plain(found.alone.path), "watched": plain(found.watched.path)},
        "sources": found.watched.sources,
        "watchers": list(map(plain, found.watchers)),
        "boots": {"alone": len(found.alone.boots), "watched": len(found.watched.boots)},
        "failed": {
            "alone": sum(not boot.ok for boot in found.alone.boots),
            "watched": sum(not boot.ok for boot in found.watched.boots),
        },
        "costs": [_cost(cost) for cost in found.costs],
        "sentence": sentence(found),
    }


def _cost(cost: Cost) -> dict[str, Any]:
    first, second = cost.medians_ns
    interval = cost.interval_ns
    return {
        "name": cost.quantity.name.lower(),
        "verdict": cost.verdict,
        "reason": cost.reason,
        "n": cost.n,
        "alone_ns": round(first),
        "watched_ns": round(second),
        "cost_ns": cost.cost_ns,
        "cost_low_ns": interval.low if interval else None,
        "cost_high_ns": interval.high if interval else None,
        "ratio": cost.ratio.estimate,
        "ratio_low": cost.ratio.low,
        "ratio_high": cost.ratio.high,
        "p": cost.p,
        "margin": cost.margin,
        "more_boots": cost.more,
    }
