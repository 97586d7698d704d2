"""Which phases exits are in: each is counted where it began, its time lies in all that it reaches into. Pure.

A phase begins and ends where a mark was written, and that write is an exit itself: by its own stamp it is
known which exits came before it, whichever source saw the mark, and however late.

While QEMU makes a memory map, whatever it serves may have to wait, and nothing tells what did. So that time
is no part of a phase: neither of its length nor of the time outside.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from qemu_boot_time.exits import IDLE, ExitKind, PhaseTime
from qemu_boot_time.model import Boot, Phase
from qemu_boot_time.phases import UNACCOUNTED, gaps, split_at_total
from qemu_boot_time.protocol import PORTS, Names
from qemu_boot_time.sources.exits.pairing import Exits
from qemu_boot_time.sources.exits.stream import KINDS, UNKNOWN, Mask, Numbers

_PORT_WRITE = KINDS.index(ExitKind.PORT_WRITE)
Stretch = tuple[int, int]
"""When it begins and ends: absolute, in ns."""


@dataclass(frozen=True, slots=True, eq=False)
class Portions:
    """What of which exit is in which phase: phase by phase, in each by time."""

    exit: Numbers
    """Its number."""
    phase: Numbers
    """A number of the phases' names."""
    begins: Mask
    """Whether the exit began in that phase: there it is counted."""
    outside_ns: Numbers
    """Of the time in which the phase was watched; UNKNOWN: nothing is known of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Parted:
    """The exits of a boot, by phase."""

    names: tuple[str, ...]
    """Of phases, in the order of time; the last is ``unaccounted``."""
    zero_ns: int
    """The exec of QEMU."""
    portions: Portions
    times: tuple[PhaseTime, ...]
    """Of each phase; of ``unaccounted`` where there is any."""


def parted_of(boot: Boot, exits: Exits, names: Names, drawings: Sequence[Stretch]) -> Parted:
    """Give the exits of one boot their phases; ``drawings`` is when QEMU made maps.

    What came before the exec of QEMU or after the boot's end is no part of it.
    """
    zero_ns = boot.exec_ns or 0
    parts, total, _ = split_at_total(boot.phases)
    known = parts if total is None else (*parts, total)
    ends = _ends(known, _moved(boot, exits, names, zero_ns), zero_ns)
    own, whole = ends[: len(parts)], ends[len(parts) :]
    begun = _begun(exits.time_ns, own, whole)
    stretches = [*([each] for each in own), [rest for each in whole for rest in gaps(each, own)]]
    watched = [[left for each in some for left in gaps(each, drawings)] for some in stretches]
    portions = _joined(_portions(exits, begun, at, each) for at, each in enumerate(watched))
    called = (*(part.name for part in parts), UNACCOUNTED)
    times = [
        _time(called[at], stretches[at], watched[at], exits, portions.exit[portions.phase == at])
        for at in range(len(called))
        if stretches[at]
    ]
    return Parted(called, zero_ns, portions, tuple(times))


def _ends(parts: Sequence[Phase], moved: Mapping[int, int], zero_ns: int) -> list[Stretch]:
    """Give when each begins and ends."""

    def absolute(time_ns: int) -> int:
        return moved.get(time_ns, zero_ns + time_ns)

    return [(absolute(part.begin_ns), absolute(part.end_ns)) for part in parts]


def _moved(boot: Boot, exits: Exits, names: Names, zero_ns: int) -> Mapping[int, int]:
    """Give the stamps of marks in the boot, and those of the exits that they are."""
    is_write = (exits.kind == _PORT_WRITE) & np.isin(exits.address, tuple(PORTS))
    writes: dict[str | None, list[int]] = defaultdict(list)
    for i in np.flatnonzero(is_write):
        name = names.of(int(exits.address[i]), int(exits.value[i]))
        writes[name].append(int(exits.time_ns[i]) - zero_ns)
    marks: dict[str, list[int]] = defaultdict(list)
    for mark in boot.marks:
        marks[mark.name].append(mark.time_ns)
    return {
        time_ns: zero_ns + write_ns
        for name, times_ns in marks.items()
        for time_ns, write_ns in _paired(sorted(times_ns), sorted(writes[name]))
    }


def _paired(marks_ns: Sequence[int], writes_ns: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give each mark of a name and its write: one by one, or the nearest where a source has seen more than another."""
    if len(marks_ns) == len(writes_ns):
        yield from zip(marks_ns, writes_ns, strict=True)
    elif writes_ns:
        for time_ns in marks_ns:
            yield time_ns, min(writes_ns, key=partial(_distance, time_ns))


def _distance(one_ns: int, other_ns: int) -> int:
    return abs(one_ns - other_ns)


def _begun(times_ns: Numbers, parts: Sequence[Stretch], whole: Sequence[Stretch]) -> Numbers:
    """Give the number of the phase that each exit began in; negative: it is no part of the boot."""
    phase = np.full(len(times_ns), UNKNOWN)
    for begin_ns, end_ns in whole:
        phase[(times_ns >= begin_ns) & (times_ns <= end_ns)] = len(parts)
    last_ns = max((end_ns for _, end_ns in (*parts, *whole)), default=0)
    for number, (begin_ns, end_ns) in enumerate(parts):
        inside = (times_ns >= begin_ns) & (times_ns < end_ns)
        if end_ns == last_ns:  # the mark that ends the boot belongs to what it ends
            inside |= times_ns == end_ns
        phase[inside] = number
    return phase


def _portions(exits: Exits, begun: Numbers, phase: int, watched: Sequence[Stretch]) -> Portions:
    """Give what is in one phase."""
    known = exits.outside_ns >= 0
    back_ns = exits.time_ns + np.where(known, exits.outside_ns, 0)
    outside_ns = np.zeros(len(exits.time_ns), dtype=np.int64)
    for begin_ns, end_ns in watched:
        passed_ns = np.minimum(back_ns, end_ns) - np.maximum(exits.time_ns, begin_ns)
        outside_ns += np.maximum(passed_ns, 0)
    begins = begun == phase
    at = np.flatnonzero(begins | (outside_ns > 0))
    told = known[at] if watched else np.zeros(len(at), dtype=np.bool_)
    return Portions(
        exit=at,
        phase=np.full(len(at), phase),
        begins=begins[at],
        outside_ns=np.where(told, outside_ns[at], UNKNOWN),
    )


def _joined(parts: Iterable[Portions]) -> Portions:
    found = list(parts)
    return Portions(
        exit=np.concatenate([each.exit for each in found]),
        phase=np.concatenate([each.phase for each in found]),
        begins=np.concatenate([each.begins for each in found]),
        outside_ns=np.concatenate([each.outside_ns for each in found]),
    )


def _time(
    name: str,
    stretches: Iterable[Stretch],
    watched: Iterable[Stretch],
    exits: Exits,
    members: Numbers,
) -> PhaseTime:
    idle = [number for number, reason in enumerate(exits.reasons) if reason in IDLE]
    busy = members[~np.isin(exits.reason[members], idle)]
    return PhaseTime(
        phase=name,
        length_ns=_sum(stretches),
        watched_ns=_sum(watched),
        vcpus=len(np.unique(exits.tid[members])),
        busy_vcpus=len(np.unique(exits.tid[busy])),
    )


def _sum(stretches: Iterable[Stretch]) -> int:
    return sum(max(end_ns - begin_ns, 0) for begin_ns, end_ns in stretches)
