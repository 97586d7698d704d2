"""``--timeline`` and ``--boot``: one boot on one clock, below the table of any run."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.cli.output import TimelineOf


def timeline_options(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add both; hand over ``timeline``, whose it is, or None where nobody asks for any."""

    @wraps(function)
    def with_timeline(*, timeline: bool, boot: int | None, **rest: Any) -> int | None:
        wanted = TimelineOf(boot) if timeline or boot is not None else None
        return function(timeline=wanted, **rest)

    decorated = click.option(
        "--boot",
        type=WholeNumber(min=1),
        metavar="N",
        help="The boot to show so; implies --timeline. Without it the one nearest to the median total.",
    )(with_timeline)
    return click.option(
        "--timeline", is_flag=True, help="Show one boot on one clock: all that was seen of it."
    )(decorated)
