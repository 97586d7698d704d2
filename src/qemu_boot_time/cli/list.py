"""``qbt list``: the runs that are kept."""

import shlex
from collections.abc import Iterator, Sequence
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

_HEADER = ("run", "boots", "sources", "command")
_LEAST = (18, 9, 9)
"""How wide the columns are at the least; the last one takes what is left."""
_ALIGNED = "<><"


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
    for line in _lines([_cells(*row) for row in rows], screen().width):
        click.echo(line)
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


def _cells(directory: Path, facts: RunFacts, done: int) -> tuple[str, ...]:
    boots = f"{done}/{facts.boots}" if facts.boots else str(done)
    sources, words = "+".join(facts.sources) or "none", shlex.join(facts.command) or "(recorded)"
    return tuple(map(printable, (directory.name, boots, sources, words)))


def _lines(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """Lay out rows below their header; a line that is too long ends in dots."""
    table = [_HEADER, *rows] if rows else []
    widths = [
        max(least, *map(len, cells))
        for least, cells in zip(_LEAST, zip(*table, strict=True), strict=False)
    ]
    for *short, command in table:
        parts = zip(short, _ALIGNED, widths, strict=True)
        line = " ".join([*(f"{cell:{side}{wide}}" for cell, side, wide in parts), command])
        yield line if len(line) <= width else f"{line[: width - 3]}..."
