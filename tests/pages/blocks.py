"""Fenced blocks of a page, and what a reader would type of them.

A block says by its language what becomes of it: `console` holds commands, each after `$ `, with what
they print, and is run; other languages are for reading. HTML comments in the lines just before a block
say what else is to know:

    <!-- exit: 1 -->      the status of its last command (or one for each), where it is not 0
    <!-- as shown -->     run word for word: as many boots as it says
    <!-- file: NAME -->   the block is this file, for the commands of its page
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qbt_process import SOURCE

ROOT = SOURCE.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
CONSOLE = "console"
_FENCE = re.compile(r"(?P<indent> *)```+(?P<language>.*)")
_COMMENT = re.compile(r"<!-- (?P<word>exit|as shown|file)(?:: (?P<value>[^>]+))? -->")
_HEREDOC = re.compile(r"<<'(\w+)'")
_PROMPT = "$ "


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    text: str
    """As typed, of several lines where the page has so many."""
    shown: tuple[str, ...]
    """What the page says that it prints."""
    status: int
    as_shown: bool


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Of its fence, from 1."""
    language: str
    lines: tuple[str, ...]
    comments: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Name the place, as compilers do."""
        return f"{name_of(self.page)}:{self.line}"

    @property
    def commands(self) -> tuple[Command, ...]:
        """Give the commands of a `console` block; ValueError where it holds something else."""
        typed = list(_typed(self.lines, self.where))
        statuses = [int(word) for word in self.comments.get("exit", "0").split()]
        if len(statuses) == 1:
            statuses = [0] * (len(typed) - 1) + statuses
        as_shown = "as shown" in self.comments
        return tuple(
            Command(text, shown, status, as_shown)
            for (text, shown), status in zip(typed, statuses, strict=True)
        )


def name_of(page: Path) -> str:
    """Give a page's name as seen from the root."""
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def blocks(page: Path) -> tuple[Block, ...]:
    """Find the fenced blocks of a page."""
    return tuple(_blocks(page, page.read_text().splitlines()))


def commands(page: Path) -> tuple[Command, ...]:
    """Find the commands of a page, in order."""
    found = [block.commands for block in blocks(page) if block.language == CONSOLE]
    return tuple(command for of_block in found for command in of_block)


def _blocks(page: Path, lines: Sequence[str]) -> Iterator[Block]:
    comments: dict[str, str] = {}
    numbered = iter(enumerate(lines, start=1))
    for number, line in numbered:
        if fence := _FENCE.fullmatch(line):
            body = _body(fence["indent"], numbered)
            yield Block(page, number, fence["language"].strip(), body, comments)
        if comment := _COMMENT.fullmatch(line.strip()):
            comments = comments | {comment["word"]: comment["value"] or ""}
        elif line.strip():
            comments = {}


def _body(indent: str, numbered: Iterator[tuple[int, str]]) -> tuple[str, ...]:
    body = []
    for _, line in numbered:
        if line.strip() == "```":
            break
        body.append(line.removeprefix(indent))
    return tuple(body)


def _typed(lines: Sequence[str], where: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    rest = list(lines)
    if not rest or not rest[0].startswith(_PROMPT):
        raise ValueError(f"{where}: the first line of a console block is a command: '$ ...'")
    while rest:
        typed = [rest.pop(0).removeprefix(_PROMPT)]
        while not _is_whole("\n".join(typed)):
            if not rest:
                raise ValueError(f"{where}: the command has no end: {typed[0]}")
            typed.append(rest.pop(0))
        shown = []
        while rest and not rest[0].startswith(_PROMPT):
            shown.append(rest.pop(0))
        yield "\n".join(typed), tuple(shown)


def _is_whole(text: str) -> bool:
    if end := _HEREDOC.search(text):
        return text.splitlines()[-1] == end[1] and "\n" in text
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return not text.endswith("\\")
