"""What a person sees of a measurement that goes on."""

import sys
import time

import pytest

from qemu_boot_time.cli.progress import Board, Count, Pace
from qemu_boot_time.model import Boot, Outcome, Phase
from qemu_boot_time.phases import TOTAL

MS = 1_000_000


def boot(index: int, total_ms: int) -> Boot:
    """Give a boot that got there."""
    phase = Phase(TOTAL, "exec", "linux_start_user", 0, total_ms * MS)
    return Boot(index, 1, Outcome.REACHED, phases=(phase,))


def test_boots_are_counted_from_one(capsys: pytest.CaptureFixture[str]) -> None:
    """As in the table; so are warm-up boots, which have a count of their own."""
    board = Board(Count(2, 1), verbose=True)

    for index in (-1, 0, 1):
        board.side().ended(Boot(index, 1, Outcome.REACHED))

    assert ["warm-up 1 of 1", "boot 1 of 2", "boot 2 of 2"] == capsys.readouterr().err.splitlines()


def test_each_side_has_its_median_and_its_failures(capsys: pytest.CaptureFixture[str]) -> None:
    """By its name; a warm-up counts for neither."""
    board = Board(Count(30, 1, "pair"), ("a", "b"), verbose=True)

    board.side("b").ended(boot(-1, 900))
    board.side("a").ended(boot(0, 240))
    board.side("b").ended(boot(0, 243))
    board.side("a").ended(Boot(1, 1, Outcome.TIMEOUT))

    assert [
        "warm-up 1 of 1",
        "pair 1 of 30, a median 240.0 ms",
        "pair 1 of 30, a median 240.0 ms, b median 243.0 ms",
        "pair 2 of 30, a median 240.0 ms, 1 of a failed, b median 243.0 ms",
    ] == capsys.readouterr().err.splitlines()


def test_a_number_that_may_not_be_needed_is_an_upper_bound() -> None:
    """As with --precision."""
    assert "boot 3 of at most 1000" == Count(1000, 0, at_most=True).at(2)


def test_what_is_added_says_to_which_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there are two."""
    Board(Count(1, 0), verbose=True).side().added(("-x",))
    Board(Count(1, 0), ("a", "b"), verbose=True).side("b").added(("-y", "a b"))

    assert [
        "note: added to the command: -x",
        "note: added to the command of b: -y 'a b'",
    ] == capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("elapsed_s", "left"), [(10.0, "about 20 s left"), (300.0, "about 10 min left")]
)
def test_the_rest_takes_as_long_as_what_was(
    monkeypatch: pytest.MonkeyPatch, elapsed_s: float, left: str
) -> None:
    """A boot of the rest as long as one so far."""
    pace = Pace(boots=30, began_s=100.0, ended=10)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + elapsed_s)

    assert left == pace.left()


def test_nothing_tells_how_long_the_first_boot_takes() -> None:
    """No number is better than a wrong one."""
    pace = Pace(boots=30)
    pace.begin()

    assert "" == pace.left()


def test_a_terminal_has_one_line_that_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is left, and is gone when the table comes."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    board = Board(Count(2, 0), verbose=False)

    board.side().began(0)
    board.side().ended(boot(0, 240))
    board.side().began(1)
    board.clear()

    shown = capsys.readouterr().err.split("\r\x1b[K")
    assert ["", "boot 1 of 2", "", "boot 2 of 2, median 240.0 ms, about 0 s left", ""] == shown


def test_a_dumb_terminal_is_sent_no_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can write over no line, so it has what a pipe has."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    board = Board(Count(2, 0), verbose=False)

    board.side().began(0)
    board.side().ended(boot(0, 240))

    assert "" == capsys.readouterr().err
