"""All that a run tells of each mark and phase: beyond the table's numbers, what a sceptic asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean, median, stdev

from qemu_boot_time.model import Boot, Clock, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.compare import change_of, judged_family
from qemu_boot_time.stats.intervals import Interval, mean_interval, median_interval, percentile
from qemu_boot_time.stats.modes import Modes, modes_of
from qemu_boot_time.stats.oddities import Drift, Outlier, drift_of, outliers_of
from qemu_boot_time.stats.once import once
from qemu_boot_time.stats.quantities import (
    Place,
    lengths_of,
    main_total,
    mark_times,
    phase_lengths,
)
from qemu_boot_time.stats.verdict import Margin, Verdict

_MAJORITY = 0.5


@dataclass(frozen=True)
class Detail:
    """One quantity over the boots that have it, in the unit of the clock.

    What takes long is made when it is first asked for: pictures need none of it.
    """

    n: int
    median: float
    mean: float
    sd: float | None
    """Of the sample; None for one boot."""
    min: int
    max: int
    p90: int | None
    """None here and below: so few boots do not tell."""
    p95: int | None
    p99: int | None
    median_interval: Interval | None
    outliers: tuple[Outlier, ...]
    modes: Modes | None
    values: Mapping[int, int] = field(repr=False)
    """All of this is made of: boot's number to value."""

    @cached_property
    def mean_interval(self) -> Interval | None:
        """None: so few boots do not tell."""
        return mean_interval(list(self.values.values()))

    @cached_property
    def drift(self) -> Drift | None:
        """None: there is none, or so few boots do not tell."""
        return drift_of(self.values, self.outliers)

    @property
    def cv(self) -> float | None:
        """The deviation in parts of the mean."""
        return self.sd / self.mean if self.sd is not None and self.mean else None


@dataclass(frozen=True, slots=True)
class Separator:
    """The phase in which slow boots part from fast ones."""

    place: Place
    apart: int
    """How much longer it takes in the slowest kind of boots than in the fastest."""
    share: float
    """Of what parts the totals."""


@dataclass(frozen=True, slots=True)
class Details:
    """A run in detail."""

    clock: Clock
    marks: Mapping[str, Detail]
    phases: Mapping[Place, Detail]
    total: Place | None
    """Of the totals, the one that most boots have."""
    separator: Separator | None
    """None: the total has one mode, or no phase alone parts them."""


def details_of(boots: Iterable[Boot], clock: Clock = Clock.TIME) -> Details:
    """Look at each mark and phase of a run."""
    boots = list(boots)
    marks = {name: detail_of(values) for name, values in mark_times(boots, clock).items()}
    return replace(_phase_details_of(phase_lengths(boots, clock), clock), marks=marks)


@once
def phase_details_of(run: Run) -> Details:
    """Look at the phases of a run alone, which takes half as long: ``marks`` is empty."""
    return _phase_details_of(lengths_of(run), run.clock)


def _phase_details_of(lengths: Mapping[Place, Mapping[int, int]], clock: Clock) -> Details:
    phases = {place: detail_of(values) for place, values in lengths.items()}
    total = main_total(lengths)
    modes = phases[total].modes if total else None
    return Details(
        clock=clock,
        marks={},
        phases=phases,
        total=total,
        separator=separator_of(modes, total, lengths) if total and modes else None,
    )


def detail_of(values: Mapping[int, int]) -> Detail:
    """Look at one quantity: at least one boot's number and value."""
    numbers = list(values.values())
    modes = modes_of(values)
    return Detail(
        n=len(numbers),
        median=median(numbers),
        mean=fmean(numbers),
        sd=stdev(numbers) if len(numbers) > 1 else None,
        min=min(numbers),
        max=max(numbers),
        p90=percentile(numbers, 0.90),
        p95=percentile(numbers, 0.95),
        p99=percentile(numbers, 0.99),
        median_interval=median_interval(numbers),
        outliers=outliers_of(values, modes),
        modes=modes,
        values=values,
    )


def separator_of(
    modes: Modes, total: Place, lengths: Mapping[Place, Mapping[int, int]]
) -> Separator | None:
    """Find the phase that makes the fastest and the slowest kind of boots differ.

    It must differ itself, and carry more than half of what parts the totals.
    """
    kinds = (modes.modes[0].boots, modes.modes[-1].boots)
    places = [place for place in lengths if place.name != TOTAL]
    sides = {
        place: [[lengths[place][boot] for boot in kind if boot in lengths[place]] for kind in kinds]
        for place in places
    }
    family = [change_of(first, second, Margin(), place) for place, (first, second) in sides.items()]
    slower = [change for change in judged_family(family) if change.verdict is Verdict.SLOWER]
    most = max(slower, key=lambda change: change.shift or 0, default=None)
    fast, slow = ([lengths[total][boot] for boot in kind] for kind in kinds)
    apart = change_of(fast, slow, Margin(), total).shift or 0
    if most is None or most.shift is None or most.shift <= _MAJORITY * apart:
        return None
    return Separator(most.place, most.shift, most.shift / apart)
