"""What charts are drawn from: the rows that :mod:`qemu_boot_time.report.charts` names, of runs.

Times are nanoseconds since the exec of QEMU, counts instructions since the guest's first. Text from elsewhere is made
printable here.
"""

from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from qemu_boot_time.model import Boot, Clock, Inside, Phase, Profile, Run, Span
from qemu_boot_time.phases import UNACCOUNTED, gaps, split_at_total
from qemu_boot_time.report.charts import COLOURS
from qemu_boot_time.report.inside import MOST, parted
from qemu_boot_time.report.parts import printable
from qemu_boot_time.report.waterfall import begin_of
from qemu_boot_time.stats.detail import Detail, Details
from qemu_boot_time.stats.exits import Middle, PhaseExits, told_of
from qemu_boot_time.stats.moves import Moves
from qemu_boot_time.stats.quantities import (
    lengths_of,
    main_total,
    median_boot,
    names_of,
)

MOST_POINTS = 1000
"""So many boots of a run are drawn; its numbers are of all."""
_PART = "\u21b3 "
_OTHERS = "others"
_NS_PER_MS = 1e6


class Bar(NamedTuple):
    """One piece of a waterfall."""

    name: str
    kind: str
    """One of :data:`qemu_boot_time.report.charts.KINDS`."""
    begin: int
    end: int


class Typical(NamedTuple):
    """One boot that stands for others."""

    role: str
    """Why it was chosen: ``median boot``, ``slowest boot``; one that stands for both says so."""
    boot: Boot
    total: int
    """In the unit of the run's clock."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One phase, over runs."""

    name: str
    """With its ends, where there are several of this name."""
    details: tuple[tuple[int, Detail], ...]
    """Of each run that has it, by its place among the runs."""
    lengths: tuple[tuple[int, Mapping[int, int]], ...]
    """The same: boot's number to length."""


# --- waterfalls -------------------------------------------------------------------------------


def bars_of(boot: Boot, clock: Clock = Clock.TIME) -> list[Bar]:
    """Give the bars of one boot on a clock: its phases, the gaps between them, QEMU's parts below the first.

    What was not counted has no bar where counts are drawn, nor have QEMU's parts, which run no guest.
    """
    split = split_at_total(boot.phases)
    phases = list(_bars(boot, split.parts, "phase", clock))
    total = list(_bars(boot, [split.total] if split.total else [], "phase", clock))
    known = phases if len(phases) == len(split.parts) else []
    bars = phases + [Bar(UNACCOUNTED, UNACCOUNTED, *gap) for gap in _gaps(known, total)]
    bars.sort(key=lambda bar: bar.begin)
    parts = _bars(boot, boot.parts if clock is Clock.TIME else (), "part", clock)
    below = [part._replace(name=f"{_PART}{part.name}") for part in parts]
    first = phases[0] if phases else None
    shown = [each for bar in bars for each in (bar, *(below if bar == first else ()))]
    own = _bars(boot, split.own, "own", clock)
    return [*shown, *(() if split.parts else total), *own]


def _gaps(phases: Sequence[Bar], total: Sequence[Bar]) -> Iterator[tuple[int, int]]:
    """Give what no phase covers, to the last one's end where no total is known."""
    if not phases:
        return iter(())
    whole = min(0, phases[0].begin), (*phases, *total)[-1].end
    return gaps(whole, [(bar.begin, bar.end) for bar in phases])


def _bars(boot: Boot, phases: Iterable[Phase], kind: str, clock: Clock) -> Iterator[Bar]:
    for phase in phases:
        begin, length = begin_of(boot, phase, clock), phase.length(clock)
        if begin is not None and length is not None:
            # One of the user's own may end before it begins.
            yield Bar(printable(phase.name), kind, *sorted((begin, begin + length)))


def bars_inside(inside: Inside) -> list[Bar]:
    """Give the bars of a boot that looked inside: phases, the guest's stages, the slowest spans."""
    stages, targets, others = parted(inside)
    slowest = sorted(others, key=lambda span: -span.duration_ns)[: 2 * MOST]
    spans = sorted([*stages, *targets, *slowest], key=lambda span: span.begin_ns)
    return [*bars_of(inside.boot), *map(_span, spans)]


def _span(span: Span) -> Bar:
    return Bar(
        f"{_PART}{printable(span.name)}", "inside", span.begin_ns, max(span.begin_ns, span.end_ns)
    )


def longest(bars: Iterable[Bar]) -> int:
    """Give where the last bar ends, at least 1."""
    return max((bar.end for bar in bars), default=1) or 1


_LONGEST = {Clock.TIME: "slowest boot", Clock.INSTRUCTIONS: "boot of most instructions"}


def typical(run: Run) -> Iterator[Typical]:
    """Give the boot in the middle (:func:`median_boot`), and the slowest, by the total; one, where one is both."""
    found = lengths_of(run)
    place = main_total(found)
    if place is None:
        return
    boots = {boot.number: boot for boot in run.boots}
    totals = found[place]
    middle, most = median_boot(totals), max(totals, key=lambda number: totals[number])
    role = "the only boot that counts" if len(totals) == 1 else "median boot"
    if len(totals) > 1 and totals[middle] == totals[most]:
        role = f"median boot and {_LONGEST[run.clock]}"
    yield Typical(role, boots[middle], totals[middle])
    if totals[middle] != totals[most]:
        yield Typical(_LONGEST[run.clock], boots[most], totals[most])


def longest_of(runs: Iterable[Run], clock: Clock) -> int:
    """Give where the last bar of the typical boots of the runs on this clock ends: one scale for all."""
    drawn = [
        bars_of(each.boot, clock) for run in runs if run.clock is clock for each in typical(run)
    ]
    return max(map(longest, drawn), default=1)


# --- distributions ----------------------------------------------------------------------------


def quantities_of(runs: Sequence[Run], details: Sequence[Details]) -> list[Quantity]:
    """Give each phase of these runs in the order in which it comes, those of one place together.

    What took no time in any boot (often ``unaccounted``) is nothing to draw.
    """
    lengths = [lengths_of(run) for run in runs]
    places = list(dict.fromkeys(place for found in lengths for place in found))
    return [
        Quantity(
            printable(name),
            tuple(
                (i, each.phases[place]) for i, each in enumerate(details) if place in each.phases
            ),
            tuple((i, found[place]) for i, found in enumerate(lengths) if place in found),
        )
        for place, name in names_of(places).items()
        if any(any(found.get(place, {}).values()) for found in lengths)
    ]


def points_of(quantity: Quantity) -> list[dict[str, int]]:
    """Give a row a boot; of very many boots some, with all that are odd, a fastest and a slowest."""
    rows = []
    for (run, detail), (_, lengths) in zip(quantity.details, quantity.lengths, strict=True):
        odd = {outlier.boot for outlier in detail.outliers}
        kept = odd | {end(lengths, key=lengths.__getitem__) for end in (min, max)}
        every = -(-len(lengths) // MOST_POINTS)
        rows += [
            {"run": run, "boot": boot, "value": value, "odd": int(boot in odd)}
            for i, (boot, value) in enumerate(lengths.items())
            if i % every == 0 or boot in kept
        ]
    return rows


def middles_of(quantity: Quantity) -> list[dict[str, int]]:
    """Give the median of each run."""
    return [{"run": run, "median": round(detail.median)} for run, detail in quantity.details]


def bands_of(quantity: Quantity) -> list[dict[str, int]]:
    """Give the interval of the median of each run that has so many boots."""
    return [
        {"run": run, "low": interval.low, "high": interval.high}
        for run, detail in quantity.details
        if (interval := detail.median_interval)
    ]


def modes_of(quantity: Quantity) -> list[dict[str, int]]:
    """Give where the modes lie, where there are several."""
    return [
        {"run": run, "value": mode.at}
        for run, detail in quantity.details
        if detail.modes
        for mode in detail.modes.modes
    ]


# --- what moved, exits ------------------------------------------------------------------------


def changes_of(moves: Moves) -> list[dict[str, Any]]:
    """Give a row a phase that both sides have, the total among them."""
    return [
        {
            "name": printable(change.name),
            "shift": change.shift,
            "low": change.interval.low if change.interval else None,
            "high": change.interval.high if change.interval else None,
            "verdict": str(change.verdict),
        }
        for change in moves.phases
        if change.shift is not None
    ]


def devices_of(phases: Iterable[PhaseExits]) -> list[str]:
    """Name the devices that guests were left for most often: as many as there are colours.

    Where there are more, the last one is ``others``.
    """
    exits: Counted[str] = Counted()
    for phase in phases:
        for row in phase.rows:
            exits[printable(row.owner)] += row.exits.median
    devices = [device for device, _ in exits.most_common()]
    most = len(COLOURS)
    return devices if len(devices) <= most else [*devices[: most - 1], _OTHERS]


def counters_of(phases: Iterable[PhaseExits], devices: Sequence[str]) -> list[dict[str, Any]]:
    """Give a row of medians a kind of exit, each of one of these devices; idle ones took no time."""
    return [
        {
            "name": printable(phase.phase),
            "device": device if (device := printable(row.owner)) in devices else _OTHERS,
            "exits": row.exits.median,
            "outside": 0 if row.is_idle else _median(row.outside_ns) / _NS_PER_MS,
        }
        for phase in phases
        for row in phase.rows
    ]


def _median(number: Middle | None) -> int:
    return number.median if number else 0


def samples_of(profile: Profile, devices: Sequence[str]) -> list[dict[str, Any]]:
    """Give a row a sample of one of these devices, from none at the exec on to where the boot ended.

    All others have no line: what they came to together nobody sampled.
    """
    begins = {printable(sample.device): sample for sample in reversed(profile.samples)}
    none = [replace(each, time_ns=0, exits=0) for each in begins.values() if each.time_ns > 0]
    told = {printable(sample.device): sample for sample in profile.samples}
    end_ns = max((phase.end_ns for phase in profile.boot.phases), default=0)
    last = [replace(each, time_ns=end_ns) for each in told.values() if each.time_ns < end_ns]
    return [
        {"time": sample.time_ns, "device": device, "exits": sample.exits}
        for sample in [*none, *profile.samples, *last]
        if (device := printable(sample.device)) in devices
    ]


def is_timed(phases: Iterable[PhaseExits]) -> bool:
    """Whether the host told for how long guests that did something were left."""
    return any(phase.busy.outside_ns is not None for phase in phases)


def typical_profile(profiles: Iterable[Profile]) -> Profile | None:
    """Give the one in the middle by its exits, of an even number the one with fewer; None: none is counted."""
    ordered = sorted(
        told_of(profiles), key=lambda each: sum(counter.exits for counter in each.counters)
    )
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def clocks(runs: Iterable[Run]) -> set[Clock]:
    """Give what these runs were measured in."""
    return {run.clock for run in runs}
