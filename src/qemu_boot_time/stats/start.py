"""The parts of QEMU's own start over boots: statistics of each boot's own part."""

from collections.abc import Iterable
from dataclasses import dataclass

from qemu_boot_time.model import Boot
from qemu_boot_time.phases.start import rank_of
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


def summarise_parts(boots: Iterable[Boot]) -> tuple[PartSummary, ...]:
    """Summarise the boots that count, phase by phase, in the order of QEMU's start.

    A part that ends elsewhere in some boots is another part: its neighbour was not seen in those.
    """
    found: dict[tuple[str, str, str, str], list[tuple[int, int]]] = {}
    for boot in boots:
        for part in boot.parts if boot.ok and boot.phases else ():
            whole = boot.phases[0]
            key = (whole.name, part.begin, part.end, part.name)
            found.setdefault(key, []).append((part.duration_ns, whole.duration_ns))
    return tuple(
        PartSummary(of, name, begin, end, *map(stats_of, zip(*lengths, strict=True)))
        for (of, begin, end, name), lengths in sorted(found.items(), key=lambda row: _place(*row))
    )


def _place(key: tuple[str, str, str, str], lengths: list[tuple[int, int]]) -> tuple[object, ...]:
    of, begin, end, _ = key
    return of, rank_of(begin), rank_of(end), -len(lengths)
