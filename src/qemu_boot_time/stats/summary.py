"""What a run says over its boots. Standard library only: perf's own Python imports this.

Statistics of a phase are of each boot's own phase, and statistics of a delta are of each boot's own
delta: never differences of aggregated marks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from qemu_boot_time.model import Boot, Mark, Phase
from qemu_boot_time.phases import TOTAL

_GROUP_OF_TOTAL = 1


@dataclass(frozen=True, slots=True)
class Stats:
    """Of one quantity over boots, in nanoseconds."""

    n: int
    median_ns: int
    mean_ns: int
    min_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class MarkSummary:
    """One trace point over boots: its time since the exec, and the delta before it."""

    name: str
    time: Stats
    """Over the boots whose exec was seen; where none was, since the first mark of each."""
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
    time: Stats


@dataclass(frozen=True, slots=True)
class Summary:
    """A run over its boots; a boot that failed is counted and left out of the statistics."""

    boots: int
    ok: int
    suspect: int
    marks: tuple[MarkSummary, ...]
    phases: tuple[PhaseSummary, ...]
    unaccounted: Stats | None
    """``total`` less the phases that part it; None where no boot has a total."""


def stats_of(values_ns: Sequence[int]) -> Stats:
    """Summarise at least one value; the mean and an even median are rounded to a nanosecond."""
    return Stats(
        n=len(values_ns),
        median_ns=round(median(values_ns)),
        mean_ns=round(fmean(values_ns)),
        min_ns=min(values_ns),
        max_ns=max(values_ns),
    )


def summarise(boots: Iterable[Boot]) -> Summary:
    """Summarise the boots of one run."""
    boots = list(boots)
    good = [boot for boot in boots if boot.ok]
    rest = [left for boot in good if (left := unaccounted_ns(boot)) is not None]
    return Summary(
        boots=len(boots),
        ok=len(good),
        suspect=sum(bool(boot.suspect) for boot in boots),
        marks=_marks(good),
        phases=_phases(good),
        unaccounted=stats_of(rest) if rest else None,
    )


def unaccounted_ns(boot: Boot) -> int | None:
    """Give the part of the total that no phase explains; None without a total or any phase."""
    total = next((phase for phase in boot.phases if phase.name == TOTAL), None)
    if total is None:
        return None
    parts = boot.phases[: boot.phases.index(total)]
    if not parts:
        return None
    return total.duration_ns - sum(phase.duration_ns for phase in parts)


def _marks(boots: Sequence[Boot]) -> tuple[MarkSummary, ...]:
    times: dict[str, dict[int, Mark]] = {}
    for i, boot in enumerate([boot for boot in boots if boot.exec_ns is not None] or boots):
        for mark in boot.marks:
            times.setdefault(mark.name, {}).setdefault(i, mark)
    rows = sorted(
        times, key=lambda name: stats_of([m.time_ns for m in times[name].values()]).median_ns
    )
    before = dict(zip(rows, ["", *rows], strict=False))
    return tuple(_mark_row(name, before[name], times[name].values(), boots) for name in rows)


def _mark_row(name: str, before: str, marks: Iterable[Mark], boots: Iterable[Boot]) -> MarkSummary:
    marks = list(marks)
    deltas = [delta for boot in boots if (delta := _delta_ns(boot, before, name)) is not None]
    return MarkSummary(
        name,
        time=stats_of([mark.time_ns for mark in marks]),
        delta=stats_of(deltas) if deltas else None,
        delta_from=before,
        seen_by=tuple(sorted({f"{mark.source} {mark.event}".strip() for mark in marks})),
    )


def _delta_ns(boot: Boot, before: str, name: str) -> int | None:
    """Give this boot's own delta, if ``before`` is what came just before ``name`` in it.

    Nothing but the exec comes before the first mark.
    """
    firsts: dict[str, int] = {}
    for mark in boot.marks:
        firsts.setdefault(mark.name, mark.time_ns)
    names = list(firsts)
    if name not in firsts:
        return None
    place = names.index(name)
    if (names[place - 1] if place else "") != before or (not place and boot.exec_ns is None):
        return None
    return firsts[name] - firsts.get(before, 0)


def _phases(boots: Iterable[Boot]) -> tuple[PhaseSummary, ...]:
    """Give the parts in the order of a boot, then the total, then the user's own phases.

    Phases of one name that begin or end elsewhere in some boots are different things: what most
    boots have comes first.
    """
    found: dict[tuple[int, str, str, str], list[Phase]] = {}
    for boot in boots:
        group = 0
        for phase in boot.phases:
            group = _GROUP_OF_TOTAL if phase.name == TOTAL else 2 * bool(group)
            found.setdefault((group, phase.name, phase.begin, phase.end), []).append(phase)
    ordered = sorted(found.items(), key=_place)
    return tuple(
        PhaseSummary(name, begin, end, stats_of([phase.duration_ns for phase in phases]))
        for (_, name, begin, end), phases in ordered
    )


def _place(row: tuple[tuple[int, str, str, str], list[Phase]]) -> tuple[int, float, int]:
    (group, *_), phases = row
    return group, median(phase.begin_ns for phase in phases), -len(phases)
