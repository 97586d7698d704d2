"""Two runs side by side: what moved, by how much, whether that is shown, and which phase carries it.

The statistics are :mod:`qemu_boot_time.stats.shift`'s; here is the judgement.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from qemu_boot_time.model import Boot, Clock, Outcome, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.intervals import CONFIDENCE, Interval
from qemu_boot_time.stats.modes import Modes, modes_of
from qemu_boot_time.stats.quantities import Place, main_total, phase_lengths
from qemu_boot_time.stats.shift import interval_rank, shift_of
from qemu_boot_time.stats.verdict import Margin, Verdict

ALPHA = 0.05
_Lengths = Mapping[Place, Mapping[int, int]]
_MOST_BOOTS = 100_000
"""More a side is no advice that anybody could follow."""
_FOR_LUCK = 1.2
"""An interval that is to be just narrow enough is too wide in every other try."""
_MOVED = {Verdict.FASTER, Verdict.SLOWER}


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one phase: the second side less the first one, in the unit of the clock."""

    place: Place
    n: tuple[int, int]
    """Boots of either side that have it."""
    medians: tuple[float | None, float | None]
    """None: the side has none."""
    margin: int
    """Up to so much is the same."""
    shift: int | None
    """Hodges and Lehmann's estimate; None where a side has no boot."""
    interval: Interval | None
    """Of the shift, at 95 %; None where there are too few boots for one, or they spread too widely."""
    p: float | None
    """Of the rank test, corrected for the number of phases."""
    verdict: Verdict
    reason: str
    """Why the verdict is UNDECIDED; empty: it is not."""
    more: int | None = None
    """How many more boots a side would settle it, if the shift is what it seems; None where it is
    settled, or nobody could wait for so many."""

    @property
    def name(self) -> str:
        """The phase's name."""
        return self.place.name

    def percent(self, length: int) -> float | None:
        """Give a length in percent of the first side's median; None where that is 0."""
        first = self.medians[0]
        return 100 * length / abs(first) if first else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, phase by phase."""

    clock: Clock
    total: Change
    phases: tuple[Change, ...]
    """In the order of a boot, what no phase explains last; the user's own come after it. Those that
    both sides have."""
    only: tuple[tuple[Place, ...], tuple[Place, ...]]
    """Phases that one side alone has: of the first, of the second."""
    boots: tuple[int, int]
    failed: tuple[int, int]
    modes: tuple[Modes | None, Modes | None]
    """Of the total, on either side; None: one."""
    p_failed: float
    """Of Fisher's exact test: how often chance alone makes one side fail so much more often."""

    @property
    def moved(self) -> tuple[Change, ...]:
        """The phases that are shown to have moved, the largest shift first."""
        shown = [change for change in self.phases if change.verdict in _MOVED]
        return tuple(sorted(shown, key=lambda change: -abs(change.shift or 0)))

    def share_of(self, change: Change) -> float | None:
        """Give the part of the total's shift that a phase carries; None where the total has none.

        Shifts are medians of differences, and need not add up.
        """
        whole = self.total.shift
        if not whole or change.shift is None or self.total.verdict not in _MOVED:
            return None
        return change.shift / whole


def compare(first: Run, second: Run, margin: Margin, clock: Clock = Clock.TIME) -> Comparison:
    """Compare two runs; any number of boots has an answer, and the verdict says if it is too small.

    The total is one hypothesis, the phases are a family of their own.
    """
    sides = [phase_lengths(run.boots, clock) for run in (first, second)]
    totals = _totals(*sides)
    both = [place for place in sides[0] if place in sides[1] and place.name != TOTAL]
    alone = [
        tuple(place for place in side if place not in both and place not in totals)
        for side in sides
    ]
    family = [
        measured(place, margin, *(list(side[place].values()) for side in sides)) for place in both
    ]
    failed = [sum(_has_failed(boot) for boot in run.boots) for run in (first, second)]
    lengths = [side.get(total, {}) for side, total in zip(sides, totals, strict=True)]
    whole = measured(totals[0], margin, *(list(side.values()) for side in lengths))
    return Comparison(
        clock=clock,
        total=judged(whole),
        phases=tuple(judged_family(family)),
        only=(alone[0], alone[1]),
        boots=(len(first.boots), len(second.boots)),
        failed=(failed[0], failed[1]),
        modes=(modes_of(lengths[0]), modes_of(lengths[1])),
        p_failed=_p_of_failures(first.boots, second.boots),
    )


def _totals(first: _Lengths, second: _Lengths) -> tuple[Place, Place]:
    """Give the total of either side: where both have one that ends alike, that.

    Else each has its own: whoever compares has insisted that they mean the same.
    """
    both = [{place: side[place] for place in first if place in second} for side in (first, second)]
    common = main_total(*both)
    if common is not None:
        return common, common
    one, other = main_total(first), main_total(second)
    none = Place(TOTAL, "", "")
    return one or other or none, other or one or none


def in_family(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Judge the totals of several configurations anew, as one family: each has its own verdict.

    Among twenty configurations of which none has changed, one would else seem to.
    """
    totals = judged_family([each.total for each in comparisons])
    return [replace(each, total=total) for each, total in zip(comparisons, totals, strict=True)]


def judged_family(changes: Sequence[Change], times: int = 1) -> list[Change]:
    """Give the verdicts on changes of which each may be wrong by chance, corrected for how many there are.

    ``times`` so many such families are judged, and none of all is to be wrong. What has too few boots for an interval can never be shown, and counts for nothing. Source: S.
    Holm, Scand. J. Statist. 6 (1979) 65.
    """
    ordered = sorted(
        (i for i, change in enumerate(changes) if change.interval is not None),
        key=lambda i: changes[i].p or 0.0,
    )
    result = list(changes)
    least = 0.0
    for done, i in enumerate(ordered):
        least = max(least, min(1.0, (changes[i].p or 0.0) * (len(ordered) - done) * times))
        result[i] = replace(changes[i], p=least)
    return [judged(change, len(ordered) * times) for change in result]


def change_of(first: Sequence[int], second: Sequence[int], margin: Margin, place: Place) -> Change:
    """Compare two samples by themselves, as the only ones: of no family."""
    return judged(measured(place, margin, first, second))


def measured(place: Place, margin: Margin, *sides: Sequence[int]) -> Change:
    """Give everything but the verdict, with the p of this comparison alone."""
    first, second = sides
    medians = [median(side) if side else None for side in sides]
    shift = shift_of(first, second) if first and second else None
    return Change(
        place=place,
        n=(len(first), len(second)),
        medians=(medians[0], medians[1]),
        margin=margin.of(medians[0] or 0),
        shift=shift.estimate if shift else None,
        interval=shift.interval if shift else None,
        p=shift.p if shift else None,
        verdict=Verdict.UNDECIDED,
        reason="",
    )


def judged(change: Change, family: int = 1) -> Change:
    """Give the verdict on one of a ``family`` of so many phases: DESIGN.md, "JSON".

    SAME where the interval lies within the margin, whatever p says; else FASTER or SLOWER where the
    test says so and the interval excludes 0; else UNDECIDED, with the reason.
    """
    interval, p = change.interval, change.p
    if interval is None or p is None:
        return _open(change, _too_few(change), _least_more(change))
    if -change.margin <= interval.low and interval.high <= change.margin:
        return _settled(change, Verdict.SAME)
    if p <= ALPHA and (interval.low > 0 or interval.high < 0):
        return _settled(change, Verdict.SLOWER if interval.low > 0 else Verdict.FASTER)
    return _open(change, _why_undecided(interval, p, family), _more(change, interval, family))


def _settled(change: Change, verdict: Verdict) -> Change:
    return replace(change, verdict=verdict, reason="", more=None)


def _open(change: Change, reason: str, more: int | None) -> Change:
    return replace(change, verdict=Verdict.UNDECIDED, reason=reason, more=more)


def _too_few(change: Change) -> str:
    names = [name for name, n in zip(("first", "second"), change.n, strict=True) if not n]
    if names:
        return f"no boot of the {' and of the '.join(names)} counts"
    first, second = change.n
    what = "spread too widely" if interval_rank(first, second) else "are too few"
    return f"{first} against {second} boots {what} for an interval at {CONFIDENCE:.0%}"


def _why_undecided(interval: Interval, p: float, family: int) -> str:
    if interval.low <= 0 <= interval.high:
        return "the interval holds both no change and more than the margin"
    of = f" as one of {family}" if family > 1 else ""
    return f"the interval excludes 0, the test does not: p {p:.3f}{of}"


def _least_more(change: Change) -> int | None:
    """Say how many boots are missing to have an interval at all."""
    if not all(change.n):
        return None
    least = next(n for n in range(1, 100) if interval_rank(n, n))
    return max(least - min(change.n), 1)


def _more(change: Change, interval: Interval, family: int) -> int | None:
    """Say how many more boots a side would settle it, if the shift is what it seems to be.

    The interval shrinks with the square root of the boots; the nearest answer counts. What is to be
    shown of one of several phases takes a p so many times smaller, as if it were the first of them.
    """
    from scipy.stats import norm

    shift = abs(change.shift or 0)
    half = (interval.high - interval.low) / 2
    stricter = float(norm.isf(ALPHA / 2 / family) / norm.isf(ALPHA / 2))
    room = max(shift / stricter, change.margin - shift)
    if not room or not half:
        return None
    now = 2 / (1 / change.n[0] + 1 / change.n[1])
    wanted = math.ceil(now * max(half / room, 1.0) ** 2 * _FOR_LUCK)
    more = max(wanted - min(change.n), 1)
    return more if more <= _MOST_BOOTS else None


def _has_failed(boot: Boot) -> bool:
    """Whether it shows a fault: one that the user stopped shows none."""
    return not boot.ok and boot.outcome is not Outcome.INTERRUPTED


def _p_of_failures(first: Iterable[Boot], second: Iterable[Boot]) -> float:
    ended = [[not _has_failed(boot) for boot in boots] for boots in (first, second)]
    if all(map(all, ended)):
        return 1.0
    import numpy as np
    from scipy.stats import fisher_exact

    table = np.array([[side.count(True), side.count(False)] for side in ended])
    return float(fisher_exact(table).pvalue)
