"""``qbt list``: the runs that are kept."""

import shlex

import click

from qemu_boot_time.cli import options
from qemu_boot_time.errors import InputError
from qemu_boot_time.report.json import dump
from qemu_boot_time.report.text import printable
from qemu_boot_time.store.facts import all_runs, read_facts, runs_directory

_COMMAND_WIDTH = 44


@click.command("list")
@options.json_option
def command(*, as_json: bool) -> None:
    """List the kept runs, the oldest first: id, boots, sources, command."""
    rows = []
    for directory in all_runs():
        try:
            facts, boots = read_facts(directory)
        except InputError as error:
            click.echo(f"{directory.name}  unreadable: {error.what}", err=True)
            continue
        done = sum(boot.index >= 0 for boot in boots)
        rows.append((directory, facts, done))
    if as_json:
        found = [
            {"id": d.name, "path": str(d), "created": f.created, "boots": n, "command": f.command}
            for d, f, n in rows
        ]
        click.echo(dump({"schema": 1, "runs": found}))
        return
    for directory, facts, done in rows:
        line = printable(shlex.join(facts.command))
        shown = line if len(line) <= _COMMAND_WIDTH else f"{line[: _COMMAND_WIDTH - 3]}..."
        sources = "+".join(facts.sources)
        click.echo(f"{directory.name:18} {done:4}/{facts.boots:<4} {sources:9} {shown}")
    if not rows:
        click.echo(f"no run in {runs_directory()}; qbt demo makes one", err=True)
