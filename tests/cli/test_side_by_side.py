"""Two commands measured in turn: what is kept and told where it does not come to its end."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qemu_boot_time.cli import side_by_side
from qemu_boot_time.cli.progress import Board, Count
from qemu_boot_time.errors import BootError
from qemu_boot_time.measure import Plan, Side
from qemu_boot_time.phases import Rules
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.vm.command import parse
from runs import boot_facts, run_facts

SEED = 1
Ends = Callable[..., None]


def interrupted(sides: Sequence[Side], *, seed: int) -> None:
    """Press Ctrl-C while the sources are armed."""
    del sides, seed
    raise KeyboardInterrupt


def interrupted_later(sides: Sequence[Side], *, seed: int) -> None:
    """Press it after the first boot of the first side."""
    del seed
    sides[0].writer.append(boot_facts(0))
    raise KeyboardInterrupt


def unprepared(sides: Sequence[Side], *, seed: int) -> None:
    """Fail before the first boot."""
    del sides, seed
    raise BootError("--prepare 'false'")


def measure(
    monkeypatch: pytest.MonkeyPatch, directory: Path, ends: Ends, *, is_users: bool = False
) -> list[Path]:
    """Measure two sides into a directory until it ends so; give what is left in it."""
    if is_users:
        directory.mkdir()
    monkeypatch.setattr(side_by_side, "measure_interleaved", ends)
    writers = [RunWriter.begin(directory / side, run_facts()) for side in "ab"]
    plan = Plan(parse(["qemu"]), 2, Rules(), ())
    board = Board(Count(2, 0, "pair"), ("a", "b"), verbose=False)
    sides = [
        Side(plan, writer, board.side(side)) for side, writer in zip("ab", writers, strict=True)
    ]
    labels = side_by_side.Labels(("a", "b"), (), "qbt compare {} {}")
    with pytest.raises((KeyboardInterrupt, BootError)):
        side_by_side._measure(sides, board, SEED, labels, ours=None if is_users else directory)
    return sorted(directory.iterdir()) if directory.exists() else [Path("none")]


@pytest.mark.parametrize("ends", [interrupted, unprepared])
@pytest.mark.parametrize(("is_users", "left"), [(True, []), (False, [Path("none")])])
def test_what_has_no_boot_is_not_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends: Ends,
    is_users: bool,  # noqa: FBT001  # pytest's way
    left: list[Path],
) -> None:
    """Two empty runs would be the last ones; a directory that was there before stays."""
    assert left == measure(monkeypatch, tmp_path / "out", ends, is_users=is_users)


def test_what_is_kept_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the directory is called."""
    directory = tmp_path / "it's new"

    left = measure(monkeypatch, directory, interrupted_later)

    command = capsys.readouterr().err.strip().rpartition(": ")[2]
    assert [directory / "a", directory / "b"] == left
    assert ["qbt", "compare", *map(str, left)] == shlex.split(command)
