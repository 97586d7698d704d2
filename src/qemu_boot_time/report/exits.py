"""Where boots leave the guest, for a terminal and for a program: words first, then a table a phase."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import ExitKind, Profile, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.parts import grid, ms, printable
from qemu_boot_time.stats.exits import (
    ExitRow,
    ExitSummary,
    Middle,
    PhaseExits,
    Slowdown,
    exits_of,
    is_whole,
)
from qemu_boot_time.stats.overhead import Quantity

MOST = 10
"""As many devices of a phase are shown; JSON has all."""

_COLUMNS = ("exits", "accesses", "outside ms", "share")
_NOBODY = "no device"
_PROCESSOR = "processor"
_MSRS = {ExitKind.MSR_READ, ExitKind.MSR_WRITE}
_TOO_FEW = "too few to say how sure"
_COSTS = {Quantity.CPU.value: "times the CPU time", TOTAL: "times as long"}
"""What is told of what profiling costs; JSON has every phase. Boots that come later may meet another host, so what
they take of the clock says less."""


def exits_parts(run: Run) -> Iterator[RenderableType]:
    """Render the profiles of a run; nothing where there are none."""
    if not run.profiles:
        return
    summary = exits_of(run)
    yield Text(f"exits: {_headline(summary)}", style="bold")
    if summary.failed:
        bad = ", ".join(_bad(profile) for profile in run.profiles if not is_whole(profile))
        yield Text(f"left out: {bad}")
    yield from map(Text, _cost_lines(summary))
    yield from (Text(sentence(phase)) for phase in summary.phases)
    for phase in summary.phases:
        yield from (Text(), _table(phase))
    yield from (Text(), *(Text(f"note: {printable(note)}") for note in summary.notes), Text())


def _headline(summary: ExitSummary) -> str:
    if not summary.boots:
        return "not known of any boot"
    do = "does" if summary.boots == 1 else "do"
    return f"{_boots(summary.boots)} that {do} not count"


def _bad(profile: Profile) -> str:
    boot = profile.boot
    why = "exits not known" if boot.ok else str(boot.outcome)
    return printable(f"boot {boot.number} ({why}{boot.message and f': {boot.message}'})")


def _boots(n: int) -> str:
    return f"{n} boot{'s' * (n != 1)}"


def _cost_lines(summary: ExitSummary) -> Iterator[str]:
    costs = {cost.name: cost for cost in summary.cost}
    found = [(costs[name], what) for name, what in _COSTS.items() if name in costs]
    if not found:
        return
    measured, profiled = found[0][0].n
    took = " and ".join(f"{_ratio(cost)} {what}" for cost, what in found)
    unsure = any(cost.ratio.low is None for cost, _ in found)
    counted = f"{profiled} profiled, {measured} measured before" + (
        f"; {_TOO_FEW}" if unsure else ""
    )
    yield f"the profile's own cost: its boots took {took} ({counted})"


def _ratio(cost: Slowdown) -> str:
    ratio = cost.ratio
    if ratio.low is None or ratio.high is None:
        return f"{ratio.estimate:.2f}"
    return f"{ratio.estimate:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def sentence(phase: PhaseExits) -> str:
    """Say in words where a phase leaves the guest most."""
    exits = f"{phase.exits.median:,} exit{'s' * (phase.exits.median != 1)}"
    idle = f"; idle for {ms(phase.idle_ns.median)} ms" if phase.idle_ns else ""
    busy = phase.busy
    if not busy:
        return f"{phase.phase}: {exits}{idle}"
    share = phase.share(busy[0].outside_ns)
    if share is not None:
        whole = phase.share(phase.outside_ns) or 0
        return (
            f"{phase.phase}: {whole:.1%} of its time outside, in {exits}; "
            f"{share:.1%} in {_words(busy[0])}{idle}"
        )
    return f"{phase.phase}: {exits}, {_words(busy[0])}{idle}"


def _words(row: ExitRow) -> str:
    n = row.exits.median
    if row.kind is ExitKind.OTHER:
        return f"{n:,} {row.reason or 'of a reason not told'}"
    return f"{n:,} {row.kind}{'s' * (n != 1)} of {_owner(row)}"


def _owner(row: ExitRow) -> str:
    """Name the device; where there is none, say where it would have been."""
    if row.device:
        return row.device
    where = "" if row.addresses is None else f" at {_range(*row.addresses)}"
    return f"{_PROCESSOR if row.kind in _MSRS else _NOBODY}{where}"


def _range(low: int, high: int) -> str:
    return f"{low:#x}" if low == high else f"{low:#x}-{high:#x}"


def _table(phase: PhaseExits) -> Table:
    length = "" if phase.length_ns is None else f" ({ms(phase.length_ns)} ms)"
    table = grid(printable(f"{phase.phase}{length}"), _COLUMNS)
    busy, idle = phase.busy, [row for row in phase.rows if row.is_idle]
    for row in busy[:MOST]:
        table.add_row(*_cells(row, phase))
    if rest := busy[MOST:]:
        table.add_row(*_rest(rest, phase))
    for row in idle:
        table.add_row(*_cells(row, phase), style="dim")
    return table


def _cells(row: ExitRow, phase: PhaseExits) -> tuple[str, ...]:
    share = phase.share(row.outside_ns)
    return (
        printable(_called(row)),
        _count(row.exits),
        _count(row.accesses) if row.kind is not ExitKind.OTHER else "",
        ms(row.outside_ns.median) if row.outside_ns else "",
        "" if share is None else f"{share:.1%}",
    )


def _called(row: ExitRow) -> str:
    if row.kind is ExitKind.OTHER:
        return f"{'idle ' * row.is_idle}{row.reason or 'reason not told'}"
    return f"{_owner(row)}, {row.kind}"


def _count(number: Middle) -> str:
    """Show the median, and from where to where it differs."""
    if number.least == number.most:
        return f"{number.median:,}"
    return f"{number.median:,} ({number.least:,}-{number.most:,})"


def _rest(rows: Sequence[ExitRow], phase: PhaseExits) -> tuple[str, ...]:
    outside = [row.outside_ns.median for row in rows if row.outside_ns]
    share = phase.share(Middle(sum(outside), 0, 0)) if outside else None
    return (
        f"{len(rows)} more",
        f"{sum(row.exits.median for row in rows):,}",
        f"{sum(row.accesses.median for row in rows):,}",
        ms(sum(outside)) if outside else "",
        "" if share is None else f"{share:.1%}",
    )


def exits_document(run: Run) -> dict[str, Any]:
    """Give what ``--json`` has under ``profile``: the summary, and the counters of each boot."""
    summary = exits_of(run)
    return {
        "boots": [
            {
                "index": profile.boot.index,
                "outcome": profile.boot.outcome,
                "counters": [asdict(counter) for counter in profile.counters],
                "notes": profile.notes,
            }
            for profile in run.profiles
        ],
        "cost": [
            {
                "name": cost.name,
                "boots": cost.n,
                **{f"ratio_{k}": v for k, v in asdict(cost.ratio).items()},
            }
            for cost in summary.cost
        ],
        "phases": [{**asdict(phase), "words": sentence(phase)} for phase in summary.phases],
    }
