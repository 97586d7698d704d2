"""What the user calls marks and phases, on the command line and in a file: checked, and joined."""

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qemu_boot_time.errors import InputError, UsageError, readable
from qemu_boot_time.model import EXEC
from qemu_boot_time.phases import PHASES, UNACCOUNTED, Rules
from qemu_boot_time.protocol import CONSOLE_POINTS, CUSTOM_VALUES, FINER_POINTS, RANK, Names
from qemu_boot_time.sources.base import Asked

VALUES = f"{CUSTOM_VALUES[0]} to {CUSTOM_VALUES[-1]}"
"""What a user may write to the ports, in words."""
_EXIT_POINT = "Exit point "
_TAKEN = (*RANK, *(point.name for point in (*FINER_POINTS, *CONSOLE_POINTS)))
"""The names of the marks that there are."""
_TAKEN_OF_PHASES = {EXEC, UNACCOUNTED, *PHASES}
_NOTHING_ASKED = Asked()
_CONFIG_KEYS = {"marks", "phases"}


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
    custom = _named(from_file.get("marks", {}).items())
    custom |= _named(_pair(word, "--mark") for word in marks)
    _refuse_twice(custom.values(), "two values are called so")
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


def _read_config(file: Path) -> Mapping[str, Mapping[Any, Any]]:
    try:
        with readable(file):
            content = tomllib.loads(file.read_text(encoding="utf-8"))
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


def _named(pairs: Iterable[tuple[Any, Any]]) -> dict[int, str]:
    """Give the user's names by their values. Raises UsageError where one value has two."""
    found = [(_value(value), _name(name)) for value, name in pairs]
    _refuse_twice([value for value, _ in found], "is named twice")
    return dict(found)


def _refuse_twice(words: Iterable[object], trouble: str) -> None:
    twice = next((word for word, times in Counter(words).items() if times > 1), None)
    if twice is not None:
        raise UsageError(f"mark {twice!r}: {trouble}", hint="--mark 42=ready --mark 43=done")


def _value(text: Any) -> int:
    try:
        value = int(str(text), 0)
    except ValueError:
        value = -1
    if value not in CUSTOM_VALUES:
        raise UsageError(
            f"mark {text!r}: not a number from {VALUES}",
            hint="the values below are the protocol's own",
        )
    return value


def _name(name: Any) -> str:
    if not isinstance(name, str) or name in {"", EXEC, *_TAKEN}:
        raise UsageError(f"mark {name!r}: no name for a mark of your own", hint="--mark 42=ready")
    return name


def _ends(name: str, ends: Any) -> tuple[str, str]:
    if name in _TAKEN_OF_PHASES:
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
