"""The parts of QEMU's own start over boots: statistics of each boot's own part; and of two runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qemu_boot_time.model import Boot
from qemu_boot_time.phases.start import rank_of
from qemu_boot_time.stats.shift import Shift, shift_of
from qemu_boot_time.stats.summary import Stats, stats_of


@dataclass(frozen=True, slots=True)
class PartSummary:
    """One part over the boots that had it."""

    of: str
    """The phase that it is a part of: ``vmm``, or what stands for it (``exec..fw_start``)."""
    name: str
    begin: str
    end: str
    length: Stats
    """In nanoseconds."""
    whole: Stats
    """The phase, over the same boots."""


@dataclass(frozen=True, slots=True)
class PartShift:
    """How much longer one part takes in the second of two runs: no verdict, it says where a phase moved."""

    of: str
    name: str
    begin: str
    end: str
    n: tuple[int, int]
    shift: Shift
    """In nanoseconds, second less first."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the 95 % interval says that it moved."""
        interval = self.shift.interval
        return interval is not None and (interval.low > 0 or interval.high < 0)


def part_shifts(first: Iterable[Boot], second: Iterable[Boot]) -> tuple[PartShift, ...]:
    """Compare the parts that both runs have, in the order of QEMU's start."""
    return tuple(_shifts(_found(first), _found(second)))


def _shifts(first: "_Found", second: "_Found") -> Iterator[PartShift]:
    for key, lengths in first.items():
        if key in second:
            of, begin, end, name = key
            a, b = ([length for length, _ in each] for each in (lengths, second[key]))
            yield PartShift(of, name, begin, end, (len(a), len(b)), shift_of(a, b))


def summarise_parts(boots: Iterable[Boot]) -> tuple[PartSummary, ...]:
    """Summarise the boots that count, phase by phase, in the order of QEMU's start.

    A part that ends elsewhere in some boots is another part: its neighbour was not seen in those.
    """
    return tuple(
        PartSummary(of, name, begin, end, *map(stats_of, zip(*lengths, strict=True)))
        for (of, begin, end, name), lengths in _found(boots).items()
    )


_Key = tuple[str, str, str, str]
_Found = dict[_Key, list[tuple[int, int]]]
"""Phase, begin, end and name of a part to its length and that of the phase, boot by boot."""


def _found(boots: Iterable[Boot]) -> _Found:
    found: _Found = {}
    for boot in boots:
        for part in boot.parts if boot.ok and boot.phases else ():
            whole = boot.phases[0]
            key = (whole.name, part.begin, part.end, part.name)
            found.setdefault(key, []).append((part.duration_ns, whole.duration_ns))
    return dict(sorted(found.items(), key=lambda row: _place(*row)))


def _place(key: _Key, lengths: list[tuple[int, int]]) -> tuple[object, ...]:
    of, begin, end, _ = key
    return of, rank_of(begin), rank_of(end), -len(lengths)
