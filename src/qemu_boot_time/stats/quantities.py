"""What a run has numbers of: each phase, the rest that no phase explains, the total; each mark."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from qemu_boot_time.model import Boot, Clock, Run
from qemu_boot_time.phases import TOTAL, UNACCOUNTED
from qemu_boot_time.stats.once import once
from qemu_boot_time.stats.order import mark_order
from qemu_boot_time.stats.summary import unaccounted

_MOST = 2 * 10**18
"""Longer than this, 63 years, is a corrupt stamp; statistics have 64 bits for sums of a few."""


class Place(NamedTuple):
    """What a phase is: one of the same name with other ends is another one."""

    name: str
    begin: str
    end: str


def phase_lengths(boots: Iterable[Boot], clock: Clock) -> Mapping[Place, dict[int, int]]:
    """Give the length of each phase in each boot that counts, by the boot's number, in its order.

    ``unaccounted`` stands before the total, whose ends it shares.
    """
    found: dict[Place, dict[int, int]] = {}
    for boot in (boot for boot in boots if boot.ok):
        rest = unaccounted(boot, clock)
        for phase in boot.phases:
            length = phase.length(clock)
            if phase.name == TOTAL and rest is not None and abs(rest) <= _MOST:
                place = Place(UNACCOUNTED, phase.begin, phase.end)
                found.setdefault(place, {})[boot.number] = rest
            if length is not None and abs(length) <= _MOST:
                place = Place(phase.name, phase.begin, phase.end)
                found.setdefault(place, {})[boot.number] = length
    return found


@once
def lengths_of(run: Run) -> Mapping[Place, Mapping[int, int]]:
    """Give the same of a run, in its own clock; who asks again is given the same one."""
    return phase_lengths(run.boots, run.clock)


def named_lengths(boots: Iterable[Boot], clock: Clock) -> Mapping[str, dict[int, int]]:
    """Give the same by the phase's name (:func:`names_of`)."""
    found = phase_lengths(boots, clock)
    return {name: found[place] for place, name in names_of(found).items()}


def names_of(places: Iterable[Place]) -> Mapping[Place, str]:
    """Name each of these phases: with its ends, ``total (exec..fw_start)``, where several have its name."""
    places = list(places)
    named = Counter(place.name for place in places)
    return {
        place: place.name
        if named[place.name] == 1
        else f"{place.name} ({place.begin}..{place.end})"
        for place in places
    }


def mark_times(boots: Iterable[Boot], clock: Clock) -> Mapping[str, dict[int, int]]:
    """Give where the first of each mark lies in each boot that counts, by the boot's number, in the order of a boot.

    As in the summary: boots whose exec was not seen have no place beside those whose exec was.
    """
    good = [boot for boot in boots if boot.ok]
    placed = [boot for boot in good if boot.exec_ns is not None] or good
    found: dict[str, dict[int, int]] = {}
    for boot in placed:
        for mark in boot.marks:
            at = mark.at(clock)
            if at is not None and abs(at) <= _MOST:
                found.setdefault(mark.name, {}).setdefault(boot.number, at)
    return {name: found[name] for name in mark_order(placed, clock) if name in found}


def main_total(*sides: Mapping[Place, Mapping[int, int]]) -> Place | None:
    """Give the total that most boots have: those of one side may end at different marks."""
    counted = {
        place: sum(len(side.get(place, ())) for side in sides)
        for side in sides
        for place in side
        if place.name == TOTAL
    }
    return max(counted, key=lambda place: counted[place], default=None)


def median_boot(lengths: Mapping[int, int]) -> int:
    """Give the number of the boot that stands for all: nearest to their median, of several the first.

    ``lengths`` are of one quantity by the boots' numbers, at least one.
    """
    ordered = sorted(lengths.values())
    twice_median = ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
    return min(sorted(lengths), key=lambda number: abs(2 * lengths[number] - twice_median))
