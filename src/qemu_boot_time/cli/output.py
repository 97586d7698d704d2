"""How a run is printed, wherever it comes from."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qemu_boot_time.cli.gating import NO_GATES, Gating
from qemu_boot_time.cli.judging import (
    Judgement,
    baseline_document,
    document,
    judged_run,
    lines,
    markdown,
    status_of,
    warnings_of,
    write_reports,
)
from qemu_boot_time.errors import ExitStatus, InputError, UsageError
from qemu_boot_time.model import Outcome, Run

if TYPE_CHECKING:
    from qemu_boot_time.report.parts import Screen, Signs
    from qemu_boot_time.report.timeline import Timeline

_DAMAGED = "the boots above are what could be read; for the rest copy the file again, whole, or record again"

_NAMED_BOOTS = 8


@dataclass(frozen=True, slots=True)
class TimelineOf:
    """Which boot's timeline is asked for."""

    number: int | None = None
    """From 1; None: the one whose total is nearest to the median."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a run is to be printed."""

    as_json: bool = False
    every_boot: bool = False
    stats: bool = False
    """Intervals, spread and oddities of every mark and phase."""
    gating: Gating = NO_GATES
    """What it must keep to."""
    waterfall: bool = False
    """A picture of the phases, below the tables."""
    timeline: TimelineOf | None = None
    """The boot of which all that was seen is shown, too; None: of none."""


def print_run(run: Run, form: Form) -> int:
    """Print the table or the JSON document, and what budgets say; give the exit status.

    Raises InputError after the table where the input is damaged.
    """
    judgement = judged_run(form.gating, run)
    click.echo(_rendered(judgement, form), nl=form.as_json)
    write_reports(form.gating, [judgement])
    if run.damage:
        raise InputError(run.damage, hint=_DAMAGED)
    status = ExitStatus.DONE if _is_well(run) else ExitStatus.BOOT_FAILED
    return status_of([judgement], status)


def _is_well(run: Run) -> bool:
    """Whether no boot failed: those that the user stopped have not, but they alone are no result."""
    others = [boot for boot in run.boots if boot.outcome is not Outcome.INTERRUPTED]
    return all(boot.ok for boot in others or run.boots)


def _rendered(judgement: Judgement, form: Form) -> str:
    if form.as_json:
        from qemu_boot_time.report.json import to_json

        more = {**document(judgement), **baseline_document(judgement), **_told(judgement.run, form)}
        return to_json(judgement.run, more)
    if form.gating.prints_markdown:
        return markdown([judgement])
    from qemu_boot_time.report.text import Showing, to_text

    timelines = _timelines(judgement.run, form)
    showing = Showing(form.every_boot, form.stats, form.waterfall, screen(), timelines)
    text = to_text(judgement.run, showing)
    below = [*warnings_of(judgement), *lines(judgement, every=form.every_boot)]
    return text + "".join(f"{line}\n" for line in below)


def screen() -> "Screen":
    """Give what standard output is shown on: as wide as a terminal is, 80 columns where it is none."""
    from qemu_boot_time.report.parts import PIPE, Screen

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((PIPE.width, 0)).columns if terminal else PIPE.width
    return Screen(max(width, PIPE.width), _signs(), colour=terminal and not _colour_is_refused())


def _signs() -> "Signs":
    """Give what the encoding of standard output can write."""
    from qemu_boot_time.report.parts import BLOCKS, Signs

    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return Signs.ASCII
    return Signs.BLOCKS


def _colour_is_refused() -> bool:
    """Whether somebody objects (no-color.org: by a word that is not empty), or the terminal has none."""
    return bool(os.environ.get("NO_COLOR")) or _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"


def redraws() -> bool:
    """Whether a line on standard error can be written over: no pipe can that, nor a dumb terminal."""
    return sys.stderr.isatty() and not _is_dumb()


def _timelines(run: Run, form: Form) -> Sequence["Timeline"]:
    """Give the timelines that are asked for. Raises UsageError where there is no such boot."""
    if form.timeline is None:
        return ()
    from qemu_boot_time.report.timeline import timelines_of

    number = form.timeline.number
    if number is not None and all(boot.number != number for boot in run.boots):
        numbers = [str(boot.number) for boot in run.boots[:_NAMED_BOOTS]]
        more = ["..."] if len(run.boots) > _NAMED_BOOTS else []
        known = ", ".join([*numbers, *more])
        raise UsageError(f"--boot {number}: no such boot", hint=f"boots of this run: {known}")
    if number is None and run.boots and not any(boot.ok for boot in run.boots):
        note("--timeline: no boot counts, so none is in the middle; --boot N shows any of them")
    return timelines_of(run, number)


def _told(run: Run, form: Form) -> dict[str, Any]:
    """Give the timelines that are asked for, as a document has them."""
    if form.timeline is None:
        return {}
    from qemu_boot_time.report.timeline import timelines_document

    return {"timelines": timelines_document(_timelines(run, form))}


def styled(text: str, colour: str) -> str:
    """Colour text unless somebody objects; where no terminal reads it, click takes the colour away."""
    return text if _colour_is_refused() else click.style(text, fg=colour)


def typed(path: Path) -> str:
    """Give a path as a person may paste it into a shell, of whatever bytes it is."""
    data = os.fsencode(path)
    try:
        return shlex.quote(data.decode())
    except UnicodeDecodeError:
        return f"$'{''.join(map(_escaped, data))}'"


def _escaped(byte: int) -> str:
    character = chr(byte)
    plain = character.isascii() and character.isprintable() and character not in "'\\"
    return character if plain else f"\\x{byte:02x}"


def note(text: str) -> None:
    """Tell the user something that is no data."""
    click.echo(f"{styled('note:', 'cyan')} {text}", err=True)


def warn(text: str) -> None:
    """Tell the user what may spoil the result."""
    click.echo(f"{styled('warning:', 'yellow')} {text}", err=True)
