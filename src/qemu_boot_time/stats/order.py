"""In which order marks come, over boots that do not all have the same ones. Standard library only."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from statistics import median

from qemu_boot_time.model import Boot, Clock
from qemu_boot_time.protocol import POWER_OFF, RANK

_RANK = {**RANK, POWER_OFF: len(RANK)}


def mark_order(boots: Iterable[Boot], clock: Clock) -> list[str]:
    """Name the marks that these boots have on a clock, in the order of a boot.

    One comes before another where it did so in most boots that have both; where none has both the protocol
    says so, and where it does not, their medians do.
    """
    orders: Counter[tuple[str, ...]] = Counter()
    places: dict[str, list[int]] = defaultdict(list)
    for boot in boots:
        firsts: dict[str, int] = {}
        for mark in boot.marks:
            at = mark.at(clock)
            if at is not None:
                firsts.setdefault(mark.name, at)
        orders[tuple(firsts)] += 1
        for name, at in firsts.items():
            places[name].append(at)
    return _merged(sorted(places, key=lambda name: median(places[name])), _comes_before(orders))


def _comes_before(orders: Mapping[tuple[str, ...], int]) -> Callable[[str, str], bool]:
    """Say what comes before what, of the orders that so many boots had."""
    times: Counter[tuple[str, str]] = Counter()
    for order, boots in orders.items():
        for pair in combinations(order, 2):
            times[pair] += boots

    def before(first: str, second: str) -> bool:
        so, otherwise = times[first, second], times[second, first]
        if so or otherwise:
            return so > otherwise
        return first in _RANK and second in _RANK and _RANK[first] < _RANK[second]

    return before


def _merged(names: Sequence[str], before: Callable[[str, str], bool]) -> list[str]:
    """Sort names so that each stands after all that come before it; where that is a circle, as they are."""
    left, found = list(names), []
    while left:
        free = (name for name in left if not any(before(other, name) for other in left))
        found.append(next(free, left[0]))
        left.remove(found[-1])
    return found
