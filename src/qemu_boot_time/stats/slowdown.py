"""How much longer some boots of a run take than those that were measured, quantity by quantity."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qemu_boot_time.model import Boot
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.overhead import Quantity, Ratio, ratio_of
from qemu_boot_time.stats.shift import interval_rank

_TOO_FEW = "too few to say how sure"
_TOO_WIDE = "these boots spread too widely for an interval of so few"


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How many times as long something takes in the boots that were profiled."""

    name: str
    """``CPU time``, ``total``, or a phase."""
    n: tuple[int, int]
    """Boots measured and profiled."""
    ratio: Ratio

    @property
    def unsure(self) -> str:
        """Why the ratio has no interval; empty: it has one."""
        if self.ratio.low is not None:
            return ""
        return _TOO_WIDE if interval_rank(*self.n) else _TOO_FEW


def slowdowns_of(measured: Iterable[Boot], profiled: Sequence[Boot]) -> Iterable[Slowdown]:
    """Compare what both kinds of boots have: CPU time, total, then phases in the order of the boots."""
    sides = [_taken(boot for boot in measured if boot.ok), _taken(profiled)]
    names = [name for name in sides[0] if name in sides[1]]
    for name in sorted(names, key=_place):
        first, second = (side[name] for side in sides)
        yield Slowdown(name, (len(first), len(second)), ratio_of(first, second))


def lengths_of(boot: Boot) -> Mapping[str, int]:
    """Give how long each phase of a boot took, in ns; of two of one name, the first."""
    return {phase.name: phase.duration_ns for phase in reversed(boot.phases)}


def _place(name: str) -> tuple[bool, bool]:
    return name != Quantity.CPU, name != TOTAL


def _taken(boots: Iterable[Boot]) -> Mapping[str, list[int]]:
    """Give what boots took of each: logarithms are of what is above 0 alone."""
    found: dict[str, list[int]] = defaultdict(list)
    for boot in boots:
        if boot.cpu_ns:
            found[Quantity.CPU].append(boot.cpu_ns)
        for name, length_ns in reversed(tuple(lengths_of(boot).items())):
            if length_ns:
                found[name].append(length_ns)
    return found
