"""Events become a boot: marks, attempts, phases, what is missing and why.

Pure, and standard library only: perf's own Python imports this for perf-script/.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from qemu_boot_time.model import EXEC, Boot, Bound, EndedBy, Event, EventKind, Mark, Outcome, Phase
from qemu_boot_time.protocol import (
    FW_DO_BOOT,
    FW_START,
    LINUX_START_BOOT,
    LINUX_START_FWCFG,
    LINUX_START_KERNEL,
    LINUX_START_PVHBOOT,
    LINUX_START_USER,
    QEMU_INIT_END,
    RANK,
    Names,
)

TOTAL = "total"
USER = "user"

SOURCES_BY_ACCURACY = ("perf_event", "tracefs", "perf", "trace-cmd", "debugcon", "console")
"""Where two sources saw one mark, the first of these is believed."""

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

_UNACCOUNTED = {(QEMU_INIT_END, FW_START), (FW_DO_BOOT, FW_DO_BOOT)}
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


@dataclass(frozen=True, slots=True)
class Ending:
    """What whoever started the VM knows of one boot."""

    ended_by: EndedBy | None = None
    """None: nobody knows (a recording)."""
    message: str = ""
    suspect: tuple[str, ...] = ()
    exec_stamp_ns: int | None = None
    """Absolute, taken in the child just before execve; used where no source saw the exec."""


def boot_of(
    events: Iterable[Event], *, index: int, pid: int, rules: Rules, ending: Ending | None = None
) -> Boot:
    """Give the events of one VM (any order, any number of sources) their meaning."""
    ending = ending or Ending()
    ordered = sorted(events, key=lambda event: event.time_ns)
    exec_ns = _time_zero(ordered, ending)
    seen = _merge(_marks_by_source(ordered, rules.names), rules.until)
    zero_ns = exec_ns if exec_ns is not None else seen.first_ns
    marks = _since(zero_ns, seen.chosen)
    return Boot(
        index=index,
        pid=pid,
        outcome=_outcome_of(marks, rules.until, ending.ended_by),
        marks=marks,
        phases=phases_of(marks, rules, from_exec=exec_ns is not None),
        suspect=_suspicions(ordered, ending, seen, exec_seen=exec_ns is not None),
        exec_ns=exec_ns,
        attempts=seen.attempts,
        other_attempts=_since(zero_ns, seen.earlier),
        also_seen=_since(zero_ns, seen.also),
        message=ending.message,
    )


def boots_of(events: Iterable[Event], rules: Rules) -> list[Boot]:
    """Make boots of a whole recording, in the order of their execs.

    An exec after which nothing was seen of a guest (``qemu-system-x86_64 --version``) is no boot.
    Lost events make those boots suspect that they fall into.
    """
    events = list(events)
    losses = [event for event in events if event.kind is EventKind.LOST]
    boots: list[Boot] = []
    for vm in split_vms(event for event in events if event.kind is not EventKind.LOST):
        begin_ns, end_ns = vm[0].time_ns, vm[-1].time_ns
        lost = [event for event in losses if begin_ns <= event.time_ns <= end_ns]
        boot = boot_of([*vm, *lost], index=len(boots), pid=vm[0].vm, rules=rules)
        boots += [boot] if boot.marks else []
    return boots


def boot_of_marks(marks: Sequence[Mark], *, index: int, rules: Rules) -> Boot:
    """Give ready-made marks (a table: times since the exec) their phases and their outcome."""
    return Boot(
        index=index,
        pid=0,
        outcome=_outcome_of(marks, rules.until, None),
        marks=tuple(sorted(marks, key=lambda mark: mark.time_ns)),
        phases=phases_of(marks, rules, from_exec=True),
        suspect=() if in_order(marks) else ("marks_out_of_order",),
        exec_ns=0,
    )


def split_vms(events: Iterable[Event]) -> list[list[Event]]:
    """Part events into VMs, in the order of their execs.

    A process id names one VM at a time: its next exec begins another one, unless nothing was seen
    of the guest yet (``taskset``, ``env`` and scripts exec again, and the last exec counts).
    """
    vms: list[list[Event]] = []
    current: dict[int, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.time_ns):
        mine = current.get(event.vm)
        begins = event.kind is EventKind.EXEC and mine is not None and not _only_execs(mine)
        if mine is None or begins:
            mine = current[event.vm] = []
            vms.append(mine)
        mine.append(event)
    return vms


def _only_execs(events: Iterable[Event]) -> bool:
    return all(event.kind is EventKind.EXEC for event in events)


# --- from events to marks ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What all sources together saw; times still absolute."""

    chosen: tuple[Mark, ...]
    earlier: tuple[Mark, ...]
    also: tuple[Mark, ...]
    attempts: int

    @property
    def first_ns(self) -> int:
        return min((mark.time_ns for mark in self.chosen), default=0)


def _time_zero(ordered: Iterable[Event], ending: Ending) -> int | None:
    execs = [event.time_ns for event in ordered if event.kind is EventKind.EXEC]
    return execs[-1] if execs else ending.exec_stamp_ns


def _marks_by_source(ordered: Sequence[Event], names: Names) -> dict[str, list[Mark]]:
    resets = [event.time_ns for event in ordered if event.kind is EventKind.RESET]
    found: dict[str, list[Mark]] = {}
    for event in ordered:
        name = _name_of(event, names)
        if name is not None:
            found.setdefault(event.source, []).append(_mark_of(event, name))
    return {
        source: list(_numbered(_entered_once(marks), resets)) for source, marks in found.items()
    }


def _name_of(event: Event, names: Names) -> str | None:
    if event.kind is EventKind.ENTRY:
        return QEMU_INIT_END
    if event.kind is EventKind.PORT_WRITE:
        return names.of(int(event.fields["port"]), int(event.fields["value"]))
    return None


def _mark_of(event: Event, name: str) -> Mark:
    return Mark(
        name,
        event.time_ns,
        event.source,
        event=str(event.fields.get("event", "")),
        bound=Bound(str(event.fields.get("bound", Bound.EXACT))),
        error_ns=int(event.fields.get("error_ns", 0)),
    )


def _entered_once(marks: Iterable[Mark]) -> Iterator[Mark]:
    """Keep the first guest entry: vCPUs enter again and again."""
    entered = False
    for mark in marks:
        if mark.name != QEMU_INIT_END or not entered:
            yield mark
        entered = entered or mark.name == QEMU_INIT_END


def _numbered(marks: Iterable[Mark], resets: Sequence[int]) -> Iterator[Mark]:
    """Give each mark its attempt: after a guest reset the same trace points are passed again.

    A mark that this attempt has seen already begins the next one if the reset itself was seen
    since the mark before, or if the boot went backwards, or if it is the firmware's very first.
    """
    attempt, seen, highest, before_ns = 0, set[str](), -1, 0
    for mark in marks:
        rank = RANK.get(mark.name, highest)
        reset_seen = any(before_ns < reset_ns <= mark.time_ns for reset_ns in resets)
        if mark.name in seen and (reset_seen or rank < highest or mark.name == FW_START):
            attempt, seen, highest = attempt + 1, set(), -1
        seen.add(mark.name)
        highest, before_ns = max(highest, rank), mark.time_ns
        yield replace(mark, attempt=attempt)


def _merge(found: Mapping[str, Sequence[Mark]], until: str | None) -> _Seen:
    """Believe the most accurate source, mark by mark; keep what the others saw."""
    best: dict[tuple[int, str, int], Mark] = {}
    also: list[Mark] = []
    for source in sorted(found, key=_accuracy):
        nth = Counter[tuple[int, str]]()
        for mark in found[source]:
            place = (mark.attempt, mark.name)
            nth[place] += 1
            if best.setdefault((*place, nth[place]), mark) is not mark:
                also.append(mark)
    marks = sorted(best.values(), key=lambda mark: (mark.time_ns, RANK.get(mark.name, 99)))
    attempt = _attempt_that_got_there(marks, until)
    chosen = [mark for mark in marks if mark.attempt == attempt or mark.name == QEMU_INIT_END]
    earlier = [mark for mark in marks if mark not in chosen]
    attempts = 1 + max((mark.attempt for mark in marks), default=0)
    return _Seen(tuple(chosen), tuple(earlier), tuple(also), attempts)


def _accuracy(source: str) -> int:
    known = source in SOURCES_BY_ACCURACY
    return SOURCES_BY_ACCURACY.index(source) if known else len(SOURCES_BY_ACCURACY)


def _attempt_that_got_there(marks: Iterable[Mark], until: str | None) -> int:
    last = 0
    for mark in marks:
        if mark.name == until:
            return mark.attempt
        last = max(last, mark.attempt)
    return last


def _since(zero_ns: int, marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(replace(mark, time_ns=mark.time_ns - zero_ns) for mark in marks)


_FAILURES = {
    EndedBy.TIMEOUT: Outcome.TIMEOUT,
    EndedBy.PANIC: Outcome.GUEST_PANIC,
    EndedBy.INTERNAL_ERROR: Outcome.INTERNAL_ERROR,
    EndedBy.USER: Outcome.INTERRUPTED,
}


def _outcome_of(marks: Sequence[Mark], until: str | None, ended_by: EndedBy | None) -> Outcome:
    if until and any(mark.name == until for mark in marks):
        return Outcome.REACHED
    if ended_by in _FAILURES:
        return _FAILURES[ended_by]
    if ended_by and not marks:
        return Outcome.QEMU_FAILED
    return Outcome.ENDED if until else Outcome.REACHED


def _suspicions(
    events: Iterable[Event], ending: Ending, seen: _Seen, *, exec_seen: bool
) -> tuple[str, ...]:
    kinds = {event.kind for event in events}
    table = {
        "events_lost": EventKind.LOST in kinds,
        "clock_step": EventKind.CLOCK_STEP in kinds,
        "exec_not_seen": not exec_seen,
        "guest_reset": seen.attempts > 1,
        "marks_out_of_order": not in_order(seen.chosen),
    }
    return (*ending.suspect, *(reason for reason, is_so in table.items() if is_so))


# --- from marks to phases ---------------------------------------------------------------------


def in_order(marks: Sequence[Mark]) -> bool:
    """Whether the protocol's marks come in the order of a boot, each first time of each."""
    chain = _chain(marks)
    return all(before.time_ns <= after.time_ns for before, after in pairwise(chain))


def phases_of(marks: Sequence[Mark], rules: Rules, *, from_exec: bool) -> tuple[Phase, ...]:
    """Part one boot into phases: DESIGN.md's, then ``total``, then the user's own.

    ``marks`` count from the exec (``from_exec``) or from the first mark. Where a boundary was not
    seen, the phases on both sides are one, named by its ends; a phase that would end before it
    begins is not there.
    """
    chain = _chain(marks)
    if from_exec:
        chain.insert(0, Mark(EXEC, 0, ""))
    found = [_between(a, b) for a, b in pairwise(chain) if (a.name, b.name) not in _UNACCOUNTED]
    found += _user_phase(marks, rules)
    if from_exec:
        found += _total(marks, rules.until)
    found += _own_phases(marks, rules.phases)
    return tuple(phase for phase in found if phase.duration_ns >= 0)


def _chain(marks: Sequence[Mark]) -> list[Mark]:
    """Give the protocol's marks by rank: the first of each, and the last fw_do_boot too."""
    ends: dict[str, list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: mark.time_ns):
        if mark.name in RANK:
            same = ends.setdefault(mark.name, [])
            same[1:] = [mark] if same and mark.name == FW_DO_BOOT else same[1:]
            same[:0] = [] if same else [mark]
    return [mark for name in sorted(ends, key=RANK.__getitem__) for mark in ends[name]]


def _between(begin: Mark, end: Mark) -> Phase:
    name = _NAMED.get((begin.name, end.name), f"{begin.name}..{end.name}")
    return Phase(name, begin.name, end.name, begin.time_ns, end.time_ns)


def _user_phase(marks: Iterable[Mark], rules: Rules) -> list[Phase]:
    """From linux_start_user to the next mark that the user names: its own name, or ``--until``."""
    ordered = sorted(marks, key=lambda mark: mark.time_ns)
    begin = next((mark for mark in ordered if mark.name == LINUX_START_USER), None)
    if begin is None:
        return []
    for mark in ordered:
        named = rules.names.is_custom(mark.name) or mark.name == rules.until
        if named and mark.name not in RANK and mark.time_ns >= begin.time_ns:
            return [Phase(USER, begin.name, mark.name, begin.time_ns, mark.time_ns)]
    return []


def _total(marks: Sequence[Mark], until: str | None) -> list[Phase]:
    ends = [mark for mark in marks if mark.name == until] or list(marks)
    if not ends or (until and ends[0].name != until):
        return []
    end = min(ends, key=_time) if until else max(ends, key=_time)
    return [Phase(TOTAL, EXEC, end.name, 0, end.time_ns)]


def _time(mark: Mark) -> int:
    return mark.time_ns


def _own_phases(marks: Sequence[Mark], phases: Mapping[str, tuple[str, str]]) -> Iterator[Phase]:
    firsts = {mark.name: mark for mark in sorted(marks, key=_time, reverse=True)}
    firsts[EXEC] = Mark(EXEC, 0, "")
    for name, (begin, end) in phases.items():
        if begin in firsts and end in firsts:
            yield Phase(name, begin, end, firsts[begin].time_ns, firsts[end].time_ns)
