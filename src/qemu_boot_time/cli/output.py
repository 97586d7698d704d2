"""How a run is printed, wherever it comes from."""

import os
import sys

import click

from qemu_boot_time.errors import ExitStatus, InputError
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.stats.summary import summarise

_DAMAGED = "the boots above are what could be read; for the rest copy the file again, whole, or record again"


def print_run(run: Run, *, as_json: bool, every_boot: bool) -> int:
    """Print the table or the JSON document; give the exit status.

    Raises InputError after the table where the input is damaged.
    """
    shown = Clock if as_json else (run.clock,)
    by_clock = {clock: summarise(run.boots, clock) for clock in shown}
    summary = by_clock[run.clock]
    if as_json:
        from qemu_boot_time.report.json import to_json

        click.echo(to_json(run, *by_clock.values()))
    else:
        from qemu_boot_time.report.text import to_text

        click.echo(to_text(run, summary, every_boot=every_boot, colour=wants_colour()), nl=False)
    if run.damage:
        raise InputError(run.damage, hint=_DAMAGED)
    return ExitStatus.DONE if summary.ok == summary.boots else ExitStatus.BOOT_FAILED


def wants_colour() -> bool:
    """Whether standard output is a terminal and nobody objects (no-color.org)."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def note(text: str) -> None:
    """Tell the user something that is no data."""
    click.echo(f"{click.style('note:', fg='cyan')} {text}", err=True)


def warn(text: str) -> None:
    """Tell the user what may spoil the result."""
    click.echo(f"{click.style('warning:', fg='yellow')} {text}", err=True)
