"""Two sides that do not mean the same thing are refused; a user who insists is warned."""

from collections.abc import Iterable

import click

from qemu_boot_time.cli.options import Command
from qemu_boot_time.errors import InputError, QbtError, UsageError
from qemu_boot_time.model import Run
from qemu_boot_time.stats.likeness import Trouble, Unlike, impossible, unlike

SAME_DEFINITION = "--same-definition"
ANYWAY = "--anyway"
_INSIST = {
    Trouble.DEFINITION: SAME_DEFINITION,
    Trouble.SOURCE: ANYWAY,
    Trouble.HOST: ANYWAY,
    Trouble.SAMPLE: ANYWAY,
}
"""What a user says who knows better; of nothing can one insist that time is instructions."""
_MOST_TOLD = 3


def insisting_options(function: Command) -> Command:
    """Add ``--same-definition`` and ``--anyway``."""
    for option in reversed(INSISTING):
        option(function)
    return function


INSISTING = (
    click.option(
        SAME_DEFINITION,
        is_flag=True,
        help="Compare although marks, phases, columns or units are not defined alike.",
    ),
    click.option(
        ANYWAY,
        is_flag=True,
        help="Compare although hosts or sources differ, or boots are suspect; say so.",
    ),
)


def require_alike(first: Run, second: Run, *, insisted: Iterable[str]) -> tuple[str, ...]:
    """Give what to warn of: what is not alike, and is to be compared nevertheless.

    ``insisted`` are the options given. Raises UsageError where the sides do not mean the same,
    InputError where boots cannot have been so.
    """
    insisted = set(insisted)
    found = (*impossible(first, "first"), *impossible(second, "second"), *unlike(first, second))
    refused = [each for each in found if _INSIST.get(each.trouble) not in insisted]
    if refused:
        raise _refusal(refused)
    return tuple(each.what for each in found)


def _refusal(refused: list[Unlike]) -> QbtError:
    kind = InputError if refused[0].trouble is Trouble.SAMPLE else UsageError
    told = [each.what for each in refused[:_MOST_TOLD]]
    rest = len(refused) - len(told)
    what = "; ".join(told) + (f"; and {rest} more" if rest else "")
    if any(each.trouble not in _INSIST for each in refused):
        return kind(what, hint="measure both sides with the same --clock")
    options = dict.fromkeys(_INSIST[each.trouble] for each in refused)
    return kind(what, hint=f"to compare nevertheless: {' '.join(options)}")
