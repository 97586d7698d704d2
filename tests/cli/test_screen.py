"""What standard output is: as wide as a terminal, coloured on one, with the signs that it can write."""

import fcntl
import os
import pty
import re
import struct
import termios
from pathlib import Path

import pytest

from budgets import table
from qbt_process import DEADLINE_S, World
from runs import make_run

COLOUR = "\x1b["


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world with a table of six boots, and a run."""
    (tmp_path / "tmp").mkdir()
    table(tmp_path / "night.csv")
    world = World(tmp_path, tmp_path / "tmp", {"TERM": "xterm-256color"})
    make_run(tmp_path / "state/qemu-boot-time/runs/night", command=("qemu-system-x86_64", "x" * 99))
    return world


def on_terminal(world: World, columns: int, *words: str) -> str:
    """Run ``qbt`` on a terminal so wide; give what is shown."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with world.start(*words, stdout=theirs) as child:
            os.close(theirs)
            shown = _all_of(ours)
            assert 0 == child.wait(DEADLINE_S)
    finally:
        os.close(ours)
    return shown.replace("\r\n", "\n")


def _all_of(terminal: int) -> str:
    data = b""
    while True:
        try:
            data += os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return data.decode()


def plain(text: str) -> str:
    """Take the colour away."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def longest(text: str) -> int:
    """Give the length of the longest line that is no path."""
    return max(len(line) for line in plain(text).splitlines() if not line.startswith("/"))


def test_a_terminal_has_colour_and_its_own_width(world: World) -> None:
    """More columns where there is room for them: the median's interval and the deviation."""
    shown = on_terminal(world, 120, "show", "--waterfall", "night.csv")

    assert COLOUR in shown
    assert 120 == longest(shown)
    head, kernel = (
        next(line.split() for line in plain(shown).splitlines() if line.startswith(word))
        for word in ("phase (ms)", "kernel")
    )
    assert "median 95% from 95% to mean sd min max share" == " ".join(head[3:])
    numbers = ["6", "110.000", "100.000", "120.000", "110.000", "7.483", "100.000", "120.000"]
    assert numbers == kernel[1:9]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_has_what_a_pipe_has(world: World, columns: int) -> None:
    """80 columns: a table of numbers cannot be folded into less."""
    shown = on_terminal(world, columns, "show", "--waterfall", "night.csv")

    assert world.qbt("show", "--waterfall", "night.csv").stdout == plain(shown)


def test_a_pipe_has_80_columns_and_no_colour(world: World) -> None:
    """Whatever the environment says of a terminal."""
    world.env |= {"COLUMNS": "200", "FORCE_COLOR": "1"}

    done = world.qbt("show", "--waterfall", "night.csv")

    assert (80, False) == (longest(done.stdout), COLOUR in done.stdout)


@pytest.mark.parametrize(("value", "coloured"), [("1", False), ("", True)])
def test_no_color_is_respected(world: World, value: str, coloured: bool) -> None:  # noqa: FBT001  # a case
    """By any word that is not empty, on a terminal too (no-color.org)."""
    world.env |= {"NO_COLOR": value}

    shown = on_terminal(world, 100, "compare", "--waterfall", "night.csv", "night.csv")

    assert coloured is (COLOUR in shown)


def test_a_dumb_terminal_has_no_colour(world: World) -> None:
    """Nobody reads its escape sequences."""
    world.env |= {"TERM": "dumb"}

    shown = on_terminal(world, 100, "compare", "night.csv", "night.csv")

    assert COLOUR not in shown


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "█"), ("ascii", "#"), ("latin-1", "#")])
def test_pictures_are_made_of_what_the_encoding_has(world: World, encoding: str, sign: str) -> None:
    """Blocks, or number signs."""
    world.env |= {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    done = world.qbt("show", "--waterfall", "night.csv", encoding="utf-8", errors="replace")

    lines = done.stdout.splitlines()
    assert ["kernel", "total"] == [line.split()[0] for line in lines if sign * 20 in line]


def test_the_list_of_runs_is_as_wide(world: World) -> None:
    """A command is cut where the terminal ends."""
    wide, narrow = on_terminal(world, 120, "list"), world.qbt("list").stdout

    assert (120, 80) == (longest(wide), longest(narrow))


def test_a_waterfall_for_every_table(world: World) -> None:
    """Commands that print one take the option."""
    pictures = [
        world.qbt(command, "--waterfall", "night.csv").stdout for command in ("show", "analyze")
    ]

    assert pictures[0] == pictures[1]
    assert "bars go from" in pictures[0]
