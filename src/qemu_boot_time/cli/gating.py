"""Budgets on the command line: which there are, and what they are judged against.

What a run comes to is :mod:`qemu_boot_time.cli.judging`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from qemu_boot_time.cli import completing
from qemu_boot_time.cli.alike import ANYWAY, INSISTING, SAME_DEFINITION
from qemu_boot_time.cli.files import require_writable
from qemu_boot_time.cli.options import Command
from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.formats.budgets import BudgetsFile, read_budgets
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Run
from qemu_boot_time.stats.gates import (
    Gate,
    Kind,
    Motion,
    parse_gate,
)

_STDOUT = Path("-")
_OPTIONS_OF_KIND = {Kind.FAIL_IF: "--fail-if", Kind.REQUIRE: "--require"}


@dataclass(frozen=True, slots=True)
class Gating:
    """What a run must keep to, and where it is told besides the table."""

    gates: tuple[Gate, ...] = ()
    baseline: str = ""
    """What "slower than" compares with, as :func:`qemu_boot_time.inputs.open_input` takes it."""
    insisted: tuple[str, ...] = ()
    """Which refusals of a baseline are warnings: ``--same-definition``, ``--anyway``."""
    junit: Path | None = None
    markdown: Path | None = None
    """``-``: standard output, in place of the table."""
    opened: Run | None = None
    """The baseline, opened."""

    @property
    def compares(self) -> tuple[Gate, ...]:
        """The budgets that ask how far the run lies from the baseline."""
        return tuple(gate for gate in self.gates if isinstance(gate.condition, Motion))

    @property
    def prints_markdown(self) -> bool:
        """Whether the Markdown takes the place of the table."""
        return self.markdown == _STDOUT


NO_GATES = Gating()

# --- options ----------------------------------------------------------------------------------

_FILE = click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path)
_GATES = (
    click.option(
        "--fail-if",
        "fail_if",
        multiple=True,
        metavar="COND",
        help="Exit with 1 where it is so: 'kernel.p95 > 120ms', 'total slower than 2%'.",
    ),
    click.option(
        "--require",
        multiple=True,
        metavar="COND",
        help="Exit with 1 where it is not so: 'kernel.instructions <= 160_000_000'.",
    ),
    click.option(
        "--budgets",
        type=click.Path(readable=False, path_type=Path),  # who reads it says why it cannot
        metavar="FILE",
        help="TOML with fail_if, require and baseline: the same, kept in a file.",
    ),
)
_BASELINE = click.option(
    "--baseline",
    metavar="INPUT",
    shell_complete=completing.inputs,
    help="What 'slower than' compares with: a run, a --json file...",
)
_REPORTS = (
    click.option("--junit", type=_FILE, metavar="FILE", help="Write JUnit XML for a CI system."),
    click.option(
        "--markdown",
        type=_FILE,
        metavar="FILE",
        help="Write a comment for a pull request (- prints it in place of the table).",
    ),
)


def gate_options(function: Command) -> Command:
    """Add the options of budgets and their baseline; hand over ``gating``, made of them.

    The command is not called where :func:`gating_of` raises, and where somebody insists on a comparison
    that no budget asks for.
    """

    @wraps(function)
    def with_insisting(
        *, same_definition: bool, anyway: bool, gating: Gating, **others: Any
    ) -> int | None:
        given = {SAME_DEFINITION: same_definition, ANYWAY: anyway}
        insisted = tuple(option for option, is_given in given.items() if is_given)
        if insisted and not gating.compares:
            raise UsageError(
                f"{insisted[0]}: nothing is compared",
                hint="--baseline RUN --fail-if 'total slower than 2%'",
            )
        return function(gating=replace(gating, insisted=insisted), **others)

    return _with_options(with_insisting, (*_GATES, _BASELINE, *INSISTING, *_REPORTS))


def gate_options_of_two_sides(function: Command) -> Command:
    """Add the same to a command that has two sides: the first one is the baseline."""
    return _with_options(function, (*_GATES, *_REPORTS))


def _with_options(function: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    @wraps(function)
    def with_gating(
        *,
        fail_if: Sequence[str],
        require: Sequence[str],
        budgets: Path | None,
        junit: Path | None,
        markdown: Path | None,
        baseline: str | None = None,
        **others: Any,
    ) -> int | None:
        found = gating_of(fail_if=fail_if, require=require, budgets=budgets, baseline=baseline)
        found = replace(found, junit=junit, markdown=markdown)
        _check_reports(found, as_json=bool(others.get("as_json")))
        return function(gating=found, **others)

    for option in reversed(options):
        option(with_gating)
    return with_gating


def _check_reports(gating: Gating, *, as_json: bool) -> None:
    reports = {"--junit": gating.junit, "--markdown": gating.markdown}
    for option, path in reports.items():
        if path is None or path == _STDOUT:
            continue
        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no directory {path.parent}", hint="make it first")
        require_writable(path, option=option)
    if gating.junit and gating.markdown and gating.junit.resolve() == gating.markdown.resolve():
        raise UsageError(
            f"{gating.junit}: written to twice", hint="give each format a file of its own"
        )
    if gating.junit == _STDOUT:
        raise UsageError("--junit -: takes a file", hint="--junit qbt.xml")
    if as_json and gating.prints_markdown:
        raise UsageError("--markdown -: --json prints already", hint="--markdown qbt.md")


def gating_of(
    *,
    fail_if: Sequence[str] = (),
    require: Sequence[str] = (),
    budgets: Path | None = None,
    baseline: str | None = None,
) -> Gating:
    """Read conditions; a baseline of its own beats the file's.

    Raises UsageError for a condition that cannot be read, and for a baseline that none asks for;
    InputError for a bad file.
    """
    given = {Kind.FAIL_IF: fail_if, Kind.REQUIRE: require}
    gates = [_parsed(kind, text, _OPTIONS_OF_KIND[kind]) for kind in Kind for text in given[kind]]
    found = Gating(tuple(gates), baseline or "")
    if budgets is not None:
        file = read_budgets(budgets)
        beside = str(budgets.parent / file.baseline) if file.baseline else ""
        gates += _gates_of_file(budgets, file)
        found = Gating(tuple(gates), baseline or beside)
    if baseline and not found.compares:
        raise UsageError(
            f"--baseline {baseline}: no budget compares with it",
            hint="--fail-if 'total slower than 2%'",
        )
    return found


def _parsed(kind: Kind, text: str, where: str) -> Gate:
    try:
        return parse_gate(kind, text)
    except UsageError as error:
        raise UsageError(f"{where} {error.what}", hint=error.hint) from error


def _gates_of_file(path: Path, file: BudgetsFile) -> list[Gate]:
    given = {Kind.FAIL_IF: file.fail_if, Kind.REQUIRE: file.require}
    try:
        return [_parsed(kind, text, kind) for kind in Kind for text in given[kind]]
    except UsageError as error:
        raise InputError(f"{path}: {error.what}", hint=error.hint) from error


def opened(gating: Gating, options: Options) -> Gating:
    """Open the baseline. Raises UsageError for what can never be judged, InputError for a bad file."""
    if not gating.compares:
        return gating
    if not gating.baseline:
        raise UsageError(
            f"{gating.compares[0].words!r}: there is no baseline",
            hint="--baseline RUN, or a --json file",
        )
    return replace(gating, opened=open_input(gating.baseline, options))
