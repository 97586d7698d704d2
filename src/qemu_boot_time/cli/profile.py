"""``--profile``: boots of their own whose exits are counted."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.measure.profile import check
from qemu_boot_time.vm.command import QemuCommand

_BOOTS = 3


def profile_options(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add ``--profile`` and ``--profile-boots``; hand over ``profiles``, how many boots it takes."""

    @wraps(function)
    def with_profiles(*, profile: bool, profile_boots: int | None, **rest: Any) -> int | None:
        wanted = profile or profile_boots is not None
        return function(profiles=(profile_boots or _BOOTS) if wanted else 0, **rest)

    decorated = click.option(
        "--profile-boots",
        type=WholeNumber(1),
        metavar="K",
        help=f"In so many boots ({_BOOTS}); implies --profile.",
    )(with_profiles)
    return click.option(
        "--profile",
        is_flag=True,
        help="Count the guest's exits, by phase and device, in boots that do not count; KVM.",
    )(decorated)


def checked(profiles: int, command: QemuCommand) -> int:
    """Give how many boots are for the profile. Raises as :func:`check` does."""
    if profiles:
        check(command)
    return profiles
