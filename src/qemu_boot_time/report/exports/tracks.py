"""What a trace viewer shows of boots: a process a boot, its tracks, slices that nest on each, counters."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from qemu_boot_time.model import Boot, Bound, Inside, Mark, Phase, Profile, Run, Span
from qemu_boot_time.phases import split_at_total
from qemu_boot_time.phases.timeline import (
    Row,
    RowKind,
    alignment_errors,
    mark_errors,
    unaccounted_rows,
)

PHASES = "phases"
MARKS = "marks"


class Slice(NamedTuple):
    """A piece of a track; where both ends are one and ``is_instant``, a point."""

    name: str
    begin_ns: int
    """Since the exec of QEMU."""
    end_ns: int
    facts: Mapping[str, str | int] = {}
    is_instant: bool = False


class Track(NamedTuple):
    """Slices one above the other: each lies wholly in another one, or beside it."""

    name: str
    slices: tuple[Slice, ...]
    """In the order of their begins, what holds another before it."""


class Count(NamedTuple):
    """A number that changes over time."""

    name: str
    steps: tuple[tuple[int, int], ...]
    """From when on (since the exec of QEMU) it is what, in the order of time."""


class Process(NamedTuple):
    """One boot."""

    name: str
    boot: Boot
    command: tuple[str, ...]
    tracks: tuple[Track, ...]
    counts: tuple[Count, ...] = ()


def processes_of(runs: Sequence[Run]) -> Iterator[Process]:
    """Give every boot, also those that failed, those that looked inside, and those that were profiled."""
    for run in runs:
        before = "" if len(runs) == 1 else f"{run.name} "
        for boot in run.boots:
            yield Process(f"{before}{_called(boot)}", boot, run.command, _tracks(boot))
        for inside in run.inside:
            name = f"{before}inside: {inside.purpose}"
            tracks = (*_tracks(inside.boot), *_inside(inside))
            yield Process(name, inside.boot, run.command, tracks)
        for profile in run.profiles:
            name = f"{before}profile: {_called(profile.boot)}"
            tracks = _tracks(profile.boot)
            yield Process(name, profile.boot, run.command, tracks, tuple(_counts(profile)))


def _called(boot: Boot) -> str:
    return f"boot {boot.number}" + ("" if boot.ok else f" ({boot.outcome})")


def _tracks(boot: Boot) -> tuple[Track, ...]:
    parts, total, own = split_at_total(boot.phases)
    known = parts if total is None else (*parts, total)
    return (
        *_laid_out(PHASES, map(_phase, known)),
        *_laid_out("own phases", map(_phase, own)),
        *_laid_out(MARKS, map(_mark, boot.marks)),
        *_laid_out("earlier attempts", map(_mark, boot.other_attempts)),
        *_laid_out("also seen", map(_mark, boot.also_seen)),
        *_laid_out("QEMU's start", map(_phase, boot.parts)),
        *_laid_out(str(RowKind.UNACCOUNTED), map(_row, unaccounted_rows(boot))),
        *_laid_out(str(RowKind.MARK_ERROR), map(_row, mark_errors(boot.marks))),
    )


def _inside(inside: Inside) -> Iterator[Track]:
    yield from _laid_out(str(inside.purpose), map(_span, inside.spans))
    if inside.alignment is not None:
        yield from _laid_out(
            str(RowKind.ALIGNMENT_ERROR), map(_row, alignment_errors(inside.alignment))
        )


def _counts(profile: Profile) -> Iterator[Count]:
    """Give how often each device was left to, so far."""
    steps: dict[str, list[tuple[int, int]]] = {}
    for sample in profile.samples:
        steps.setdefault(sample.device, []).append((sample.time_ns, sample.exits))
    return (Count(f"exits: {device}", tuple(each)) for device, each in steps.items())


def _phase(phase: Phase) -> Slice:
    facts: dict[str, str | int] = {"begin": phase.begin, "end": phase.end}
    if phase.instructions is not None:
        facts["instructions"] = phase.instructions
    # One of the user's own may end before it begins.
    ends = sorted((phase.begin_ns, phase.end_ns))
    return Slice(phase.name, ends[0], ends[1], facts)


def _mark(mark: Mark) -> Slice:
    facts: dict[str, str | int] = {"source": mark.source}
    if mark.event:
        facts["event"] = mark.event
    if mark.bound is not Bound.EXACT:
        facts["bound"] = str(mark.bound)
    if mark.error_ns:
        facts["error_ns"] = mark.error_ns
    if mark.instructions is not None:
        facts["instructions"] = mark.instructions
    return Slice(mark.name, mark.time_ns, mark.time_ns, facts, is_instant=True)


def _span(span: Span) -> Slice:
    facts: dict[str, str | int] = {"parent": span.parent, "source": span.source}
    return Slice(span.name, span.begin_ns, max(span.begin_ns, span.end_ns), facts)


def _row(row: Row) -> Slice:
    return Slice(row.name, row.begin_ns, row.end_ns, {"detail": row.detail})


def _laid_out(name: str, slices: Iterable[Slice]) -> Iterator[Track]:
    """Lay slices on as few tracks of one name as it takes for them to nest."""
    lanes: list[_Lane] = []
    for each in sorted(slices, key=lambda each: (each.begin_ns, -each.end_ns)):
        lane = next((lane for lane in lanes if lane.has_room(each)), None)
        if lane is None:
            lanes.append(lane := _Lane([], []))
        lane.slices.append(each)
        lane.open_ends_ns.append(each.end_ns)
    return (Track(name, tuple(lane.slices)) for lane in lanes)


class _Lane(NamedTuple):
    """A track that grows."""

    slices: list[Slice]
    open_ends_ns: list[int]
    """Of the slices that the last one lies in, and its own: the innermost last."""

    def has_room(self, each: Slice) -> bool:
        """Whether it lies wholly in what is open when it begins, or beside it; none begins earlier."""
        while self.open_ends_ns and self.open_ends_ns[-1] <= each.begin_ns:
            self.open_ends_ns.pop()
        return not self.open_ends_ns or each.end_ns <= self.open_ends_ns[-1]
