#!/usr/bin/env python3
"""Write a man page for each command, from what ``--help`` is made of.

Usage: tools/man_pages.py [DIRECTORY]        (build/man)

click-man has no place for examples and exit statuses, escapes no line that begins with a dot, and does
not see commands that are imported when they are run.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from qemu_boot_time import __version__
from qemu_boot_time.cli.main import qbt

_SECTION = re.compile(r"(Examples|Exit status):\s*(.*)", re.DOTALL)
_ESCAPES = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
"""Signs that roff would obey, or show as others than those that a shell takes."""
_AS_IT_IS = "\b\n"
"""What click has before a paragraph that is not to be filled."""


def pages(command: click.Command = qbt, context: click.Context | None = None) -> dict[str, str]:
    """Give a command's page and those of its own commands: file name to roff."""
    own = command.make_context(
        command.name if context else "qbt", [], parent=context, resilient_parsing=True
    )
    found = {f"{_name(own)}.1": "\n".join(_page(own)) + "\n"}
    for below in _below(own):
        found |= pages(below, own)
    return found


def _below(context: click.Context) -> list[click.Command]:
    group = context.command
    if not isinstance(group, click.Group):
        return []
    commands = (group.get_command(context, name) for name in group.list_commands(context))
    return [command for command in commands if command is not None and not command.hidden]


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _page(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f'.TH "{_name(context).upper()}" 1 "{_date()}" "qemu-boot-time {__version__}" "User Commands"'
    yield from (".SH NAME", rf"{_escaped(_name(context))} \- {_escaped(_in_short(command))}")
    words = " ".join(command.collect_usage_pieces(context))
    yield from (".SH SYNOPSIS", rf"\fB{_escaped(context.command_path)}\fR {_escaped(words)}")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(cleandoc(command.help or ""))
    yield from _options(context)
    yield from _commands(context)
    yield from _sections(command.epilog or "")
    yield from _see_also(context)


def _date() -> str:
    """Give today, or what a build that is to be the same each time says (SOURCE_DATE_EPOCH)."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return time.strftime("%Y-%m-%d", time.gmtime(epoch))


def _in_short(command: click.Command) -> str:
    """Give the first sentence of the help."""
    first = " ".join(cleandoc(command.help or "").split("\n\n")[0].split())
    return re.split(r"[.:;] ", first)[0].removesuffix(".")


def _options(context: click.Context) -> Iterator[str]:
    yield ".SH OPTIONS"
    for option in context.command.get_params(context):
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None:
            switches, text = record
            yield from (".TP", _bold(_escaped(switches)), _line(text))


def _commands(context: click.Context) -> Iterator[str]:
    below = _below(context)
    if below:
        yield ".SH COMMANDS"
    for command in below:
        page = f"{_name(context)}-{command.name}"
        yield from (".TP", rf"\fB{_escaped(page)}\fR(1)", _line(f"{_in_short(command)}."))


def _see_also(context: click.Context) -> Iterator[str]:
    parent = context.parent
    if parent is not None:
        yield from (".SH SEE ALSO", rf"\fB{_escaped(_name(parent))}\fR(1)")


# --- text -------------------------------------------------------------------------------------


def _sections(epilog: str) -> Iterator[str]:
    """Give the examples and the exit statuses a heading of their own."""
    for paragraph in cleandoc(epilog).split("\n\n"):
        found = _SECTION.match(paragraph.removeprefix(_AS_IT_IS))
        if found is None:
            yield from _paragraphs(paragraph)
            continue
        heading, text = found.groups()
        yield f".SH {heading.upper()}"
        yield from _paragraphs(_AS_IT_IS * paragraph.startswith(_AS_IT_IS) + text)


def _paragraphs(text: str) -> Iterator[str]:
    for i, paragraph in enumerate(filter(None, text.split("\n\n"))):
        yield from [".PP"] if i else []
        if not paragraph.startswith(_AS_IT_IS):
            yield _line(paragraph)
            continue
        lines = cleandoc(paragraph.removeprefix(_AS_IT_IS)).splitlines()
        yield from (".EX", *map(_escaped, lines), ".EE")


def _line(text: str) -> str:
    """Give text that is filled as one line; what it names as code is bold."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    shown = [
        rf"\fB{_escaped(part)}\fR" if i % 2 else part.translate(_ESCAPES)
        for i, part in enumerate(parts)
    ]
    return _no_request("".join(shown))


def _escaped(text: str) -> str:
    return _no_request(text.translate(_ESCAPES))


def _no_request(line: str) -> str:
    """Have no line taken for a request: those begin with a dot or an apostrophe."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _bold(switches: str) -> str:
    r"""Make bold what is typed as it is: ``\-n``, ``\-\-boots``."""
    return re.sub(r"(?<!\S)((?:\\-){1,2}[\w\\-]+)", r"\\fB\1\\fR", switches)


def main(directory: str = "build/man") -> None:
    """Write the pages."""
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (target / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
