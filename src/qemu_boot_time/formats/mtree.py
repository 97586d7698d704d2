"""QEMU's memory map as its monitor prints it: ``info mtree -f``.

The flat view has overlaps, priorities and aliases resolved already: each address is in one region at
most. The text is made for people (QEMU's softmmu/memory.c, ``mtree_print_flatview()``), and has been the
same since QEMU 2.10. What a line does not show in that form is passed over.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

_SPACE = re.compile(r'^ AS "(?P<name>.*?)", root:')
_REGION = re.compile(
    r"^ +(?P<begin>[0-9a-f]{16})-(?P<end>[0-9a-f]{16}) \(prio -?\d+, (?P<kind>[^)]+)\): (?P<name>.*)$"
)
_REST = re.compile(r"(?: @[0-9a-f]{16})?(?: KVM)?(?: (?:owner|parent):\{.*)?$")
_VIEW = "FlatView #"


class Space(Enum):
    """Which addresses are meant."""

    MEMORY = "memory"
    PORTS = "I/O"


@dataclass(frozen=True, slots=True)
class Region:
    """Some addresses, and what QEMU calls whatever answers there."""

    begin: int
    end: int
    """The last address that belongs to it."""
    name: str
    kind: str
    """``i/o``, ``ram``, ``rom``, ``romd``, ``ramd``..."""


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Both address spaces; regions in the order of their addresses."""

    memory: tuple[Region, ...] = ()
    ports: tuple[Region, ...] = ()

    def find(self, space: Space, address: int) -> Region | None:
        """Give the region that an address is in; None: nothing answers there."""
        regions = self.ports if space is Space.PORTS else self.memory
        at = bisect_right(regions, address, key=lambda region: region.begin) - 1
        return regions[at] if at >= 0 and address <= regions[at].end else None


def parse_mtree(text: str) -> MemoryMap:
    """Read what the monitor printed; a space that it does not show is empty."""
    spaces: dict[str, list[Region]] = {}
    for view in _views(text.splitlines()):
        names = [found["name"] for line in view if (found := _SPACE.match(line))]
        regions = sorted(_regions(view), key=lambda region: region.begin)
        spaces.update((name, regions) for name in names)
    of = {space: tuple(spaces.get(space.value, ())) for space in Space}
    return MemoryMap(of[Space.MEMORY], of[Space.PORTS])


def _views(lines: Iterable[str]) -> Iterator[list[str]]:
    view: list[str] = []
    for line in lines:
        if line.startswith(_VIEW):
            yield view
            view = []
        view.append(line.rstrip())
    yield view


def _regions(lines: Iterable[str]) -> Iterator[Region]:
    for line in lines:
        if found := _REGION.match(line):
            name = _REST.sub("", found["name"])
            yield Region(int(found["begin"], 16), int(found["end"], 16), name, found["kind"])
