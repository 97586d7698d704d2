"""How often to boot: a number, or until the median is known well enough."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.cli.options import Command
from qemu_boot_time.errors import UsageError
from qemu_boot_time.stats.intervals import FEWEST
from qemu_boot_time.stats.precision import Precision

_LEAST, _MOST = 20, 1000
_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?%")
_LARGEST = 100.0

_OPTIONS = (
    click.option(
        "--precision",
        "share",
        metavar="P%",
        help="Instead of -n: boot until the 95 % interval of the total's median is within +-P %.",
    ),
    click.option(
        "--min-boots",
        "least",
        type=WholeNumber(FEWEST),
        metavar="N",
        help=f"With --precision: boot so often at least.  [default: {_LEAST}]",
    ),
    click.option(
        "--max-boots",
        "most",
        type=WholeNumber(FEWEST),
        metavar="N",
        help=f"With --precision: give up after so many.  [default: {_MOST}]",
    ),
)


def how_often_options(usual: int, *, of: str = "") -> Callable[[Command], Command]:
    """Add ``-n``, ``--precision`` and its bounds; hand over ``boots`` and ``precision``.

    ``usual`` is how often without either, ``of`` what is meant where there are several. The command
    is not called where :func:`how_often` raises.
    """
    number = click.option(
        "-n",
        "--boots",
        type=WholeNumber(1),
        metavar="N",
        help=f"How often to boot{of}.  [default: {usual}]",
    )

    def decorate(function: Command) -> Command:
        @wraps(function)
        def with_boots(
            *,
            boots: int | None,
            share: str | None,
            least: int | None,
            most: int | None,
            **others: Any,
        ) -> int | None:
            asked, precision = how_often(boots=boots, share=share, least=least, most=most)
            return function(boots=asked or usual, precision=precision, **others)

        for option in reversed((number, *_OPTIONS)):
            option(with_boots)
        return with_boots

    return decorate


def how_often(
    *, boots: int | None, share: str | None, least: int | None, most: int | None
) -> tuple[int | None, Precision | None]:
    """Give how often to boot (at most), and the precision that ends it; None: not said, and none does.

    Raises UsageError for a share that is none, and for what does not go together.
    """
    if share is None:
        if least is not None or most is not None:
            name = "--min-boots" if least is not None else "--max-boots"
            raise UsageError(f"{name} goes with --precision", hint="-n 20, or --precision 1%")
        return boots, None
    if boots is not None:
        raise UsageError(
            "-n and --precision: either says how often to boot",
            hint="--max-boots bounds what --precision takes",
        )
    least, most = _bounds(least, most)
    return most, Precision(_share(share), least=least, most=most)


def _bounds(least: int | None, most: int | None) -> tuple[int, int]:
    """Give both; one that is not given makes way for the other."""
    most = max(_MOST, least or 0) if most is None else most
    least = min(_LEAST, most) if least is None else least
    if least > most:
        raise UsageError(
            f"--min-boots {least} is more than --max-boots {most}", hint="raise --max-boots"
        )
    return least, most


def _share(text: str) -> float:
    percent = _PERCENT.fullmatch(text)
    value = float(percent[1]) if percent else 0.0
    if not 0 < value <= _LARGEST:
        raise UsageError(
            f"--precision {text!r}: not a share of the median", hint="--precision 1%, 0.5%"
        )
    return value / 100
