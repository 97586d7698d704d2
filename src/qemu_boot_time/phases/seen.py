"""The events of one VM become its marks: named, parted into attempts, one of all sources."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from qemu_boot_time.model import Bound, Event, EventKind, Mark
from qemu_boot_time.protocol import FW_START, QEMU_INIT_END, RANK, Names

SOURCES_BY_ACCURACY = (
    "perf_event",
    "tracefs",
    "perf",
    "trace-cmd",
    "plugin",
    "debugcon",
    "console",
)
"""Where two sources saw one mark, the first of these is believed."""


class Way(NamedTuple):
    """How a mark was seen: one source may see a trace point itself, and what bounds it too."""

    source: str
    exact: bool

    @property
    def accuracy(self) -> tuple[bool, int]:
        """Where it stands among the ways to see one mark; the least is believed."""
        known = self.source in SOURCES_BY_ACCURACY
        place = SOURCES_BY_ACCURACY.index(self.source) if known else len(SOURCES_BY_ACCURACY)
        return not self.exact, place


@dataclass(frozen=True, slots=True)
class Seen:
    """What all sources together saw; times still absolute."""

    chosen: tuple[Mark, ...]
    """Of the attempt that got there, in time order."""
    earlier: tuple[Mark, ...]
    """Of the other attempts."""
    also: tuple[Mark, ...]
    """The same marks, as further sources saw them."""
    attempts: int

    @property
    def first_ns(self) -> int:
        """The absolute time of the first mark; 0 where there is none."""
        return min((mark.time_ns for mark in self.chosen), default=0)


def marks_by_way(ordered: Sequence[Event], names: Names) -> dict[Way, list[Mark]]:
    """Turn the events of one VM, in time order, into the marks of each way, and their attempts."""
    resets = [event.time_ns for event in ordered if event.kind is EventKind.RESET]
    found: dict[Way, list[Mark]] = {}
    for event in ordered:
        name = name_of(event, names)
        if name is not None:
            mark = _mark_of(event, name)
            found.setdefault(Way(mark.source, mark.bound is Bound.EXACT), []).append(mark)
    numbered = {way: list(_numbered(_entered_once(marks), resets)) for way, marks in found.items()}
    for way, marks in numbered.items():
        itself = numbered.get(way._replace(exact=True), ())
        numbered[way] = marks if way.exact else list(_aligned(marks, itself))
    return numbered


def name_of(event: Event, names: Names) -> str | None:
    """Name the trace point that an event is; None: it is none."""
    if event.kind is EventKind.ENTRY:
        return QEMU_INIT_END
    if event.kind is EventKind.PASSED:
        return str(event.fields["name"])
    if event.kind is EventKind.PORT_WRITE:
        return names.of(int(event.fields["port"]), int(event.fields["value"]))
    return None


def _mark_of(event: Event, name: str) -> Mark:
    instructions = event.fields.get("instructions")
    return Mark(
        name,
        event.time_ns,
        event.source,
        event=str(event.fields.get("event", "")),
        bound=Bound(str(event.fields.get("bound", Bound.EXACT))),
        error_ns=int(event.fields.get("error_ns", 0)),
        instructions=None if instructions is None else int(instructions),
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


def _aligned(marks: Iterable[Mark], itself: Sequence[Mark]) -> Iterator[Mark]:
    """Put what only bounds a place into the attempt that the source saw by itself at that time.

    Not all that bounds is passed in an attempt which ends early, so it may not show that it did.
    """
    for mark in marks:
        going_on = max((each.attempt for each in itself if each.time_ns <= mark.time_ns), default=0)
        yield replace(mark, attempt=max(mark.attempt, going_on))


def merge(found: Mapping[Way, Sequence[Mark]], until: str | None) -> Seen:
    """Believe the most accurate way, mark by mark; keep what the others saw.

    What only bounds a trace point gives way to all that saw it itself in that attempt.
    """
    best: dict[tuple[int, str, int], Mark] = {}
    also: list[Mark] = []
    for way in sorted(found, key=lambda way: way.accuracy):
        nth = Counter[tuple[int, str]]()
        seen_itself = {(attempt, name) for attempt, name, _ in best} if not way.exact else set()
        for mark in found[way]:
            place = (mark.attempt, mark.name)
            nth[place] += 1
            if place in seen_itself or best.setdefault((*place, nth[place]), mark) is not mark:
                also.append(mark)
    marks, others = (
        sorted(found, key=lambda mark: mark.time_ns) for found in (best.values(), also)
    )
    attempt = _attempt_that_got_there(marks, until)
    chosen = [mark for mark in marks if mark.attempt == attempt or mark.name == QEMU_INIT_END]
    earlier = [mark for mark in marks if mark.attempt != attempt and mark.name != QEMU_INIT_END]
    attempts = 1 + max((mark.attempt for mark in marks), default=0)
    return Seen(tuple(chosen), tuple(earlier), tuple(others), attempts)


def _attempt_that_got_there(marks: Iterable[Mark], until: str | None) -> int:
    last = 0
    for mark in marks:
        if mark.name == until:
            return mark.attempt
        last = max(last, mark.attempt)
    return last


def since(zero_ns: int, marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Count the times of marks from ``zero_ns``."""
    return tuple(replace(mark, time_ns=mark.time_ns - zero_ns) for mark in marks)
