"""Options that several commands share, and what they mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from qemu_boot_time.cli import completing
from qemu_boot_time.cli.effect import refuse_adding
from qemu_boot_time.cli.naming import VALUES, asked, rules
from qemu_boot_time.errors import UsageError
from qemu_boot_time.formats.table import UNITS
from qemu_boot_time.sources.base import Asked, Source
from qemu_boot_time.sources.vmm import Vmm
from qemu_boot_time.stats.gates import parse_margin
from qemu_boot_time.stats.verdict import Margin

Command = Callable[..., int | None]
_NOTHING_ASKED = Asked()

_ASKED_OPTIONS = (
    click.option(
        "--probe",
        "probes",
        multiple=True,
        metavar="NAME=SYMBOL",
        help="A mark where the guest's kernel first runs SYMBOL (or 0xADDRESS); TCG.",
    ),
    click.option(
        "--match",
        "matches",
        multiple=True,
        metavar="NAME=REGEX",
        help="A mark at the first line of the guest's console that holds REGEX.",
    ),
    click.option(
        "--symbols",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The guest's vmlinux, System.map or bzImage, if -kernel does not tell.",
    ),
    click.option("--count", "counted", is_flag=True, help="Count instructions beside time; TCG."),
)

_OPTIONS = (
    click.option(
        "--until",
        metavar="MARK",
        shell_complete=completing.marks,
        help="The mark at which a boot has got there.",
    ),
    click.option(
        "--mark",
        "marks",
        multiple=True,
        metavar="VALUE=NAME",
        help=f"Name a value that you write to port 0xf4 or 0xf5 ({VALUES}).",
    ),
    click.option(
        "--phase",
        "phases",
        multiple=True,
        metavar="NAME=BEGIN..END",
        help="Add a phase of your own between two marks.",
    ),
    click.option(
        "--config",
        type=click.Path(readable=False),  # who reads it says why it cannot
        metavar="FILE",
        help="TOML with [marks] and [phases]: the same, kept in a file.",
    ),
)


def rules_options(function: Command) -> Command:
    """Add ``--until``, ``--mark``, ``--phase`` and ``--config``; hand over ``rules``, made of them.

    A decorator above this one may hand ``asked`` to the command: its names are marks then too. The
    command is not called where :func:`rules` raises.
    """

    @wraps(function)
    def with_rules(
        *,
        until: str | None,
        marks: Sequence[str],
        phases: Sequence[str],
        config: str | None,
        **others: Any,
    ) -> int | None:
        asked = others.get("asked", _NOTHING_ASKED)
        found = rules(until=until, marks=marks, phases=phases, config=config, asked=asked)
        return function(rules=found, **others)

    for option in reversed(_OPTIONS):
        option(with_rules)
    return with_rules


class _Unit(click.Choice[str]):
    """Says in its error which numbers are meant: a newcomer may think of those that are shown."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in UNITS:
            known = ", ".join(UNITS)
            self.fail(f"{value!r} is no unit of the numbers that are read: {known}", param, ctx)
        return value


def asked_options(function: Command) -> Command:
    """Add what is wanted of an unchanged guest; hand over ``asked``, made of it."""

    @wraps(function)
    def with_asked(
        *,
        probes: Sequence[str],
        matches: Sequence[str],
        symbols: Path | None,
        counted: bool,
        **others: Any,
    ) -> int | None:
        found = asked(probes=probes, matches=matches, symbols=symbols, counted=counted)
        return function(asked=found, **others)

    for option in reversed(_ASKED_OPTIONS):
        option(with_asked)
    return with_asked


qemu_argument = click.argument(
    "qemu",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[--] QEMU...",
    shell_complete=completing.files,
)
unit_option = click.option(
    "--unit",
    type=_Unit(list(UNITS)),
    default="ms",
    show_default=True,
    help="Unit of the numbers read, in a table or a list (or FILE:COLUMN:UNIT). What is shown stays "
    "in ms.",
)
comm_option = click.option(
    "--comm", metavar="NAME", help="The VMM's program, if it is not QEMU (wildcards allowed)."
)
kvm_console_option = click.option(
    "--kvm-console",
    is_flag=True,
    help="Record the guest's first serial port too, byte by byte as KVM sees it (linux_start_user "
    "of an unpatched guest).",
)
_EVERY_BOOT = "Show every boot, counted from 1 (index in JSON: from 0)"
verbose_option = click.option("-v", "--verbose", is_flag=True, help=f"{_EVERY_BOOT}.")
verbose_option_of_qemu = click.option(
    "-v", "--verbose", is_flag=True, help=f"{_EVERY_BOOT}, and what is added to QEMU."
)


class _MarginType(click.ParamType[Margin]):
    """A share (``1%``) or a length of time (``2ms``)."""

    name = "margin"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Margin:
        if isinstance(value, Margin):
            return value
        try:
            found = parse_margin(value)
        except UsageError:
            found = None
        # Budgets of instructions may count them; here a number alone could mean anything.
        if found is None or value.strip()[-1:].isdecimal():
            self.fail(f"{value!r} is neither a share, as 1%, nor a length, as 2ms", param, ctx)
        return found


margin_option = click.option(
    "--margin",
    type=_MarginType(),
    default="1%",
    show_default=True,
    metavar="X%|Xms",
    help="Up to so much is the same: of what each phase takes, or of time.",
)
stats_option = click.option(
    "--stats",
    is_flag=True,
    help="Show intervals, deviations, percentiles, modes, outliers and drift of every mark and phase.",
)


def waterfall_option(function: Command) -> Command:
    """Add ``--waterfall``. The command is not called where what is added to a table is not printed."""

    @wraps(function)
    def with_table(**others: Any) -> int | None:
        refuse_adding(click.get_current_context())
        return function(**others)

    picture = "Draw where each phase lies, in characters, below the table."
    return click.option("--waterfall", is_flag=True, help=picture)(with_table)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def vmm(comm: str | None) -> Vmm:
    """Give which programs are VMs."""
    return Vmm((comm,)) if comm else Vmm()


def with_kvm_console(asked: Asked, sources: Sequence[Source], *, wanted: bool) -> Asked:
    """Ask for what guests write to their first serial port. Raises UsageError where no source can."""
    require_kvm(sources, {"--kvm-console": wanted})
    return replace(asked, kvm_console=wanted)


def require_kvm(sources: Sequence[Source], wanted: Mapping[str, bool]) -> None:
    """Raise UsageError for the first option that is wanted and of KVM's events, where no source records them."""
    option = next((option for option, is_wanted in wanted.items() if is_wanted), None)
    if option is None or any(source.needs_kvm for source in sources):
        return
    names = ", ".join(source.name for source in sources)
    raise UsageError(
        f"{option}: source {names} records no event of KVM",
        hint="--source perf_event, for a guest with -accel kvm",
    )
