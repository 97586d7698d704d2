"""Where boots leave the guest, for a terminal and for a program: words first, then a table a phase."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from qemu_boot_time.exits import ExitKind
from qemu_boot_time.model import Profile, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.json import boot_document
from qemu_boot_time.report.parts import counted, grid, ms, printable
from qemu_boot_time.stats.exits import (
    MOST,
    ExitRow,
    ExitSummary,
    Middle,
    PhaseExits,
    Sums,
    exits_of,
    is_whole,
    told_of,
)
from qemu_boot_time.stats.overhead import Quantity
from qemu_boot_time.stats.slowdown import Slowdown

COLUMNS = ("exits", "accesses", "outside ms", "share")
"""Of a phase's table: medians over boots, and from where to where they differ; a share is of two medians."""
_COSTS = {Quantity.CPU.value: "times the CPU time", TOTAL: "times as long"}
"""What is told of what profiling costs; JSON has every phase. Boots that come later may meet another host, so what
they take of the clock says less."""


def exits_parts(run: Run) -> Iterator[RenderableType]:
    """Render the profiles of a run; nothing where there are none."""
    if not run.profiles:
        return
    summary = exits_of(run)
    yield Text(exits_heading(summary), style="bold")
    yield from map(Text, exits_lines(run, summary))
    for phase in summary.phases:
        yield from (Text(), _table(phase))
    yield from (Text(), *(Text(f"note: {printable(note)}") for note in summary.notes), Text())


def exits_heading(summary: ExitSummary) -> str:
    """Say how many boots the exits are of."""
    if not summary.boots:
        return "exits: not known of any boot"
    do = "does" if summary.boots == 1 else "do"
    return f"exits: {counted(summary.boots)} that {do} not count"


def exits_lines(run: Run, summary: ExitSummary) -> Iterator[str]:
    """Say it in words: which boots are left out, what the profile cost, a sentence a phase."""
    if summary.failed:
        told = [profile.boot for profile in told_of(run.profiles)]
        bad = ", ".join(_bad(each) for each in run.profiles if each.boot not in told)
        yield f"left out: {bad}"
    yield from _cost_lines(summary)
    yield from (printable(sentence(phase)) for phase in summary.phases)


def _bad(profile: Profile) -> str:
    boot = profile.boot
    unknown = "devices not known" if is_whole(profile) else "exits not known"
    why = unknown if boot.ok else str(boot.outcome)
    return printable(f"boot {boot.number} ({why}{boot.message and f': {boot.message}'})")


def _cost_lines(summary: ExitSummary) -> Iterator[str]:
    costs = {cost.name: cost for cost in summary.cost}
    found = [(costs[name], what) for name, what in _COSTS.items() if name in costs]
    if not found:
        return
    measured, profiled = found[0][0].n
    alike = len({cost.unsure for cost, _ in found}) == 1
    doubt = found[0][0].unsure if alike else ""
    took = " and ".join(_took(cost, what, "" if alike else cost.unsure) for cost, what in found)
    boots = f"{profiled} profiled, {measured} measured before" + (f"; {doubt}" if doubt else "")
    yield f"the profile's own cost: its boots took {took}" + (
        f" ({boots})" if alike else f"; {boots}"
    )


def _took(cost: Slowdown, what: str, doubt: str) -> str:
    return f"{_ratio(cost)} {what}" + (f" ({doubt})" if doubt else "")


def _ratio(cost: Slowdown) -> str:
    ratio = cost.ratio
    if ratio.low is None or ratio.high is None:
        return f"{ratio.estimate:.2f}"
    return f"{ratio.estimate:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def sentence(phase: PhaseExits) -> str:
    """Say in words where a phase leaves the guest most."""
    idle = f"; idle for {ms(phase.idle_ns.median)} ms" if phase.idle_ns else ""
    some = _some(phase)
    name = f"{phase.phase} ({some})" if some else phase.phase
    if not phase.busy_rows:
        return f"{name}: {_exits(phase.exits)}{idle}"
    exits, first = _exits(phase.busy.exits), phase.busy_rows[0]
    if phase.busy.share is not None and first.share is not None:
        return (
            f"{name}: {phase.busy.share:.1%} of {_whose(phase)} time outside, in {exits}; "
            f"{first.share:.1%} in {_words(first)}{idle}"
        )
    return f"{name}: {exits}, {_words(first)}{idle}"


def _some(phase: PhaseExits) -> str:
    """Say in how many boots it is, where it is not in all."""
    boots, of = phase.n
    return "" if boots == of else f"{boots:,} of {counted(of)}"


def _whose(phase: PhaseExits) -> str:
    vcpus = phase.busy_vcpus
    return "its" if vcpus.most == 1 else f"its {_range(vcpus)} vCPUs'"


def _range(number: Middle) -> str:
    same = number.least == number.most
    return f"{number.least:,}" if same else f"{number.least:,}-{number.most:,}"


def _exits(number: Middle) -> str:
    return f"{number.median:,} exit{'s' * (number.median != 1)}"


def _words(row: ExitRow) -> str:
    """Say how many; a middle of none is told as a range, and what only reaches into the phase as that."""
    n = row.exits.median
    many = f"{n:,}" if n or not row.exits.most else _range(row.exits)
    if row.kind is ExitKind.OTHER:
        what = row.reason or "of a reason not told"
    else:
        what = f"{row.kind}{'s' * (n != 1)}{_of(row)}"
    return f"{many} {what}" if row.exits.most else f"{what} begun before it"


def _of(row: ExitRow) -> str:
    """Say after a number of accesses whose they are."""
    if row.device is None and row.addresses is not None:
        return f" at {address_range(*row.addresses)} ({row.owner})"
    return f" of {_owner(row)}"


def _owner(row: ExitRow) -> str:
    """Name the device; where there is none, say where it would have been."""
    if row.device or row.addresses is None:
        return row.owner
    return f"{row.owner} at {address_range(*row.addresses)}"


def address_range(low: int, high: int) -> str:
    """Say from where to where; one address stands alone."""
    return f"{low:#x}" if low == high else f"{low:#x}-{high:#x}"


def _table(phase: PhaseExits) -> Table:
    table = grid(escape(phase_heading(phase)), COLUMNS)
    for row in phase.busy_rows[:MOST]:
        table.add_row(escape(printable(row_name(row))), *row_cells(row))
    if phase.rest is not None:
        table.add_row(f"{len(phase.busy_rows) - MOST} more", *_numbers(phase.rest))
    for row in phase.rows:
        if row.is_idle:
            table.add_row(escape(printable(row_name(row))), *row_cells(row), style="dim")
    return table


def phase_heading(phase: PhaseExits) -> str:
    """Name a phase, with its length where that is known, and what of that is not in the numbers."""
    length = "" if phase.length_ns is None else f"{ms(phase.length_ns)} ms"
    about = "; ".join(filter(None, [length, _some(phase), _watched(phase)]))
    return printable(f"{phase.phase} ({about})" if about else phase.phase)


def _watched(phase: PhaseExits) -> str:
    """Say what of a phase was watched, where that is less than all of it."""
    if phase.length_ns is None:
        return ""
    if phase.watched_ns is None:
        return "its time not watched"
    boots = phase.n[0]
    some = "" if phase.watched == boots else f" in {phase.watched:,} of {counted(boots)}"
    is_whole = phase.watched_ns.median == phase.length_ns and not some
    return "" if is_whole else f"watched for {ms(phase.watched_ns.median)} ms{some}"


def row_cells(row: ExitRow) -> tuple[str, ...]:
    """Give the cells of a row, one for each of :data:`COLUMNS`; empty: nobody knows, or there is none."""
    exits, accesses, *times = _numbers(row)
    return (exits, "" if row.kind is ExitKind.OTHER else accesses, *times)


def _numbers(sums: Sums) -> tuple[str, str, str, str]:
    return (
        _count(sums.exits),
        _count(sums.accesses),
        ms(sums.outside_ns.median) if sums.outside_ns else "",
        "" if sums.share is None else f"{sums.share:.1%}",
    )


def row_name(row: ExitRow) -> str:
    """Name a row: the device and the kind of access, else the host's word for the exit."""
    if row.kind is ExitKind.OTHER:
        return f"{'idle ' * row.is_idle}{row.owner}"
    return f"{_owner(row)}, {row.kind}"


def _count(number: Middle) -> str:
    """Show the median, and from where to where it differs."""
    if number.least == number.most:
        return f"{number.median:,}"
    return f"{number.median:,} ({number.least:,}-{number.most:,})"


def exits_document(run: Run) -> dict[str, Any]:
    """Give what ``--json`` has under ``profile``: the summary, and the counters of each boot."""
    summary = exits_of(run)
    return {
        "boots": [
            {
                "index": profile.boot.index,
                "outcome": profile.boot.outcome,
                "boot": boot_document(profile.boot),
                "counters": [asdict(counter) for counter in profile.counters],
                "times": [asdict(time) for time in profile.times],
                "samples": [asdict(sample) for sample in profile.samples],
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
        "phases": [_phase(phase) for phase in summary.phases],
    }


def _phase(phase: PhaseExits) -> dict[str, Any]:
    return {
        "phase": phase.phase,
        "boots": phase.n[0],
        "length_ns": phase.length_ns,
        "watched_ns": phase.watched_ns,
        "watched_boots": phase.watched,
        "busy_vcpus": phase.busy_vcpus,
        "exits": phase.exits,
        "busy_exits": phase.busy.exits,
        "outside_ns": phase.busy.outside_ns,
        "share": phase.busy.share,
        "idle_ns": phase.idle_ns,
        "rows": [asdict(row) for row in phase.rows],
        "words": sentence(phase),
    }
