"""``qbt list``: the runs that are kept."""

import shlex
from pathlib import Path
from typing import Any

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.output import screen
from qemu_boot_time.errors import InputError
from qemu_boot_time.report.json import dump, plain
from qemu_boot_time.report.text import printable
from qemu_boot_time.store.directories import all_runs, runs_directory
from qemu_boot_time.store.facts import RunFacts, RunKind, read_facts
from qemu_boot_time.store.load import load_run

_COLUMNS = "{:18} {:>9} {:9} {}"
_HEADER = _COLUMNS.format("run", "boots", "sources", "command")


@click.command("list")
@options.json_option
def command(*, as_json: bool) -> None:
    """List the kept runs, the oldest first: id, boots (of those asked for), sources, command."""
    rows = []
    for directory in all_runs():
        try:
            rows.append((directory, *_facts_and_boots(directory)))
        except InputError as error:
            click.echo(printable(f"{directory.name}  unreadable: {error.what}"), err=True)
    if as_json:
        click.echo(dump({"schema": 1, "runs": [_document(*row) for row in rows]}))
        return
    width = screen().width
    if rows:
        click.echo(_HEADER)
    for row in rows:
        click.echo(_line(*row, width=width))
    if not rows:
        click.echo(f"no run in {runs_directory()}; qbt demo makes one", err=True)


def _facts_and_boots(directory: Path) -> tuple[RunFacts, int]:
    """Read a run's facts, and how many boots it has: only what others started is counted in raw files."""
    facts, boots = read_facts(directory)
    if facts.kind is RunKind.RECORDED:
        return facts, len(load_run(directory).boots)
    return facts, sum(boot.counts for boot in boots)


def _document(directory: Path, facts: RunFacts, done: int) -> dict[str, Any]:
    return {
        "id": plain(directory.name),
        "path": plain(str(directory)),
        "created": facts.created,
        "boots": done,
        "command": facts.command,
    }


def _line(directory: Path, facts: RunFacts, done: int, *, width: int) -> str:
    boots = f"{done}/{facts.boots}" if facts.boots else str(done)
    sources, words = "+".join(facts.sources) or "none", shlex.join(facts.command) or "(recorded)"
    line = printable(_COLUMNS.format(directory.name, boots, sources, words))
    return line if len(line) <= width else f"{line[: width - 3]}..."
