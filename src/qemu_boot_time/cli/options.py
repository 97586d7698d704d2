"""Options that several commands share, and what they mean."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any

import click

from qemu_boot_time.cli import completing
from qemu_boot_time.cli.effect import refuse_adding
from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.formats.table import UNITS
from qemu_boot_time.model import EXEC
from qemu_boot_time.phases import PHASES, Rules
from qemu_boot_time.protocol import CONSOLE_POINTS, CUSTOM_VALUES, FINER_POINTS, RANK, Names
from qemu_boot_time.sources.base import Asked, Source
from qemu_boot_time.sources.kvm_trace import Vmm
from qemu_boot_time.stats.gates import parse_margin
from qemu_boot_time.stats.verdict import Margin

Command = Callable[..., int | None]
_VALUES = f"{CUSTOM_VALUES[0]} to {CUSTOM_VALUES[-1]}"
_EXIT_POINT = "Exit point "
_TAKEN = (*RANK, *(point.name for point in (*FINER_POINTS, *CONSOLE_POINTS)))
"""The names of the marks that there are."""
_NOTHING_ASKED = Asked()
_CONFIG_KEYS = {"marks", "phases"}

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
        help=f"Name a value that you write to port 0xf4 or 0xf5 ({_VALUES}).",
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


def rules(
    *,
    until: str | None,
    marks: Sequence[str],
    phases: Sequence[str],
    config: str | None,
    asked: Asked = _NOTHING_ASKED,
) -> Rules:
    """Check and join what the user says of marks and phases; the command line beats the file.

    What is ``asked`` of the sources has names too.
    Raises UsageError for a name or a value that cannot be, InputError for a bad file.
    """
    from_file = _read_config(Path(config)) if config else {}
    named = dict(from_file.get("marks", {})) | dict(_pair(word, "--mark") for word in marks)
    custom = {_value(value): _name(name) for value, name in named.items()}
    parts = dict(from_file.get("phases", {})) | dict(_pair(word, "--phase") for word in phases)
    names = Names(custom, asked.names)
    result = Rules(names, until, {name: _ends(name, ends) for name, ends in parts.items()})
    known = {*_TAKEN, *custom.values(), *asked.names}
    if until is not None:
        _check_mark(until, known)
    for end in (end for ends in result.phases.values() for end in ends):
        _check_mark(end, {EXEC, *known})
    return result


def asked(
    *, probes: Sequence[str], matches: Sequence[str], symbols: Path | None, counted: bool
) -> Asked:
    """Check what the user wants to see of an unchanged guest.

    Raises UsageError for a name that is taken, and for what is no regular expression.
    """
    found: dict[str, dict[str, str]] = {"--probe": {}, "--match": {}}
    for option, words in (("--probe", probes), ("--match", matches)):
        for name, what in (_pair(word, option) for word in words):
            if name in {EXEC, *_TAKEN, *found["--probe"], *found["--match"]}:
                raise UsageError(
                    f"{option} {name}: the name is taken", hint=f"{option} my_{name}={what!r}"
                )
            found[option][name] = what
    for name, regex in found["--match"].items():
        _check_regex(name, regex)
    return Asked(found["--probe"], found["--match"], symbols=symbols, counted=counted)


def _check_regex(name: str, regex: str) -> None:
    try:
        re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--match {name}: {regex!r} is no regular expression: {error}",
            hint=r"a backslash makes ( [ * + ? plain: --match up='\[up\]'",
        ) from error


def require_text(word: str, what: str) -> None:
    """Raise UsageError for what ``run.json`` cannot hold: words may be of any bytes."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{what}: no UTF-8, so no run can keep it", hint="give it another name"
        ) from error


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


def _read_config(file: Path) -> Mapping[str, Mapping[Any, Any]]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {error}") from error
    for key, value in content.items():
        if key not in _CONFIG_KEYS or not isinstance(value, dict):
            raise InputError(f"{file}: {key}: not known", hint="tables: [marks] and [phases]")
    return content


def _pair(word: str, option: str) -> tuple[str, str]:
    require_text(word, f"{option} {word!r}")
    key, equals, value = word.partition("=")
    if not (key and equals and value):
        raise UsageError(f"{option} {word!r}: two things joined by '='", hint="qbt run --help")
    return key, value


def _value(text: Any) -> int:
    try:
        value = int(str(text), 0)
    except ValueError:
        value = -1
    if value not in CUSTOM_VALUES:
        raise UsageError(
            f"mark {text!r}: not a number from {_VALUES}",
            hint="the values below are the protocol's own",
        )
    return value


def _name(name: Any) -> str:
    if not isinstance(name, str) or name in {"", EXEC, *_TAKEN}:
        raise UsageError(f"mark {name!r}: no name for a mark of your own", hint="--mark 42=ready")
    return name


def _ends(name: str, ends: Any) -> tuple[str, str]:
    if name in PHASES:
        raise UsageError(f"phase {name!r}: the name is taken", hint="give it one of your own")
    parts = ends.split("..") if isinstance(ends, str) else ends if isinstance(ends, list) else []
    if len(parts) != 2 or not all(isinstance(part, str) and part for part in parts):  # noqa: PLR2004  # two ends
        raise UsageError(f"phase {name!r}: not BEGIN..END", hint="--phase net=linux_start_user..up")
    return parts[0], parts[1]


def _check_mark(name: str, known: Collection[str]) -> None:
    if name in known or name.startswith(_EXIT_POINT):
        return
    near = get_close_matches(name, known, n=1)
    raise UsageError(
        f"no mark is called {name!r}" + (f": {near[0]}?" if near else ""),
        hint=f"one of {', '.join(_TAKEN)}; or name your own with --mark 42={name}",
    )
