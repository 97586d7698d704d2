"""What a shell may complete a word to: kept runs, marks, files. Wrong guesses are no errors here."""

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from qemu_boot_time.errors import HostError

_FILES = "file"
"""click's word for what a shell finds itself."""

Items = list[CompletionItem[str]]


def files(context: click.Context, option: click.Parameter, incomplete: str) -> Items:
    """Leave it to the shell, as in the words of the user's own command."""
    del context, option
    return [CompletionItem(incomplete, type=_FILES)]


def inputs(context: click.Context, option: click.Parameter, incomplete: str) -> Items:
    """Give the kept runs, the newest first, and whatever file there is: a recording, a table."""
    from qemu_boot_time.store.directories import all_runs

    try:
        names = [run.name for run in reversed(all_runs())]
    except HostError:  # a user without a home has no runs
        names = []
    kept = _beginning(["last", *names] if names else [], incomplete)
    return [*files(context, option, incomplete), *kept]


def marks(context: click.Context, option: click.Parameter, incomplete: str) -> Items:
    """Give the marks that there are; the user's own are nobody's to know here."""
    del context, option
    from qemu_boot_time.protocol import CONSOLE_POINTS, FINER_POINTS, TRACE_POINTS

    points = (*TRACE_POINTS, *FINER_POINTS, *CONSOLE_POINTS)
    return _beginning((point.name for point in points), incomplete)


def _beginning(words: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]
