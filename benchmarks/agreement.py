"""How far two sources' stamps of one event lie apart: both are taken inside the same tracepoint.

Boots the tiny firmware with two sources of the kernel's events at once, and subtracts mark from
mark. Each pair is armed in both orders: the kernel calls a tracepoint's handlers one after the
other, in an order that comes of that. A mark also wakes the reader of perf_event and of tracefs, by
an interrupt that may be taken between two handlers; nothing is woken by a guest entry.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations

from common import (
    arguments,
    host_line,
    main,
    progress,
    require_kvm,
    require_perf,
    rounds_of,
    scratch,
    table,
)
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import tiny
from qemu_boot_time.model import Boot, Mark
from qemu_boot_time.protocol import QEMU_INIT_END
from recorders import UNDER_KVM
from stamp import boots_seen_twice, row

_SPIN = 50_000
"""Loops before each mark, so that what handles one is over when the next one comes."""
_GROUPS = {
    "guest entry": (QEMU_INIT_END,),
    "first write": tiny.PROTOCOL[:1],
    "later writes": tiny.PROTOCOL[1:],
}


def apart(boots: Sequence[Boot], first: str, second: str) -> dict[str, list[int]]:
    """Give what ``second`` stamped minus what ``first`` did, in ns, by mark.

    A mark by different events (the stand-ins of a guest entry) is left out. Raises HostError where
    the two did not see the same marks.
    """
    found: dict[str, list[int]] = {}
    for boot in boots:
        seen: dict[str, dict[str, Mark]] = {first: {}, second: {}}
        for mark in (*boot.marks, *boot.also_seen):
            seen[mark.source][mark.name] = mark
        if seen[first].keys() != seen[second].keys():
            raise HostError(f"boot {boot.number}: the sources did not see the same marks")
        for name, mark in seen[first].items():
            other = seen[second][name]
            if other.event == mark.event:
                found.setdefault(name, []).append(other.time_ns - mark.time_ns)
    return found


def rows(boots: Sequence[Boot], first: str, second: str) -> Iterator[tuple[str, ...]]:
    """Give the lines of one pair."""
    by_mark = apart(boots, first, second)
    for title, names in _GROUPS.items():
        values = [ns for name in names for ns in by_mark.get(name, ())]
        if values:
            yield row((title, first, second), values)


def body() -> None:
    """Measure and print."""
    options = arguments(__doc__, rounds=50, quick=2).parse_args()
    require_kvm()
    require_perf()
    names = [each.name for each in UNDER_KVM if each.needs_kvm and each.probe().ok]
    print(host_line(), flush=True)
    lines: list[tuple[str, ...]] = []
    with scratch() as directory:
        for first, second in permutations(names, 2):
            progress(f"{rounds_of(options)} boots with {first}, then {second}")
            boots = boots_seen_twice(directory, (first, second), _SPIN, rounds_of(options))
            lines += rows(boots, first, second)
    print("the stamp of what was armed second minus that of what was armed first, microseconds")
    print(table(("mark", "armed first", "second", "n", "min", "median", "p95", "max"), lines))


if __name__ == "__main__":
    main(body)
