"""What the pages show: of each block it is decided whether a test runs it (tests/real/test_docs.py)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pages.blocks import CONSOLE, PAGES, Block, blocks, commands, name_of
from pages.decisions import DIRECTIVES, FOR_READING, NEED_KVM, NOT_RUN, STANDS, stand_ins

_ALL = [block for page in PAGES for block in blocks(page)]


def _page(tmp_path: Path, *lines: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text("\n".join(lines) + "\n")
    return page


def test_blocks_are_decided_about() -> None:
    """A block says by its language whether it holds commands; one without a language has no decision."""
    undecided = [
        f"{block.where}: {block.language or 'no language'}"
        for block in _ALL
        if block.language not in {CONSOLE, *FOR_READING, *DIRECTIVES}
    ]

    assert [] == undecided


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_console_blocks_hold_commands(page: Path) -> None:
    """Each `console` block begins with a command, and each command in it has an end."""
    assert all(command.text.strip() for command in commands(page))


@pytest.mark.parametrize("start", [*NOT_RUN, *NEED_KVM])
def test_each_row_of_a_table_is_of_use(start: str) -> None:
    """What is said about commands is said of commands that a page has."""
    shown = [command.text for page in PAGES for command in commands(page)]

    assert [text for text in shown if text.startswith(start)] != []


def test_each_stand_in_stands_for_something() -> None:
    """What something else is run for is what a page still writes."""
    used = {row for page in PAGES for command in commands(page) for row in stand_ins(command)}

    assert set(STANDS) == used


@pytest.mark.parametrize(
    "block", [b for b in _ALL if b.language == "python"], ids=lambda b: b.where
)
def test_python_shown_is_python(block: Block) -> None:
    """Python in a page can be parsed."""
    ast.parse("\n".join(block.lines))


@pytest.mark.parametrize("block", [b for b in _ALL if b.language == "yaml"], ids=lambda b: b.where)
def test_jobs_run_what_a_test_runs(block: Block) -> None:
    """A CI job in a page is YAML, and each `qbt` in it is a command of that page, which a test runs."""
    shown = [_words(command.text) for command in commands(block.page)]

    in_job = [_words(text) for text in _texts(yaml.safe_load("\n".join(block.lines)))]

    assert [] != [words for words in in_job if words[:1] == ["qbt"]]
    assert [] == [words for words in in_job if words[:1] == ["qbt"] and words not in shown]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _words(text: str) -> list[str]:
    return text.replace("\\\n", " ").split()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_goes_without_a_fence(page: Path) -> None:
    """A block that is only indented has no language, so nothing could be decided about it."""
    fenced = {block.line + n for block in blocks(page) for n in range(len(block.lines) + 2)}
    lines = dict(enumerate(page.read_text().splitlines(), start=1))

    indented = [
        f"{name_of(page)}:{number}"
        for number, line in lines.items()
        if number not in fenced and line.startswith("    ") and not lines[number - 1].strip()
    ]

    assert [] == indented


def test_a_command_is_read_as_a_shell_reads_it(tmp_path: Path) -> None:
    """A command goes on after a backslash, in quotes and in a here-document; the rest is what it prints."""
    page = _page(
        tmp_path,
        "```console",
        "$ one \\",
        "    --more",
        "printed",
        "",
        "$ two 'quoted",
        "still'",
        "$ cat > f <<'END'",
        "$ text",
        "END",
        "```",
    )

    found = [(command.text, command.shown) for command in commands(page)]

    expected = [
        ("one \\\n    --more", ("printed", "")),
        ("two 'quoted\nstill'", ()),
        ("cat > f <<'END'\n$ text\nEND", ()),
    ]
    assert expected == found


def test_comments_before_a_block_speak_of_it_alone(tmp_path: Path) -> None:
    """The status is the last command's, or there is one for each; the next block has nothing of it."""
    page = _page(
        tmp_path,
        "<!-- exit: 1 -->",
        "<!-- as shown -->",
        "```console",
        "$ one",
        "$ two",
        "```",
        "<!-- exit: 2 3 -->",
        "```console",
        "$ three",
        "$ four",
        "```",
        "```console",
        "$ five",
        "```",
    )

    found = [(command.status, command.as_shown) for command in commands(page)]

    expected = [(0, True), (1, True), (2, False), (3, False), (0, False)]
    assert expected == found


@pytest.mark.parametrize("lines", [("no command",), ("$ open 'quote",), ()])
def test_what_is_no_command_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """Output without a command, a command without an end and an empty block are mistakes of the page."""
    page = _page(tmp_path, "```console", *lines, "```")

    with pytest.raises(ValueError, match=r"page.md:1"):
        commands(page)
