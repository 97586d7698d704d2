"""One boot's marks become its phases: what lies between them, and what no phase explains."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeVar

from qemu_boot_time.model import EXEC, Bound, Mark, Phase
from qemu_boot_time.protocol import (
    FW_DO_BOOT,
    FW_START,
    LINUX_START_BOOT,
    LINUX_START_FWCFG,
    LINUX_START_KERNEL,
    LINUX_START_PVHBOOT,
    LINUX_START_USER,
    POWER_OFF,
    QEMU_INIT_END,
    RANK,
    Names,
)

TOTAL = "total"
UNACCOUNTED = "unaccounted"
"""What no phase explains, as a phase of its own: what moves there moves the total."""
USER = "user"

_NAMED = {
    (EXEC, QEMU_INIT_END): "vmm",
    (FW_START, FW_DO_BOOT): "firmware",
    (FW_START, LINUX_START_FWCFG): "firmware",
    (FW_DO_BOOT, LINUX_START_BOOT): "loader",
    (FW_DO_BOOT, LINUX_START_PVHBOOT): "loader",
    (LINUX_START_FWCFG, LINUX_START_BOOT): "loader",
    (LINUX_START_FWCFG, LINUX_START_PVHBOOT): "loader",
    (LINUX_START_BOOT, LINUX_START_KERNEL): "kernel_early",
    (LINUX_START_PVHBOOT, LINUX_START_KERNEL): "kernel_early",
    (LINUX_START_KERNEL, LINUX_START_USER): "kernel",
}
"""DESIGN.md, "Phases"."""

PHASES = frozenset(_NAMED.values()) | {USER, TOTAL}
"""The names of the phases that every boot may have."""

_UNEXPLAINED = {(QEMU_INIT_END, FW_START), (FW_DO_BOOT, FW_DO_BOOT)}
"""Neighbours with no phase between them by design: before the firmware's first code, and from the
first device tried to the last."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user says of marks and phases."""

    names: Names = field(default_factory=Names)
    until: str | None = None
    """The mark at which a boot has got there; None: it ends by itself."""
    phases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The user's own phases, name to (begin, end) marks; they may overlap the others."""


class Split(NamedTuple):
    """The phases of a boot by what they are to its total."""

    parts: tuple[Phase, ...]
    """What parts it; all there are where it is not known."""
    total: Phase | None
    own: tuple[Phase, ...]
    """The user's own, which may overlap the others."""


def split_at_total(phases: Sequence[Phase]) -> Split:
    """Tell the phases that part the total from the user's own: they stand before it."""
    at = next((i for i, phase in enumerate(phases) if phase.name == TOTAL), None)
    if at is None:
        return Split(tuple(phases), None, ())
    return Split(tuple(phases[:at]), phases[at], tuple(phases[at + 1 :]))


_Number = TypeVar("_Number", int, float)


def gaps(
    whole: tuple[_Number, _Number], parts: Iterable[tuple[_Number, _Number]]
) -> Iterator[tuple[_Number, _Number]]:
    """Give what of a stretch none of its parts covers, in order; all of them are begin and end."""
    at, end = whole
    for begins, ends in sorted(parts):
        if at < min(begins, end):
            yield at, min(begins, end)
        at = max(at, ends)
    if at < end:
        yield at, end


def in_order(marks: Sequence[Mark]) -> bool:
    """Whether the protocol's marks can have come after the exec and in the order of a boot.

    The first of each counts; a disorder that the sources' errors explain is none, nor one of stamps
    that only bound.
    """
    passed_ns: float = 0
    for mark in _chain(marks):
        earliest_ns, latest_ns = _true_time(mark)
        if latest_ns < passed_ns:
            return False
        passed_ns = max(passed_ns, earliest_ns)
    return True


def _true_time(mark: Mark) -> tuple[float, float]:
    """Give when it was at the earliest and at the latest."""
    earliest_ns = -math.inf if mark.bound is Bound.LE else mark.time_ns - mark.error_ns
    latest_ns = math.inf if mark.bound is Bound.GE else mark.time_ns + mark.error_ns
    return earliest_ns, latest_ns


def phases_of(marks: Sequence[Mark], rules: Rules, *, from_exec: bool) -> tuple[Phase, ...]:
    """Part one boot into phases: DESIGN.md's, then ``total``, then the user's own.

    ``marks`` count from the exec (``from_exec``) or from the first mark; what came after ``until``
    is no part of the boot. Where a boundary was not seen, or not in order, the phases on both sides
    are one, named by its ends.
    """
    first = Mark(EXEC, 0, "", instructions=0)
    wanted = _up_to(marks, rules.until)
    chain = _most_in_order([first, *_chain(mark for mark in wanted if mark.time_ns >= 0)])
    chain = chain if from_exec else chain[1:]
    found = [_between(a, b) for a, b in pairwise(chain) if (a.name, b.name) not in _UNEXPLAINED]
    found += _user_phase(chain, wanted, rules)
    if from_exec:
        found += _total(first, wanted, rules.until)
    found += _own_phases([first, *marks] if from_exec else marks, rules.phases)
    return tuple(phase for phase in found if phase.duration_ns >= 0)


def _up_to(marks: Sequence[Mark], until: str | None) -> list[Mark]:
    end_ns = min((mark.time_ns for mark in marks if mark.name == until), default=math.inf)
    return [mark for mark in marks if mark.time_ns <= end_ns]


def _chain(marks: Iterable[Mark]) -> list[Mark]:
    """Give the protocol's marks by rank: the first of each, and the last fw_do_boot too."""
    ends: dict[str, list[Mark]] = {}
    for mark in sorted(marks, key=_time):
        if mark.name in RANK:
            same = ends.setdefault(mark.name, [])
            same[1:] = [mark] if same and mark.name == FW_DO_BOOT else same[1:]
            same[:0] = [] if same else [mark]
    return [mark for name in sorted(ends, key=RANK.__getitem__) for mark in ends[name]]


def _most_in_order(chain: Iterable[Mark]) -> list[Mark]:
    """Leave out as few marks as it takes, and the least accurate ones, so that time never falls."""
    best: list[list[Mark]] = []
    for mark in chain:
        fitting = [run for run in best if run[-1].time_ns <= mark.time_ns]
        best.append([*max(fitting, key=_worth, default=[]), mark])
    return max(best, key=_worth)


def _worth(marks: Sequence[Mark]) -> tuple[int, int]:
    return len(marks), -sum(mark.error_ns for mark in marks)


def _between(begin: Mark, end: Mark) -> Phase:
    return _phase(_NAMED.get((begin.name, end.name), f"{begin.name}..{end.name}"), begin, end)


def _phase(name: str, begin: Mark, end: Mark) -> Phase:
    instructions = None
    if begin.instructions is not None and end.instructions is not None:
        instructions = end.instructions - begin.instructions
    return Phase(name, begin.name, end.name, begin.time_ns, end.time_ns, instructions)


def _user_phase(chain: Sequence[Mark], marks: Iterable[Mark], rules: Rules) -> list[Phase]:
    """From linux_start_user to the next mark that the user names: its own name, or ``--until``."""
    if not chain or chain[-1].name != LINUX_START_USER:
        return []
    begin = chain[-1]
    for mark in sorted(marks, key=_time):
        named = rules.names.is_custom(mark.name) or mark.name == rules.until
        if named and mark.name not in RANK and mark.time_ns >= begin.time_ns:
            return [_phase(USER, begin, mark)]
    return []


def _total(first: Mark, marks: Iterable[Mark], until: str | None) -> list[Phase]:
    """Give all of the boot; that the guest switched itself off afterwards is no part of it."""
    ends = [mark for mark in marks if mark.name == until or (not until and mark.name != POWER_OFF)]
    end = max(ends, key=_time, default=None)
    return [_phase(TOTAL, first, end)] if end else []


def _time(mark: Mark) -> int:
    return mark.time_ns


def _own_phases(marks: Sequence[Mark], phases: Mapping[str, tuple[str, str]]) -> Iterator[Phase]:
    firsts = {mark.name: mark for mark in sorted(marks, key=_time, reverse=True)}
    for name, (begin, end) in phases.items():
        if begin in firsts and end in firsts:
            yield _phase(name, firsts[begin], firsts[end])
