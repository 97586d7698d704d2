"""Counts that should be the same every time: whether they are, and where two boots part.

No statistics: under QEMU's instruction counting a guest that is given the same does the same, to the
last instruction. So a difference needs no test and no second boot; it needs a place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qemu_boot_time.model import Boot, Clock, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.quantities import Place, main_total, phase_lengths
from qemu_boot_time.stats.verdict import Verdict


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
    """Instructions of the first side: the least, where its boots differ."""
    second: int
    low: int
    """The least that the shift can be, over every pair of boots; the most."""
    high: int

    @property
    def verdict(self) -> Verdict:
        """Say what every pair of boots agrees on."""
        if self.low == self.high == 0:
            return Verdict.SAME
        if self.low > 0:
            return Verdict.SLOWER
        return Verdict.FASTER if self.high < 0 else Verdict.UNDECIDED


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


def compare(first: Run, second: Run) -> Comparison:
    """Compare the counts of two runs; one boot of each is enough."""
    sides = [_counts_of(run) for run in (first, second)]
    both = [place for place in sides[0] if place in sides[1]]
    shifts = {place: _shift(place, sides[0][place], sides[1][place]) for place in both}
    total = main_total(*({place: side[place] for place in both} for side in sides))
    alone = tuple(tuple(place.name for place in side if place not in both) for side in sides)
    return Comparison(
        total=None if total is None else shifts[total],
        phases=tuple(shift for shift in shifts.values() if shift.name != TOTAL),
        only=(alone[0], alone[1]),
    )


def _counts_of(run: Run) -> Mapping[Place, dict[int, int]]:
    return phase_lengths(run.boots, Clock.INSTRUCTIONS)


def _shift(place: Place, first: Mapping[int, int], second: Mapping[int, int]) -> Shift:
    ones, others = first.values(), second.values()
    low, high = min(others) - max(ones), max(others) - min(ones)
    return Shift(*place, first=min(ones), second=min(others), low=low, high=high)
