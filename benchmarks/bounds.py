"""How far what only bounds a trace point lies from it: of runs whose guest also wrote the mark itself.

Records nothing: give it runs of an instrumented guest under KVM (`qbt run --kvm-console ...`, to the
end of the guest's boot). A difference is the bound's stamp minus the mark's, so one that is at or
before its trace point is never above 0, and one at or after it never below.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from common import main, table
from qemu_boot_time.errors import InputError
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Boot, Bound

_NS_PER_MS = 1_000_000


class Difference(NamedTuple):
    """One bound of one mark, in one boot."""

    name: str
    event: str
    bound: Bound
    by_ns: int
    """The bound's stamp minus the mark's."""
    error_ns: int
    """What the bound says of itself: so far the mark may be off."""


def differences(boots: Iterable[Boot]) -> Iterator[Difference]:
    """Give all bounds whose trace points were seen themselves in the same boot, in order."""
    for boot in boots:
        itself = {mark.name: mark.time_ns for mark in boot.marks if mark.bound is Bound.EXACT}
        for mark in sorted(boot.also_seen, key=lambda mark: mark.time_ns):
            if mark.bound is not Bound.EXACT and mark.name in itself:
                by_ns = mark.time_ns - itself[mark.name]
                yield Difference(mark.name, mark.event, mark.bound, by_ns, mark.error_ns)


def rows(found: Iterable[Difference]) -> Iterator[tuple[str, ...]]:
    """Give a line for each bound: its differences in milliseconds."""
    same: dict[tuple[str, str, Bound], list[int]] = defaultdict(list)
    for each in found:
        same[each.name, each.event, each.bound].append(each.by_ns)
    for (name, event, bound), by_ns in same.items():
        numbers = (min(by_ns), statistics.median(by_ns), max(by_ns))
        shown = (f"{number / _NS_PER_MS:+.3f}" for number in numbers)
        yield name, event, bound.value, str(len(by_ns)), *shown


def body() -> None:
    """Read the runs and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    boots = [b for name in parser.parse_args().runs for b in open_input(name, Options()).boots]
    lines = list(rows(differences(boots)))
    if not lines:
        raise InputError(
            "no trace point was seen both itself and by what bounds it",
            hint="qbt run --kvm-console -- qemu-system-x86_64 ... with pieces of qbt build",
        )
    print(table(("trace point", "seen by", "bound", "n", "min ms", "median ms", "max ms"), lines))


if __name__ == "__main__":
    main(body)
