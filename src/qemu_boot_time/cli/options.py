"""Options that several commands share, and what they mean."""

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.inputs import UNITS
from qemu_boot_time.model import EXEC
from qemu_boot_time.phases import PHASES, Rules
from qemu_boot_time.protocol import CUSTOM_VALUES, FINER_POINTS, RANK, Names
from qemu_boot_time.sources.base import Asked, Source
from qemu_boot_time.sources.kvm_trace import Vmm

_Function = TypeVar("_Function", bound=Callable[..., Any])
_VALUES = f"{CUSTOM_VALUES[0]} to {CUSTOM_VALUES[-1]}"
_EXIT_POINT = "Exit point "
_CONFIG_KEYS = {"marks", "phases"}
_NAMES = (*RANK, *(point.name for point in FINER_POINTS))

_OPTIONS = (
    click.option("--until", metavar="MARK", help="The mark at which a boot has got there."),
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
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="TOML with [marks] and [phases]: the same, kept in a file.",
    ),
)


def rules_options(function: _Function) -> _Function:
    """Add ``--until``, ``--mark``, ``--phase`` and ``--config``; see :func:`rules`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


unit_option = click.option(
    "--unit",
    type=click.Choice(list(UNITS)),
    default="ms",
    show_default=True,
    help="Of the numbers in a table or a list.",
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def rules(
    *, until: str | None, marks: Sequence[str], phases: Sequence[str], config: str | None
) -> Rules:
    """Check and join what the user says of marks and phases; the command line beats the file.

    Raises UsageError for a name or a value that cannot be, InputError for a bad file.
    """
    from_file = _read_config(Path(config)) if config else {}
    named = dict(from_file.get("marks", {})) | dict(_pair(word, "--mark") for word in marks)
    custom = {_value(value): _name(name) for value, name in named.items()}
    own = dict(from_file.get("phases", {})) | dict(_pair(word, "--phase") for word in phases)
    names = Names(custom)
    result = Rules(names, until, {name: _ends(name, ends) for name, ends in own.items()})
    known = {*_NAMES, *custom.values()}
    if until is not None:
        _check_mark(until, known)
    for end in (end for ends in result.phases.values() for end in ends):
        _check_mark(end, {EXEC, *known})
    return result


def vmm(comm: str | None) -> Vmm:
    """Give which programs are VMs."""
    return Vmm((comm,)) if comm else Vmm()


def asked(sources: Sequence[Source], *, kvm_console: bool) -> Asked:
    """Give what the sources are to see besides. Raises UsageError where none of them can."""
    if kvm_console and not any(source.needs_kvm for source in sources):
        names = ", ".join(source.name for source in sources)
        raise UsageError(
            f"--kvm-console: source {names} records no event of KVM",
            hint="--source perf_event, for a guest with -accel kvm",
        )
    return Asked(kvm_console=kvm_console)


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
    if not isinstance(name, str) or name in {"", EXEC, *_NAMES}:
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
        hint=f"one of {', '.join(_NAMES)}; or name your own with --mark 42={name}",
    )
