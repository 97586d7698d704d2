"""A comparison of counts, for a person and for a program."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from qemu_boot_time.model import Run
from qemu_boot_time.report.json import plain
from qemu_boot_time.report.parts import PIPE, Screen, counted, fitting_width, printable, rendered
from qemu_boot_time.report.troubles import failure_documents, failure_lines_of_sides
from qemu_boot_time.report.waterfall import waterfall_of_sides
from qemu_boot_time.stats.exact import Comparison, Shift
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.verdict import Verdict

_COLUMNS = ("first", "second", "shift", "verdict")


def to_text(
    first: Run, second: Run, found: Comparison, screen: Screen = PIPE, *, waterfall: bool = False
) -> str:
    """Render for a screen: each phase, then what it comes to in one sentence.

    ``waterfall``: with a picture of where the phases of either side lie.
    """
    table = _table(found)
    drawn = _waterfall(first, second, found, screen) if waterfall else []
    parts: list[RenderableType] = [table, *([Text(), *drawn] if drawn else [])]
    lines = [
        f"first:  {_side(first)}",
        f"second: {_side(second)}",
        "",
        *rendered(parts, fitting_width(table, screen=screen), screen).rstrip().splitlines(),
        "",
        sentence(found),
        *_only(found),
        *failure_lines_of_sides(first, second),
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _shifts(found: Comparison) -> tuple[Shift, ...]:
    return (*found.phases, *([found.total] if found.total else ()))


def _table(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("phase (instructions)", overflow="fold", min_width=20)
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for shift in _shifts(found):
        counts = (f"{shift.first:,}", f"{shift.second:,}", _moved(shift), shift.verdict)
        table.add_row(Text(printable(shift.name)), *counts)
    return table


def _waterfall(first: Run, second: Run, found: Comparison, screen: Screen) -> list[Text]:
    counts = [(Place(s.name, s.begin, s.end), (s.first, s.second)) for s in _shifts(found)]
    return waterfall_of_sides((first.boots, second.boots), counts, first.clock, screen)


def _side(run: Run) -> str:
    failed = sum(not boot.ok for boot in run.boots)
    return f"{printable(run.name)}, {counted(len(run.boots), failed)}"


def sentence(found: Comparison) -> str:
    """Say in words what moved, and which phases carry it."""
    if found.total is None:
        return "no total: the sides have none, or none that ends at the same mark"
    if not found.guilty and found.total.verdict is Verdict.SAME:
        return "the same to the last instruction"
    moved = ", ".join(f"{_moved(shift)} in {printable(shift.name)}" for shift in found.guilty)
    parts = f"; {moved}" if moved else ""
    same = [printable(s.name) for s in found.phases if s.verdict is Verdict.SAME]
    rest = f"; the same: {', '.join(same)}" if same else ""
    return f"{found.total.verdict}: {_moved(found.total)} instructions{parts}{rest}"


def _moved(shift: Shift) -> str:
    if shift.low == shift.high:
        return f"{shift.low:+,}"
    return f"{shift.low:+,}..{shift.high:+,}"


def _only(found: Comparison) -> Iterator[str]:
    for side, names in zip(("first", "second"), found.only, strict=True):
        if names:
            yield f"note: only the {side} has {', '.join(map(printable, names))}"


def document(first: Run, second: Run, found: Comparison) -> dict[str, Any]:
    """Give a comparison as plain values: DESIGN.md's keys, with instructions in place of nanoseconds."""
    runs = (first, second)
    return {
        "clock": first.clock,
        "runs": [plain(run.name) for run in runs],
        "paths": [plain(run.path) for run in runs],
        "boots": [len(run.boots) for run in runs],
        "failed": [sum(not boot.ok for boot in run.boots) for run in runs],
        "failures": [failure_documents(run.boots) for run in runs],
        "total": _shift(found.total) if found.total else {"verdict": Verdict.UNDECIDED},
        "phases": [_shift(shift) for shift in found.phases],
        "only": [[plain(name) for name in names] for names in found.only],
        "sentence": sentence(found),
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {
        "name": plain(shift.name),
        "begin": plain(shift.begin),
        "end": plain(shift.end),
        "verdict": shift.verdict,
        "first_instructions": shift.first,
        "second_instructions": shift.second,
        "shift_instructions": shift.second - shift.first,
        "low_instructions": shift.low,
        "high_instructions": shift.high,
    }
