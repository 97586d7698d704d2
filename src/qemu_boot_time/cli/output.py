"""How a run is printed, wherever it comes from."""

import os
import sys
from dataclasses import dataclass

import click

from qemu_boot_time.errors import ExitStatus, InputError
from qemu_boot_time.model import Run

_DAMAGED = "the boots above are what could be read; for the rest copy the file again, whole, or record again"


@dataclass(frozen=True, slots=True)
class Form:
    """How a run is to be printed."""

    as_json: bool = False
    every_boot: bool = False
    stats: bool = False
    """Intervals, spread and oddities of every mark and phase."""


def print_run(run: Run, form: Form) -> int:
    """Print the table or the JSON document; give the exit status.

    Raises InputError after the table where the input is damaged.
    """
    click.echo(_json(run) if form.as_json else _text(run, form), nl=form.as_json)
    if run.damage:
        raise InputError(run.damage, hint=_DAMAGED)
    return ExitStatus.DONE if all(boot.ok for boot in run.boots) else ExitStatus.BOOT_FAILED


def _json(run: Run) -> str:
    from qemu_boot_time.report.json import to_json

    return to_json(run)


def _text(run: Run, form: Form) -> str:
    from qemu_boot_time.report.text import Showing, to_text

    return to_text(run, Showing(form.every_boot, form.stats, wants_colour()))


def wants_colour() -> bool:
    """Whether standard output is a terminal and nobody objects (no-color.org)."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def note(text: str) -> None:
    """Tell the user something that is no data."""
    click.echo(f"{click.style('note:', fg='cyan')} {text}", err=True)


def warn(text: str) -> None:
    """Tell the user what may spoil the result."""
    click.echo(f"{click.style('warning:', fg='yellow')} {text}", err=True)
