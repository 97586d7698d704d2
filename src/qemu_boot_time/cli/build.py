"""``qbt build``: instrumented pieces from the distribution's sources, or from the user's own."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.cli.output import note, redraws
from qemu_boot_time.errors import ProgramError
from qemu_boot_time.guest import builds
from qemu_boot_time.guest.builds import BuildOptions, Built, Piece

_CLEAR = "\r\x1b[K"
_LAST_LINES = 15
_USE = {
    Piece.SEABIOS: "-bios {}/bios-256k.bin",
    Piece.QBOOT: "-M microvm,acpi=off -bios {}/qboot.bin",
    Piece.OPTIONROM: "-L {}",
    Piece.LINUX: "-kernel {0}/bzImage (by PVH: {0}/vmlinux)",
}
_EXAMPLES = """\b
Examples:
  qbt build seabios                     bios-256k.bin, for -bios FILE
  qbt build optionrom                   the option ROMs, for -L DIR
  qbt build qboot                       qboot.bin, for -M microvm -bios FILE
  qbt build linux --suite trixie        bzImage and vmlinux of another suite
  qbt build linux --source ~/src/linux  of a tree of your own
  qemu-system-x86_64 -bios $(qbt build seabios) ...
"""


@click.command("build", epilog=_EXAMPLES)
@click.argument("piece", type=click.Choice([piece.value for piece in Piece]))
@click.option("--suite", metavar="NAME", help="Of the distribution; default: this host's.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Build from this tree in place of the distribution's source; it is copied.",
)
@click.option("-j", "--jobs", type=WholeNumber(min=1), help="Compilers at a time.")
@options.json_option
@click.option("-v", "--verbose", is_flag=True, help="A line for every stage, and the whole story.")
def command(
    *,
    piece: str,
    suite: str | None,
    source: Path | None,
    jobs: int | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Build PIECE with its trace points on, and print the paths of what was made.

    What was built before from the same source, patch, configuration and compiler is found again.
    """
    if suite and source:
        raise click.UsageError("--suite and --source are two sources: give one")
    stages = Stages(verbose=verbose)
    try:
        built = builds.build(Piece(piece), BuildOptions(suite, source, jobs or 0), stages.show)
    except ProgramError as error:
        stages.end()
        if sys.stderr.isatty() or verbose:
            click.echo("\n".join(error.output.splitlines()[-_LAST_LINES:]), err=True)
        raise
    stages.end()
    _print(built, as_json=as_json)


class Stages:
    """Shows how far a build is, on standard error.

    On a terminal that is one line that changes. Elsewhere it is the first stage alone, or with
    ``verbose`` a line for every stage.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._lives = redraws() and not verbose
        self._verbose = verbose
        self._stage = ""
        self._since_s = time.monotonic()

    def show(self, stage: str) -> None:
        """Take the name of the stage under way, as often as anybody likes to say it."""
        begins = stage != self._stage
        if begins and (self._verbose or not self._stage) and not self._lives:
            click.echo(f"{stage} ...", err=True)
        if begins:
            self._stage, self._since_s = stage, time.monotonic()
        if self._lives:
            elapsed_s = time.monotonic() - self._since_s
            click.echo(f"{_CLEAR}{stage} ... {elapsed_s:.0f} s", err=True, nl=False)

    def end(self) -> None:
        """Leave the terminal's line clean."""
        if self._lives:
            click.echo(_CLEAR, err=True, nl=False)


def _print(built: Built, *, as_json: bool) -> None:
    made = built.built_from
    if as_json:
        document = {
            "schema": 1,
            "piece": built.piece.value,
            "directory": str(built.directory),
            "files": {name: str(path) for name, path in built.files.items()},
            "built_from": asdict(made),
        }
        click.echo(json.dumps(document, indent=2))
        return
    for path in built.files.values():
        click.echo(path)
    suite = f" of {made.suite}" if made.suite else ""
    note(f"built from {made.source} {made.version}{suite} with {made.compiler}")
    note(f"hashes of all that went in: {built.directory / 'built-from.json'}")
    note(f"use it: qemu-system-x86_64 {_USE[built.piece].format(built.directory)}")
