"""Counts that should be the same every time: whether they are, and where two boots part.

Under QEMU's instruction counting a guest that is given the same does the same, to the last instruction.
So a difference needs no test and no second boot; it needs a place. Where the boots of a side differ all
the same (a random seed, a clock that is read), counts are compared by ranks, as times are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from qemu_boot_time.model import Boot, Clock, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.compare import ALPHA
from qemu_boot_time.stats.quantities import Place, main_total, phase_lengths
from qemu_boot_time.stats.shift import shift_of
from qemu_boot_time.stats.verdict import Margin, Verdict

NO_MARGIN = Margin(share=0)
"""One instruction more is more: counts that do not wobble need no margin."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The first mark at which two boots have run different numbers of instructions."""

    first: int
    """Numbers of the boots, as people count them: from 1."""
    second: int
    after: str
    """The last mark that both passed with the same count; empty: none."""
    at: str
    counts: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sameness:
    """What the counts of one run say of each other."""

    boots: int
    marks: int
    """That every one of these boots has, with a count."""
    parting: Parting | None
    """Where the boot that differs from the first one soonest does so; None: none differs."""


def sameness(boots: Iterable[Boot]) -> Sameness | None:
    """Compare the counted boots of one run; None where there are fewer than two."""
    counted = [(boot, _counts(boot)) for boot in boots if boot.ok and _counts(boot)]
    if len(counted) < 2:  # noqa: PLR2004  # it takes two to differ
        return None
    (first, before), *others = counted
    partings = [
        parting for boot, counts in others if (parting := _parting(first, before, boot, counts))
    ]
    common = set(before).intersection(*(counts for _, counts in others))
    order = list(before)
    soonest = min(partings, key=lambda each: order.index(each.at), default=None)
    return Sameness(len(counted), len(common), soonest)


def _counts(boot: Boot) -> dict[str, int]:
    """Give the count at the first of each mark, in the order of the boot."""
    counts: dict[str, int] = {}
    for mark in boot.marks:
        if mark.instructions is not None:
            counts.setdefault(mark.name, mark.instructions)
    return counts


def _parting(
    first: Boot, before: dict[str, int], second: Boot, after: dict[str, int]
) -> Parting | None:
    same = ""
    for name, count in before.items():
        if after.get(name, count) != count:
            return Parting(first.number, second.number, same, name, (count, after[name]))
        same = name if name in after else same
    return None


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one phase moved, in instructions: second side minus first."""

    name: str
    begin: str
    end: str
    first: int
    """Instructions of the first side: the median, where its boots differ."""
    second: int
    low: int
    """The least that the shift can be; the most. Where boots of one side differ these bound it at 95 %,
    or are those of every pair of boots, where there are too few of them."""
    high: int
    margin: int = 0
    """Up to so much is the same."""
    p: float | None = None
    """Of the rank tests, where boots of one side differ and are enough; None: no chance is involved."""

    @property
    def verdict(self) -> Verdict:
        """Say what is the same in all boots, or is shown in spite of those that differ."""
        if -self.margin <= self.low and self.high <= self.margin:
            return Verdict.SAME
        if (self.p is None or self.p <= ALPHA) and (self.low > 0 or self.high < 0):
            return Verdict.SLOWER if self.low > 0 else Verdict.FASTER
        return Verdict.UNDECIDED


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, phase by phase."""

    total: Shift | None
    """None: the sides have no total that ends at the same mark."""
    phases: tuple[Shift, ...]
    """In the order of a boot; those that both sides have."""
    only: tuple[tuple[str, ...], tuple[str, ...]]
    """Phases that one side alone has: of the first, of the second."""

    @property
    def guilty(self) -> tuple[Shift, ...]:
        """The phases that moved, the largest shift first."""
        moved = [shift for shift in self.phases if shift.verdict is not Verdict.SAME]
        return tuple(sorted(moved, key=lambda shift: -abs(shift.low + shift.high)))


def compare(first: Run, second: Run, margin: Margin = NO_MARGIN) -> Comparison:
    """Compare the counts of two runs; one boot of each is enough where boots do not differ."""
    sides = [_counts_of(run) for run in (first, second)]
    both = [place for place in sides[0] if place in sides[1]]
    shifts = {
        place: shift_between(place, *(list(side[place].values()) for side in sides), margin=margin)
        for place in both
    }
    total = main_total(*({place: side[place] for place in both} for side in sides))
    alone = tuple(tuple(place.name for place in side if place not in both) for side in sides)
    return Comparison(
        total=None if total is None else shifts[total],
        phases=tuple(shift for shift in shifts.values() if shift.name != TOTAL),
        only=(alone[0], alone[1]),
    )


def _counts_of(run: Run) -> Mapping[Place, dict[int, int]]:
    return phase_lengths(run.boots, Clock.INSTRUCTIONS)


def shift_between(
    place: Place, first: Sequence[int], second: Sequence[int], *, margin: Margin = NO_MARGIN
) -> Shift:
    """Compare counts of one phase: exactly, or by ranks where boots of one side differ.

    One odd boot must not hide what all the others show.
    """
    medians = [round(median(side)) for side in (first, second)]
    same = margin.of(medians[0])
    if len(set(first)) > 1 or len(set(second)) > 1:
        found = shift_of(first, second)
        if found.interval:
            ends = found.interval.low, found.interval.high
            return Shift(*place, medians[0], medians[1], *ends, margin=same, p=found.p)
    low, high = min(second) - max(first), max(second) - min(first)
    return Shift(*place, medians[0], medians[1], low, high, margin=same)
