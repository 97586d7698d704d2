"""What a run says over its boots. Standard library only: perf's own Python imports this.

Statistics of a phase are of each boot's own phase, and statistics of a delta are of each boot's own
delta: never differences of aggregated marks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from qemu_boot_time.model import Boot, Clock, Mark, Phase
from qemu_boot_time.phases import TOTAL, UNACCOUNTED, split_at_total
from qemu_boot_time.stats.order import mark_order

_GROUP_OF_TOTAL = 1


@dataclass(frozen=True, slots=True)
class Stats:
    """Of one quantity over boots, in the unit of the summary's clock."""

    n: int
    median: int
    mean: int
    min: int
    max: int


@dataclass(frozen=True, slots=True)
class MarkSummary:
    """One trace point over boots: where it lies, and the delta before it."""

    name: str
    at: Stats
    """Since the exec, over the boots whose exec was seen; where none was, since the first mark of
    each. Instructions count from the guest's first."""
    delta: Stats | None
    """Since ``delta_from``, over the boots in which just that mark came before; None: none did."""
    delta_from: str
    seen_by: tuple[str, ...]
    """``source event`` of each way it was seen, as ``perf kvm:kvm_pio``."""


@dataclass(frozen=True, slots=True)
class PhaseSummary:
    """One phase over the boots that had it."""

    name: str
    begin: str
    end: str
    length: Stats
    share: float | None
    """Of the first total that a boot with the phase has, over all boots of that total: one that lacks
    the phase took nothing in it. None: there is no such total, or it took nothing."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A run over its boots; a boot that failed is counted and left out of the statistics."""

    clock: Clock
    """What all numbers count: nanoseconds, or instructions."""
    boots: int
    ok: int
    suspect: int
    marks: tuple[MarkSummary, ...]
    phases: tuple[PhaseSummary, ...]
    unaccounted: tuple[PhaseSummary, ...]
    """What the phases that part a total leave of it, a row a total, with its ends."""

    @property
    def rows(self) -> tuple[PhaseSummary, ...]:
        """What a table has: the phases, and before each total what is unaccounted of it."""
        rest = {(row.begin, row.end): row for row in self.unaccounted}
        return tuple(
            row
            for phase in self.phases
            for row in (rest.get((phase.begin, phase.end)) if phase.name == TOTAL else None, phase)
            if row is not None
        )


def stats_of(values: Sequence[int]) -> Stats:
    """Summarise at least one value; the mean and an even median are rounded to a whole number."""
    return Stats(
        n=len(values),
        median=round(median(values)),
        mean=round(fmean(values)),
        min=min(values),
        max=max(values),
    )


def summarise(boots: Iterable[Boot], clock: Clock = Clock.TIME) -> Summary:
    """Summarise the boots of one run on one clock: what was not seen on it is not there."""
    boots = list(boots)
    good = [boot for boot in boots if boot.ok]
    found = _lengths(good, clock)
    totals = [lengths for (_, name, *_), lengths in found.items() if name == TOTAL]
    return Summary(
        clock=clock,
        boots=len(boots),
        ok=len(good),
        suspect=sum(bool(boot.suspect) for boot in boots),
        marks=_marks(good, clock),
        phases=tuple(_phase(place, lengths, totals) for (_, *place), lengths in found.items()),
        unaccounted=tuple(_rests(good, found, clock)),
    )


def unaccounted(boot: Boot, clock: Clock = Clock.TIME) -> int | None:
    """Give the part of the total that no phase explains; None where one of them is not known."""
    split = split_at_total(boot.phases)
    if split.total is None:
        return None
    parts = [phase.length(clock) for phase in split.parts]
    whole = split.total.length(clock)
    known = [part for part in parts if part is not None]
    if not parts or whole is None or len(known) < len(parts):
        return None
    return whole - sum(known)


def _marks(boots: Sequence[Boot], clock: Clock) -> tuple[MarkSummary, ...]:
    found: dict[str, dict[int, Mark]] = {}
    placed = [boot for boot in boots if boot.exec_ns is not None] or boots
    for i, boot in enumerate(placed):
        for mark in boot.marks:
            if mark.at(clock) is not None:
                found.setdefault(mark.name, {}).setdefault(i, mark)
    places = {name: _places(marks.values(), clock) for name, marks in found.items()}
    rows = mark_order(placed, clock)
    before = dict(zip(rows, ["", *rows], strict=False))
    return tuple(
        MarkSummary(
            name,
            at=places[name],
            delta=_deltas(boots, before[name], name, clock),
            delta_from=before[name],
            seen_by=tuple(
                sorted({f"{mark.source} {mark.event}".strip() for mark in found[name].values()})
            ),
        )
        for name in rows
    )


def _places(marks: Iterable[Mark], clock: Clock) -> Stats:
    return stats_of([at for mark in marks if (at := mark.at(clock)) is not None])


def _deltas(boots: Iterable[Boot], before: str, name: str, clock: Clock) -> Stats | None:
    deltas = [d for boot in boots if (d := _delta(boot, before, name, clock)) is not None]
    return stats_of(deltas) if deltas else None


def _delta(boot: Boot, before: str, name: str, clock: Clock) -> int | None:
    """Give this boot's own delta, if ``before`` is what came just before ``name`` in it.

    Nothing but the exec comes before the first mark.
    """
    firsts: dict[str, int] = {}
    for mark in boot.marks:
        at = mark.at(clock)
        if at is not None:
            firsts.setdefault(mark.name, at)
    names = list(firsts)
    if name not in firsts:
        return None
    place = names.index(name)
    if (names[place - 1] if place else "") != before or (not place and boot.exec_ns is None):
        return None
    return firsts[name] - firsts.get(before, 0)


_Key = tuple[int, str, str, str]
"""Of a phase: its group in the order of a table, its name, its ends."""
_ByBoot = Mapping[int, int]
"""Lengths by the boot's place among those that count."""


def _lengths(boots: Iterable[Boot], clock: Clock) -> Mapping[_Key, _ByBoot]:
    """Give the parts in the order of a boot, then the total, then the user's own phases.

    Phases of one name that begin or end elsewhere in some boots are different things: what most
    boots have comes first.
    """
    found: dict[_Key, dict[int, Phase]] = {}
    for i, boot in enumerate(boots):
        group = 0
        for phase in boot.phases:
            group = _GROUP_OF_TOTAL if phase.name == TOTAL else 2 * bool(group)
            if phase.length(clock) is not None:
                found.setdefault((group, phase.name, phase.begin, phase.end), {})[i] = phase
    ordered = sorted(found.items(), key=_place)
    return {
        key: {i: length for i, each in phases.items() if (length := each.length(clock)) is not None}
        for key, phases in ordered
    }


def _place(row: tuple[_Key, Mapping[int, Phase]]) -> tuple[int, float, int]:
    (group, *_), phases = row
    return group, median(phase.begin_ns for phase in phases.values()), -len(phases)


def _rests(
    boots: Sequence[Boot], found: Mapping[_Key, _ByBoot], clock: Clock
) -> Iterator[PhaseSummary]:
    """Give what is unaccounted of each total that some boot's phases part."""
    totals = [(key, lengths) for key, lengths in found.items() if key[1] == TOTAL]
    for (_, _, begin, end), total in totals:
        rest = {i: left for i in total if (left := unaccounted(boots[i], clock)) is not None}
        if rest:
            yield _phase((UNACCOUNTED, begin, end), rest, [total])


def _phase(place: Sequence[str], lengths: _ByBoot, totals: Iterable[_ByBoot]) -> PhaseSummary:
    name, begin, end = place
    return PhaseSummary(name, begin, end, stats_of(list(lengths.values())), _share(lengths, totals))


def _share(lengths: _ByBoot, totals: Iterable[_ByBoot]) -> float | None:
    total = next((total for total in totals if not total.keys().isdisjoint(lengths)), {})
    whole = sum(total.values())
    return sum(lengths[i] for i in lengths if i in total) / whole if whole else None
