"""``qbt report``: runs as files that others read."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from qemu_boot_time.cli import completing, options
from qemu_boot_time.cli.alike import ANYWAY, SAME_DEFINITION, insisting_options, require_alike
from qemu_boot_time.cli.effect import refuse_insisting, refuse_reading
from qemu_boot_time.cli.files import write_all
from qemu_boot_time.cli.output import warn
from qemu_boot_time.cli.quoting import quoted
from qemu_boot_time.errors import ExitStatus, InputError, UsageError
from qemu_boot_time.host.drawing import pen
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.phases import Rules
from qemu_boot_time.report.exports import (
    FORMATS,
    Holds,
    Needs,
    Pair,
    Pairs,
    Takes,
    Totals,
    exporter,
    pair_exporter,
)
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.quantities import main_total, phase_lengths
from qemu_boot_time.store.chart_library import chart_library

_STDOUT = Path("-")
_AT_A_TIME = 3
"""Files: a page and a picture, which wait, and one that does not."""
_FILE = click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path)
_PIXELS = 2
"""A unit of the drawing: screens are that fine."""
_MAKERS: Mapping[Needs, Callable[[Collection[str]], AbstractContextManager[Callable[..., Any]]]] = {
    Needs.LIBRARY: lambda _: chart_library(),
    Needs.PEN: lambda formats: pen(scale=_PIXELS if "png" in formats else 0),
}
"""Of what is handed to the formats that are wanted; each begins at once, in a process of its own."""
_DAMAGED = "what could be read is in the files; for the rest copy the input again, whole"

_EXAMPLES = """\b
Examples:
  qbt report last --perfetto boots.pftrace     open it at ui.perfetto.dev
  qbt report last --html boots.html            charts, for any browser
  qbt report before after --html both.html     what has changed
  qbt report last --csv - | head -3
  qbt report last --folded - | flamegraph.pl --countname ns > boot.svg
  qbt report before after --hyperfine both.json --markdown both.md
  qbt report runs/* --otava history.csv
"""


def _format_options(function: options.Command) -> options.Command:
    """Add an option a format; hand over ``files``, format to file, for those that were given.

    Raises UsageError for one that is given twice: all files are written, and this would write the last.
    """

    @wraps(function)
    def with_files(**others: Any) -> int | None:
        given = {name: others.pop(name) for name in FORMATS}
        twice = next((name for name, paths in given.items() if len(paths) > 1), None)
        if twice is not None:
            raise UsageError(f"--{twice}: given twice", hint="write one file, and copy it")
        files = {name: path for name, paths in given.items() for path in paths}
        return function(files=files, **others)

    for name, form in reversed(tuple(FORMATS.items())):
        click.option(f"--{name}", type=_FILE, metavar="FILE", multiple=True, help=form.help)(
            with_files
        )
    return with_files


@click.command("report", epilog=_EXAMPLES)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completing.inputs)
@_format_options
@insisting_options
@options.unit_option
@options.comm_option
@options.rules_options
def command(
    *,
    runs: Sequence[str],
    files: Mapping[str, Path],
    same_definition: bool,
    anyway: bool,
    unit: str,
    comm: str | None,
    rules: Rules,
) -> int:
    """Write runs as files that others read: at least one FILE (- prints what is text).

    RUN is whatever `qbt show` and `qbt analyze` take: a run, `last`, a recording, a CSV, a list, a
    file that `--json` printed. All files are written, or none. Two runs are an A and a B where the format
    compares them (--html, --markdown, --svg, --png), and refused where they do not mean the same.
    """
    _check(files, runs)
    if not _compared(files, runs):
        comparing = [name for name, form in FORMATS.items() if form.pairs is Pairs.COMPARED]
        refuse_insisting(click.get_current_context(), comparing)
    how = Options(unit, rules, options.vmm(comm))
    given = {SAME_DEFINITION: same_definition, ANYWAY: anyway}
    insisted = [option for option, is_given in given.items() if is_given]
    # To bundle the library takes longer than all else, and what draws a while to start: they begin first.
    # Whoever leaves ends them before the threads that wait for them.
    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as renderers, ExitStack() as making:
        needed = {FORMATS[name].needs for name in files} & _MAKERS.keys()
        made = {need: making.enter_context(_MAKERS[need](files)) for need in needed}
        opened = list(_named(runs, [quoted(open_input(name, how)) for name in runs]))
        refuse_reading(click.get_current_context(), runs)
        _require_boots(opened)
        rendered = dict(_rendered(renderers, files, opened, insisted, made))
    _write(rendered)
    _tell_failed(opened)
    _tell_left_out(files, opened)
    for run in opened:
        if run.damage:
            raise InputError(run.damage, hint=_DAMAGED)
    return ExitStatus.DONE


# --- before anything is read ------------------------------------------------------------------


def _check(files: Mapping[str, Path], runs: Sequence[str]) -> None:
    """Raise UsageError for what can never be written."""
    if not files:
        known = ", ".join(f"--{name}" for name in FORMATS)
        raise UsageError("no file to write", hint=f"give FILE (or -) to at least one of: {known}")
    for name, path in files.items():
        if path == _STDOUT and FORMATS[name].holds is Holds.BYTES:
            raise UsageError(f"--{name} -: takes a file", hint=f"--{name} boots.{name}")
        if path != _STDOUT and not path.parent.is_dir():
            raise UsageError(f"{path}: there is no directory {path.parent}", hint="make it first")
        if FORMATS[name].takes is Takes.ONE and len(runs) > 1:
            raise UsageError(f"--{name}: one run a file", hint=f"qbt report {runs[0]} --{name} ...")
    _refuse_twice(list(files.values()), "written to twice", "give each format a file of its own")
    _refuse_twice(runs, "given twice", "name each run once")


def _compared(files: Iterable[str], runs: Sequence[object]) -> set[str]:
    """Name the formats in which these runs are an A and a B: there must be two."""
    if len(runs) != 2:  # noqa: PLR2004  # sides
        return set()
    return {name for name in files if FORMATS[name].pairs is Pairs.COMPARED}


def _refuse_twice(words: Sequence[object], trouble: str, hint: str) -> None:
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice}: {trouble}", hint=hint)


def _require_boots(runs: Sequence[Run]) -> None:
    empty = next((run for run in runs if not run.boots and not run.damage), None)
    if empty is not None:
        raise InputError(f"{printable(empty.name)}: no boot in it", hint="qbt list")


def _named(words: Sequence[str], runs: Sequence[Run]) -> Iterator[Run]:
    """Give runs whose names differ: two of one name are called what the user calls them."""
    names = [run.name for run in runs]
    for word, run in zip(words, runs, strict=True):
        yield run if names.count(run.name) == 1 else replace(run, name=word)


def _rendered(
    renderers: Executor,
    files: Mapping[str, Path],
    runs: Sequence[Run],
    insisted: Iterable[str],
    made: Mapping[Needs, Callable[..., Any]],
) -> Iterator[tuple[Path, str | bytes]]:
    """Render each file; two runs side by side where the format compares them.

    As many at a time as may wait for another process: they hold up no other file.
    """
    compared = _compared(files, runs)
    pair = None
    if compared:
        first, second = runs
        pair = Pair(first, second, require_alike(first, second, insisted=insisted))

    def render(name: str) -> str | bytes:
        need = FORMATS[name].needs
        handed = {str(need): made[need]} if need in made else {}
        if pair and name in compared:
            return pair_exporter(name, **handed)(pair)
        return exporter(name, **handed)(runs)

    yield from zip(files.values(), renderers.map(render, files), strict=True)


# --- afterwards -------------------------------------------------------------------------------


def _write(rendered: Mapping[Path, str | bytes]) -> None:
    """Write the files, then what is printed: who reads it may leave."""
    write_all((path, content) for path, content in rendered.items() if path != _STDOUT)
    if _STDOUT in rendered:
        click.echo(rendered[_STDOUT], nl=False)


def _tell_failed(runs: Sequence[Run]) -> None:
    for run in runs:
        failed = sum(not boot.ok for boot in run.boots)
        if failed:
            counted = f"{failed} of {len(run.boots)} boots failed"
            warn(f"{printable(run.name)}: {counted}, and no statistics count them")


def _tell_left_out(files: Iterable[str], runs: Sequence[Run]) -> None:
    """Say which boots that count are in a file that takes one total a run."""
    of_most = [f"--{name}" for name in files if FORMATS[name].totals is Totals.MOST]
    for run in runs if of_most else ():
        found = phase_lengths(run.boots, Clock.TIME)
        good = sum(boot.ok for boot in run.boots)
        total = main_total(found)
        if total is not None and len(found[total]) < good:
            those = f"the {len(found[total])} of {good} boots that end at {total.end}, as most do"
            warn(printable(f"{run.name}: {', '.join(of_most)} has {those}"))
