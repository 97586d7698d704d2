"""Events become boots: whose they are, what they mean, how each boot ended."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qemu_boot_time.model import Boot, EndedBy, Event, EventKind, Mark, Outcome
from qemu_boot_time.phases.parts import Rules, in_order, phases_of
from qemu_boot_time.phases.seen import marks_by_way, merge, name_of, since
from qemu_boot_time.phases.start import parts_of
from qemu_boot_time.protocol import LINUX_START_USER


@dataclass(frozen=True, slots=True)
class Ending:
    """What whoever started the VM knows of one boot."""

    ended_by: EndedBy | None = None
    """None: nobody knows (a recording)."""
    message: str = ""
    suspect: tuple[str, ...] = ()
    exec_stamp_ns: int | None = None
    """Absolute, taken in the child just before execve; used where no source saw the exec."""
    needs_mark: bool = True
    """Whether a boot without a mark has failed; False: nobody looked, and QEMU did not complain."""


def boot_of(
    events: Iterable[Event], *, index: int, pid: int, rules: Rules, ending: Ending | None = None
) -> Boot:
    """Give the events of one VM (any order, any number of sources) their meaning."""
    ending = ending or Ending()
    ordered = sorted(events, key=lambda event: event.time_ns)
    exec_ns = _time_zero(ordered, ending)
    seen = merge(marks_by_way(ordered, rules.names), rules.until)
    zero_ns = exec_ns if exec_ns is not None else seen.first_ns
    marks = since(zero_ns, seen.chosen)
    phases = phases_of(marks, rules, from_exec=exec_ns is not None)
    return Boot(
        index=index,
        pid=pid,
        outcome=_outcome_of(marks, rules.until, ending),
        marks=marks,
        phases=phases,
        parts=parts_of(phases, ordered, zero_ns),
        suspect=(
            *ending.suspect,
            *_suspicions(ordered, marks, seen.attempts, exec_seen=exec_ns is not None),
        ),
        exec_ns=exec_ns,
        attempts=seen.attempts,
        other_attempts=since(zero_ns, seen.earlier),
        also_seen=since(zero_ns, seen.also),
        message=ending.message,
    )


def boots_of(events: Iterable[Event], rules: Rules) -> list[Boot]:
    """Make boots of a whole recording, in the order of their execs.

    An exec after which nothing was seen of a guest (``qemu-system-x86_64 --version``) is no boot.
    Lost events make those boots suspect that they fall into.
    """
    events = list(events)
    losses = [event for event in events if event.kind is EventKind.LOST]
    vms = split_vms(event for event in events if event.kind is not EventKind.LOST)
    begins = [vm[0].time_ns for vm in vms]
    boots: list[Boot] = []
    for vm in vms:
        end_ns = _end_of(vm, begins, rules)
        lost = [event for event in losses if vm[0].time_ns <= event.time_ns <= end_ns]
        boot = boot_of([*vm, *lost], index=len(boots), pid=vm[0].vm, rules=rules)
        boots += [boot] if boot.marks else []
    return boots


def _end_of(vm: Sequence[Event], begins: Iterable[int], rules: Rules) -> float:
    """Say until when a loss may have cost this VM a mark.

    A recorder tells of a loss when it has room again, so what cost a boot its last marks is told
    after those that are left.
    """
    last_ns = vm[-1].time_ns
    if any(name_of(event, rules.names) == (rules.until or LINUX_START_USER) for event in vm):
        return last_ns
    return min((begin_ns for begin_ns in begins if begin_ns > last_ns), default=math.inf)


def boot_of_marks(marks: Sequence[Mark], *, index: int, rules: Rules) -> Boot:
    """Give ready-made marks (a table: times since the exec) their phases and their outcome."""
    return Boot(
        index=index,
        pid=0,
        outcome=_outcome_of(marks, rules.until, Ending()),
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
    return all(event.kind in {EventKind.EXEC, EventKind.STARTED} for event in events)


def _time_zero(ordered: Iterable[Event], ending: Ending) -> int | None:
    execs = [event.time_ns for event in ordered if event.kind is EventKind.EXEC]
    return execs[-1] if execs else ending.exec_stamp_ns


_FAILURES = {
    EndedBy.TIMEOUT: Outcome.TIMEOUT,
    EndedBy.PANIC: Outcome.GUEST_PANIC,
    EndedBy.INTERNAL_ERROR: Outcome.INTERNAL_ERROR,
    EndedBy.USER: Outcome.INTERRUPTED,
}


def _outcome_of(marks: Sequence[Mark], until: str | None, ending: Ending) -> Outcome:
    if until and any(mark.name == until for mark in marks):
        return Outcome.REACHED
    if ending.ended_by in _FAILURES:
        return _FAILURES[ending.ended_by]
    if ending.ended_by and not marks and ending.needs_mark:
        return Outcome.QEMU_FAILED
    return Outcome.ENDED if until else Outcome.REACHED


def _suspicions(
    events: Iterable[Event], marks: Sequence[Mark], attempts: int, *, exec_seen: bool
) -> Iterator[str]:
    kinds = {event.kind for event in events}
    table = {
        "events_lost": EventKind.LOST in kinds,
        "clock_step": EventKind.CLOCK_STEP in kinds,
        "exec_not_seen": not exec_seen,
        "guest_reset": attempts > 1,
        "marks_out_of_order": not in_order(marks),
    }
    return (reason for reason, is_so in table.items() if is_so)
