"""Whether as many more boots as an UNDECIDED comparison asks for do settle it."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import comparing
import simulated
from aims import Draws, Figure, Part, part
from qemu_boot_time.stats.compare import Change, compare
from qemu_boot_time.stats.verdict import Verdict

_SETTLING = 10
"""Boots a side of a comparison that somebody wants settled."""
_FOLLOWED = 1_000
"""Comparisons that are settled so, at most: they take hundreds of boots each."""

Ask = Callable[[], Callable[[int], Change]]
"""Begin a comparison: what comes of it with so many more boots a side."""


def advice(draws: Draws) -> Part:
    """Show how often as many more boots as were asked for settle what was UNDECIDED."""
    ways = {
        f"qemu, {factor - 1:+.1%}": partial(_longer_total, draws, factor)
        for factor in (1.0, 1.005, 1.01, 1.02)
    }
    ways |= {
        f"made up, kernel {factor - 1:+.0%}": partial(_longer_phase, draws, factor)
        for factor in (1.0, 1.01, 1.02)
    }
    figures = [figure for name, way in ways.items() for figure in _followed(draws, name, way)]
    return part(
        "UNDECIDED with 10 boots a side: with as many more as it asks for, there is a verdict. The "
        "total of qemu, and one phase of six. Then how many those were: median, p90, most.",
        figures,
    )


def _followed(draws: Draws, name: str, ask: Ask) -> Iterator[Figure]:
    asked: list[int] = []
    settled, count = 0, min(draws.count, _FOLLOWED)
    for _ in range(count):
        with_more = ask()
        found = with_more(0)
        if found.verdict is Verdict.UNDECIDED and found.more is not None:
            asked.append(found.more)
            settled += with_more(found.more).verdict is not Verdict.UNDECIDED
    yield Figure(f"{name}: UNDECIDED at first", len(asked) / count)
    if not asked:
        return
    most = np.quantile(asked, [0.5, 0.9, 1.0]).round().astype(int).tolist()
    yield Figure(f"{name}: of these, settled", settled / len(asked))
    yield Figure(f"{name}: boots asked for", " ".join(map(str, most)))


def _longer_total(draws: Draws, factor: float) -> Callable[[int], Change]:
    values = draws.real["qemu"]
    sides = [draws.rng.choice(values, _SETTLING) for _ in range(2)]

    def with_more(more: int) -> Change:
        first, second = (np.concatenate([side, draws.rng.choice(values, more)]) for side in sides)
        return comparing.total_change(
            first.tolist(), np.rint(second * factor).astype(np.int64).tolist()
        )

    return with_more


def _longer_phase(draws: Draws, factor: float) -> Callable[[int], Change]:
    ways = [partial(comparing.made_up, draws.rng, {"kernel": each}) for each in (1.0, factor)]
    sides = [way(_SETTLING) for way in ways]

    def with_more(more: int) -> Change:
        first, second = (
            simulated.run_of(np.concatenate([side, way(more)]))
            for side, way in zip(sides, ways, strict=True)
        )
        phases = compare(first, second, comparing.MARGIN).phases
        return next(change for change in phases if change.name == "kernel")

    return with_more
