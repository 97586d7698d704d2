"""The table that a person reads: marks and their deltas, phases, what failed, what to know."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Boot, Bound, Mark, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.summary import MarkSummary, Stats, Summary

_WIDTH = 80
_NS_PER_MS = 1_000_000
_COLUMNS = ("n", "median", "mean", "min", "max")
_SINCE_MARK = "  since the mark before"
_UNACCOUNTED = "unaccounted"
_BOUND_WORDS = {Bound.GE: "the true time is at or after it", Bound.LE: "the true time is before it"}


def to_text(run: Run, summary: Summary, *, every_boot: bool = False, colour: bool = False) -> str:
    """Render a run for a terminal of 80 columns, in milliseconds."""
    parts: list[RenderableType] = [_headline(run, summary), Text()]
    if every_boot:
        parts += [part for boot in run.boots for part in _one_boot(boot)]
    if summary.marks:
        parts += [_marks_table(summary.marks, _zero_of(run.boots)), Text()]
    if summary.phases:
        parts += [_phases_table(summary), Text()]
    parts += [Text(line) for line in (*_troubles(run.boots), *_footnotes(run))]
    stream = io.StringIO()
    console = Console(
        file=stream, width=_WIDTH, force_terminal=colour, no_color=not colour, highlight=False
    )
    console.print(Group(*parts), soft_wrap=False)
    # A path is there to be copied: it stays on one line, however long.
    lines = [*stream.getvalue().rstrip().splitlines(), *([printable(run.path)] if run.path else [])]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def ms(time_ns: int) -> str:
    """Render nanoseconds as milliseconds, to the microsecond."""
    return f"{time_ns / _NS_PER_MS:.3f}"


def printable(text: str) -> str:
    """Make text from a guest, a file or a program safe for a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _headline(run: Run, summary: Summary) -> Text:
    counted = f"{summary.boots} boot{'s' * (summary.boots != 1)}"
    if summary.ok != summary.boots:
        counted += f", {summary.boots - summary.ok} failed"
    words = [run.name, counted, *(f"seen by {source}" for source in run.sources), run.accelerator]
    return Text(printable(" · ".join(word for word in words if word)), style="bold")


def _grid(title: str, columns: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(title, no_wrap=False, overflow="fold", min_width=24)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(stats: Stats, sign: str = "") -> Iterator[str]:
    yield str(stats.n)
    for value_ns in (stats.median_ns, stats.mean_ns, stats.min_ns, stats.max_ns):
        yield f"{value_ns / _NS_PER_MS:{sign}.3f}"


def _zero_of(boots: Iterable[Boot]) -> str:
    """Say from where marks count: from the first of each boot, where no exec was seen at all."""
    return "exec" if any(boot.exec_ns is not None for boot in boots if boot.ok) else "first"


def _marks_table(rows: Iterable[MarkSummary], zero: str) -> Table:
    table = _grid(f"mark (ms since {zero})", _COLUMNS)
    for row in rows:
        table.add_row(Text(printable(row.name), style="cyan"), *_cells(row.time))
        if row.delta:
            table.add_row(_SINCE_MARK, *_cells(row.delta, sign="+"), style="dim")
    return table


def _phases_table(summary: Summary) -> Table:
    first_total = next((row for row in summary.phases if row.name == TOTAL), None)
    total = first_total.time if first_total else None
    named = Counter(row.name for row in summary.phases)
    table = _grid("phase (ms)", (*_COLUMNS, "share"))
    for row in summary.phases:
        if row is first_total and summary.unaccounted:
            _add_phase(table, _UNACCOUNTED, summary.unaccounted, total)
        name = row.name if named[row.name] == 1 else f"{row.name} ({row.begin}..{row.end})"
        _add_phase(table, name, row.time, total)
    return table


def _add_phase(table: Table, name: str, stats: Stats, total: Stats | None) -> None:
    share = f"{stats.mean_ns / total.mean_ns:.1%}" if total and total.mean_ns else ""
    table.add_row(Text(printable(name), style="cyan"), *_cells(stats), share)


def _one_boot(boot: Boot) -> Iterator[RenderableType]:
    pid = f", pid {boot.pid}" if boot.pid else ""
    title = f"boot {boot.index}{pid}: {boot.outcome}"
    if not boot.marks:
        total = next((f" {ms(p.duration_ns)} ms" for p in boot.phases if p.name == TOTAL), "")
        yield Text(f"{title}{total}")
        return
    table = _grid(title, ("ms", "delta"))
    table.add_column("seen by", no_wrap=True)
    before_ns = 0
    for mark in boot.marks:
        table.add_row(
            Text(printable(mark.name), style="cyan"),
            ms(mark.time_ns),
            f"{(mark.time_ns - before_ns) / _NS_PER_MS:+.3f}",
            Text(printable(f"{mark.source} {mark.event}".strip())),
        )
        before_ns = mark.time_ns
    yield from (table, Text())


def _troubles(boots: Sequence[Boot]) -> Iterator[str]:
    """Say what failed and what is suspect, boots with the same trouble on one line."""
    failed: dict[str, list[int]] = {}
    suspect: dict[str, list[int]] = {}
    for boot in boots:
        if not boot.ok:
            failed.setdefault(_failure(boot), []).append(boot.index)
        for reason in boot.suspect:
            suspect.setdefault(reason, []).append(boot.index)
    for trouble, indices in failed.items():
        yield f"failed: boot {_listed(indices)}: {printable(trouble)}"
    for reason, indices in suspect.items():
        yield f"suspect: boot {_listed(indices)}: {reason}"


def _failure(boot: Boot) -> str:
    """Say how a boot failed, how far it had come, and what QEMU said."""
    came_to = f" after {boot.marks[-1].name}" if boot.marks else ""
    return f"{boot.outcome}{came_to}: {boot.message}".rstrip(": ")


def _listed(indices: Sequence[int], most: int = 8) -> str:
    shown = ", ".join(map(str, indices[:most]))
    return shown if len(indices) <= most else f"{shown}... ({len(indices)} boots)"


def _footnotes(run: Run) -> Iterator[str]:
    stand_ins: dict[tuple[str, str, Bound], list[tuple[int, Mark]]] = {}
    for boot in run.boots:
        for mark in boot.marks:
            if mark.bound is not Bound.EXACT:
                key = (mark.name, mark.event, mark.bound)
                stand_ins.setdefault(key, []).append((boot.index, mark))
    several = len(stand_ins) > len({name for name, _, _ in stand_ins})
    for (name, event, bound), seen in stand_ins.items():
        where = f" in boot {_listed([index for index, _ in seen])}" if several else ""
        off_ns = max(mark.error_ns for _, mark in seen)
        by = f", by at most {ms(off_ns)} ms" if off_ns else ""
        yield printable(f"note: {name} is a stand-in{where}, {event}: {_BOUND_WORDS[bound]}{by}")
    for note in run.notes:
        yield f"note: {printable(note)}"
