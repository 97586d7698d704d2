"""Options that would be without effect are refused: whoever gives one believes that it does something."""

from collections.abc import Collection, Iterable

import click
from click.core import ParameterSource

from qemu_boot_time.errors import UsageError
from qemu_boot_time.inputs import brings_definitions

_OF_READING = {"comm", "until", "marks", "phases", "config", "unit"}
"""Parameters that say how what was recorded elsewhere is read."""
_OF_INSISTING = {"same_definition", "anyway"}
"""Parameters that say what may differ where two runs are compared."""
_OF_COMPARING = {
    *("inputs", "margin", "same_definition", "anyway", "unit", "as_json"),
    *("comm", "until", "marks", "phases", "config"),
    *("fail_if", "require", "budgets", "junit", "markdown", "verbose", "waterfall"),
}
"""Parameters that say what is compared, and how what was recorded is read."""


def refuse_measuring(context: click.Context) -> None:
    """Raise UsageError for options of ``qbt compare`` that say how to measure, where nothing is."""
    _refuse(
        context,
        {option.name or "" for option in context.command.params} - _OF_COMPARING,
        why="says how to measure: it goes with --a and --b",
        hint="qbt compare --help",
    )


def refuse_unit(context: click.Context) -> None:
    """Raise UsageError for ``--unit`` where all is measured now."""
    _refuse(
        context,
        {"unit"},
        why="is of tables and lists: what is measured now has its own",
        hint="leave it out",
    )


def refuse_reading(context: click.Context, inputs: Iterable[str]) -> None:
    """Raise UsageError for options of reading where all ``inputs`` bring their definitions along."""
    if all(brings_definitions(name) for name in inputs):
        _refuse(
            context,
            _OF_READING,
            why="says how recordings and tables are read: a kept run and a --json file know themselves",
            hint="leave it out; or measure again with it",
        )


def refuse_insisting(context: click.Context, formats: Iterable[str]) -> None:
    """Raise UsageError for options that insist on a comparison, where none is made; ``formats`` make one."""
    options = [f"--{name}" for name in formats]
    _refuse(
        context,
        _OF_INSISTING,
        why="is of two runs in a format that compares them",
        hint=f"leave it out, or give two runs and one of {', '.join(options)}",
    )


def _refuse(context: click.Context, names: Collection[str], *, why: str, hint: str) -> None:
    """Refuse an option on the command line whose parameter is among the names."""
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name in names:
            raise UsageError(f"{option.opts[-1]} {why}", hint=hint)
