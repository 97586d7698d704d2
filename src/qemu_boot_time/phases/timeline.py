"""All that was seen of one boot as rows on one clock, with what nobody can tell among them.

Standard library only. A row lies within the phase that it is told below; what no phase explains, and
how far off times may be, are rows like all others.
"""

from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from qemu_boot_time.model import (
    EXEC,
    Alignment,
    Boot,
    Bound,
    Inside,
    Mark,
    Phase,
    Profile,
    Span,
)
from qemu_boot_time.phases.parts import UNACCOUNTED, gaps, split_at_total


class RowKind(StrEnum):
    """What a row of a timeline is."""

    TOTAL = "total"
    PHASE = "phase"
    PART = "part"
    """Of QEMU's own start."""
    UNACCOUNTED = "unaccounted"
    """No phase explains it."""
    SPAN = "span"
    """What the guest told: an initcall, a unit."""
    EXITS = "exits"
    """The exits to one device, or of one reason, during one phase."""
    MARK_ERROR = "mark error"
    """Where a mark may have been, as far as its source knows."""
    ALIGNMENT_ERROR = "alignment error"
    """Where a time of the guest may have been when its clock was tied to the host's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that has two ends."""

    kind: RowKind
    name: str
    begin_ns: int
    """Since the exec of QEMU."""
    end_ns: int
    detail: str = ""
    """What it lies between, where it comes from, how many exits: in words; the guest's may be in it."""

    @property
    def duration_ns(self) -> int:
        """The length, in nanoseconds."""
        return self.end_ns - self.begin_ns


def timeline_of(boot: Boot) -> tuple[Row, ...]:
    """Give what was seen of one boot from outside, in time order, what holds another before it."""
    return _ordered(_outside(boot))


def timeline_of_inside(inside: Inside) -> tuple[Row, ...]:
    """Give the same of a boot that looked inside, with what its guest told."""
    known = inside.alignment
    errors = () if known is None else alignment_errors(known)
    return _ordered([*_outside(inside.boot), *map(_span, inside.spans), *errors])


def timeline_of_profile(profile: Profile) -> tuple[Row, ...]:
    """Give the same of a boot whose exits were counted, with the exits to each device in each phase."""
    return _ordered([*_outside(profile.boot), *_exits(profile)])


def unaccounted_rows(boot: Boot) -> tuple[Row, ...]:
    """Give each time within the total that no phase explains; together they are ``unaccounted``."""
    parts, total, _ = split_at_total(boot.phases)
    if total is None:
        return ()
    begins = {part.begin_ns: part.begin for part in parts} | {total.end_ns: total.end}
    ends = {total.begin_ns: EXEC} | {part.end_ns: part.end for part in parts}
    extents = [(part.begin_ns, part.end_ns) for part in parts]
    return tuple(
        Row(RowKind.UNACCOUNTED, UNACCOUNTED, begin, end, f"{ends[begin]}..{begins[end]}")
        for begin, end in gaps((total.begin_ns, total.end_ns), extents)
    )


def mark_errors(marks: Iterable[Mark]) -> tuple[Row, ...]:
    """Give where each mark may have been; none for a mark whose source knows it exactly, or not at all."""
    return tuple(_mark_error(mark) for mark in marks if mark.error_ns)


def alignment_errors(known: Alignment) -> tuple[Row, ...]:
    """Give how well a guest's clock was tied: a row for each moment when it was, and one for what was lost."""
    rows = [_tie(known.first_ns, known.error_ns, "first tie")]
    if known.apart_ns:
        drift = f"last tie; {known.drift_ns} ns of drift since the first are shared out"
        rows.append(_tie(known.first_ns + known.apart_ns, known.error_ns, drift))
    if known.lost_ns:
        begin_ns = known.first_ns - known.lost_ns
        detail = "what was before the first tie may be as much earlier"
        rows.append(_row_of_error(begin_ns, known.first_ns, detail))
    return tuple(rows)


def _tie(at_ns: int, error_ns: int, detail: str) -> Row:
    return _row_of_error(at_ns - error_ns, at_ns + error_ns, detail)


def _row_of_error(begin_ns: int, end_ns: int, detail: str) -> Row:
    return Row(RowKind.ALIGNMENT_ERROR, str(RowKind.ALIGNMENT_ERROR), begin_ns, end_ns, detail)


def _mark_error(mark: Mark) -> Row:
    early_ns = 0 if mark.bound is Bound.GE else mark.error_ns
    late_ns = 0 if mark.bound is Bound.LE else mark.error_ns
    name = f"error of {mark.name}"
    return Row(
        RowKind.MARK_ERROR, name, mark.time_ns - early_ns, mark.time_ns + late_ns, mark.source
    )


def _outside(boot: Boot) -> Iterator[Row]:
    parts, total, _ = split_at_total(boot.phases)
    yield from (_of(RowKind.PHASE, phase) for phase in parts)
    yield from (_of(RowKind.PART, part) for part in boot.parts)
    yield from unaccounted_rows(boot)
    yield from mark_errors(boot.marks)
    if total is not None:
        yield _of(RowKind.TOTAL, total)


def _of(kind: RowKind, phase: Phase) -> Row:
    return Row(kind, phase.name, phase.begin_ns, phase.end_ns, f"{phase.begin}..{phase.end}")


def _span(span: Span) -> Row:
    return Row(RowKind.SPAN, span.name, span.begin_ns, span.end_ns, span.parent)


def _exits(profile: Profile) -> Iterator[Row]:
    extents = _extents(profile.boot)
    exits: Counted[tuple[str, str]] = Counted()
    for counter in profile.counters:
        exits[counter.phase, counter.owner] += counter.exits
    for (phase, owner), n in (+exits).items():  # some only reach into it
        begin_ns, end_ns = extents[phase]
        where = f", {phase}" if phase == UNACCOUNTED else ""
        yield Row(RowKind.EXITS, owner, begin_ns, end_ns, f"{n:,} exit{'s' * (n != 1)}{where}")


def _extents(boot: Boot) -> Mapping[str, tuple[int, int]]:
    """Give where phases lie; what none explains, from the first such time to the last."""
    parts, total, _ = split_at_total(boot.phases)
    rest = unaccounted_rows(boot) or (() if total is None else (total,))
    return {
        **({UNACCOUNTED: (rest[0].begin_ns, rest[-1].end_ns)} if rest else {}),
        **{part.name: (part.begin_ns, part.end_ns) for part in parts},
    }


_RANK = {kind: rank for rank, kind in enumerate(RowKind)}
"""Of two that begin at once, which is told first."""


def _ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (row.begin_ns, _RANK[row.kind], -row.end_ns)))
