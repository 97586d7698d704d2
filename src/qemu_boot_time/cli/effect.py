"""Options that would be without effect are refused: whoever gives one believes that it does something."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from qemu_boot_time.errors import UsageError
from qemu_boot_time.inputs import Told, told_of_all

_OF_READING: Mapping[Told, Collection[str]] = {
    Told.VMM: {"comm"},
    Told.RULES: {"until", "marks", "phases", "config"},
    Told.UNIT: {"unit"},
}
"""Parameters that say how what was recorded elsewhere is read."""
_KNOWN = (
    "says how recordings and tables are read: kept runs, --json files and FILE:COLUMN:UNIT say it",
    "leave it out; or measure again with it",
)
_NOT_TOLD = {
    Told.VMM: ("is of recordings: tables and lists name no program", "leave it out"),
    Told.RULES: (
        "is of marks: a list of totals has none",
        "leave it out; or give a table of marks",
    ),
    Told.UNIT: ("is of tables and lists: recordings have their own", "leave it out"),
}
"""Why an option has no effect on what is read, and what to do."""
_OF_INSISTING = {"same_definition", "anyway"}
"""Parameters that say what may differ where two runs are compared."""
_OF_SEEING = {
    *("kvm_console", "scope", "comm", "clock"),
    *("probes", "matches", "symbols", "counted"),
    *("marks", "phases", "config"),
}
"""Parameters that say what sources see, and what that is called."""
_OF_THE_TABLE = {"stats", "waterfall", "timeline", "boot"}
"""Parameters that add something to what a person reads."""
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
    """Raise UsageError for options of reading that none of the ``inputs`` is read by."""
    given = {each for each, names in _OF_READING.items() if _given(context, names)}
    told = told_of_all(inputs) if given else frozenset(Told)
    for each in (each for each in Told if each in given - told):
        why, hint = _NOT_TOLD[each] if told else _KNOWN
        _refuse(context, _OF_READING[each], why=why, hint=hint)


def refuse_seeing(context: click.Context) -> None:
    """Raise UsageError for options of ``qbt overhead`` that say what sources see, where there are none."""
    _refuse(
        context,
        _OF_SEEING,
        why="says what sources see, and --observer runs in their place",
        hint="leave one of them out",
    )


def refuse_settling(context: click.Context) -> None:
    """Raise UsageError for ``--settle`` where nothing has to get going."""
    _refuse(
        context,
        {"settle_s"},
        why="is the time of an --observer to get going: sources are ready when a boot begins",
        hint="add --observer CMD, or leave it out",
    )


def refuse_adding(context: click.Context) -> None:
    """Raise UsageError for what would be added to a table that is not printed: another document is."""
    if context.params.get("markdown") == Path("-"):
        _refuse(
            context,
            _OF_THE_TABLE,
            why="is of the table, and --markdown - prints in its place",
            hint="--markdown qbt.md",
        )
    if context.params.get("as_json"):
        _refuse(
            context,
            {"waterfall"},
            why="draws a picture, and --json prints numbers",
            hint="leave one of them out",
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
    for option in _given(context, names):
        raise UsageError(f"{option.opts[-1]} {why}", hint=hint)


def _given(context: click.Context, names: Collection[str]) -> list[click.Parameter]:
    """Give the options on the command line whose parameters are among the names."""
    return [
        option
        for option in context.command.params
        if option.name in names
        and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    ]
