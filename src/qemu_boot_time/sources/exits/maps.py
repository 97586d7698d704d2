"""QEMU's memory maps of one boot, each with its time: firmware moves devices while it runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from qemu_boot_time.formats.mtree import MemoryMap, Region, Space, parse_mtree
from qemu_boot_time.sources.exits import MapRecord
from qemu_boot_time.sources.exits.devices import device_of, is_served_by_kvm
from qemu_boot_time.sources.exits.stream import KINDS, Mask, Numbers, distinct
from qemu_boot_time.sources.jsonl import records


@dataclass(frozen=True, slots=True)
class TimedMap:
    """What lay where when the monitor was asked."""

    asked_ns: int
    answered_ns: int
    map: MemoryMap


def read_maps(file: Path) -> tuple[TimedMap, ...]:
    """Read the maps of a boot, in the order of time; none where the file is missing.

    Raises CorruptFileError where it is damaged.
    """
    if not file.exists():
        return ()
    found = records(file, msgspec.json.Decoder(MapRecord))
    timed = [TimedMap(each.asked_ns, each.answered_ns, _parsed(each.text)) for each in found]
    return tuple(sorted(timed, key=lambda each: each.asked_ns))


@lru_cache(maxsize=8)
def _parsed(text: str) -> MemoryMap:
    """Parse it once: boots of one guest have the same maps, most of the time."""
    return parse_mtree(text)


_SPACES = {"port": Space.PORTS, "mmio": Space.MEMORY}
"""The first word of a kind of access."""


class Accessed(NamedTuple):
    """What exits of one kind at one address are to."""

    kind: int
    """A number of ``KINDS``."""
    address: int
    region: Region | None
    """None: nobody answers there, or nobody knows, or it is no access to either space."""
    device: str | None
    """As people call it; empty: nobody answers there, or it is no access; None: no map says who does."""


class Lookup:
    """Finds the regions of accesses in the maps of their times."""

    def __init__(self, maps: Sequence[TimedMap]) -> None:
        self._maps = maps
        self._asked = np.array([each.asked_ns for each in maps], dtype=np.int64)

    @property
    def has_maps(self) -> bool:
        """Whether there is any map at all."""
        return bool(self._maps)

    def accessed(
        self, kinds: Numbers, addresses: Numbers, times_ns: Numbers
    ) -> tuple[list[Accessed], Numbers]:
        """Give what was accessed, and which of that each access is to.

        The region is that of the first map in which somebody answers there: the next one since the
        access, then the one just before, then later ones, then earlier ones.
        """
        later = np.searchsorted(self._asked, times_ns)
        keys, which = distinct(kinds, addresses, later)
        return [self._accessed(*key) for key in keys], which

    @property
    def drawings(self) -> tuple[tuple[int, int], ...]:
        """When each map was asked for and answered: QEMU was at work on it, and may have kept its guest waiting."""
        return tuple((each.asked_ns, each.answered_ns) for each in self._maps)

    def served_by_kvm(self, kinds: Numbers, addresses: Numbers) -> Mask:
        """Say of accesses whether KVM serves them itself; such devices do not move."""
        found, which = self.accessed(kinds, addresses, np.zeros(len(kinds), np.int64))
        served = np.array([is_served_by_kvm(each.region) for each in found], dtype=np.bool_)
        return served[which]

    def _nearest(self, later: int) -> Iterator[TimedMap]:
        """Give the maps in the order in which they are believed; ``later`` is the next one's number."""
        before, after = self._maps[:later], self._maps[later:]
        yield from after[:1]
        yield from before[-1:]
        yield from after[1:]
        yield from before[-2::-1]

    def _accessed(self, kind: int, address: int, later: int) -> Accessed:
        space = _SPACES.get(KINDS[kind].split()[0])
        region = self._region(space, address, later) if space else None
        is_known = self.has_maps or space is None
        return Accessed(kind, address, region, device_of(region) if is_known else None)

    def _region(self, space: Space, address: int, later: int) -> Region | None:
        found = (each.map.find(space, address) for each in self._nearest(later))
        known = [region for region in found if region is not None]
        return next((region for region in known if device_of(region)), next(iter(known), None))
