"""Two commands measured now, in turn: a run of each is kept, and whoever asked compares them."""

import contextlib
import secrets
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from qemu_boot_time.cli.keeping import telling_what_is_kept
from qemu_boot_time.cli.measuring import facts_of
from qemu_boot_time.cli.output import note, typed
from qemu_boot_time.cli.progress import Board, Count
from qemu_boot_time.cli.wanted import Wanted, plan_for
from qemu_boot_time.errors import QbtError, UsageError
from qemu_boot_time.measure import Plan, Side, measure_interleaved, named, new_seed
from qemu_boot_time.store.directories import new_run_directory, runs_directory
from qemu_boot_time.store.facts import (
    Interleaved,
    RunWriter,
)
from qemu_boot_time.store.load import load_run

SIDES = ("a", "b")
_LONGEST_COMMAND = 40


def measure_sides(commands: Sequence[str], wanted: Wanted) -> list[Path]:
    """Measure both commands now, interleaved; give their run directories.

    Each is a text that is split as a shell would. Boots go in blocks: each side once, in an order
    drawn anew with ``wanted.seed``. What a reader of either run must know is told on standard error
    too. Raises UsageError and HostError that name the side, before anything boots; a Ctrl-C keeps
    both runs and is raised again.
    """
    names = [f"--{side} {_shortened(text)!r}" for side, text in zip(SIDES, commands, strict=True)]
    plans = []
    for side, name, text in zip(SIDES, names, commands, strict=True):
        with named(name):
            plans.append(plan_for(_split(text), wanted, side))
    return measure_plans(plans, wanted, Labels(SIDES, tuple(names), "qbt compare {} {}"))


@dataclass(frozen=True, slots=True)
class Labels:
    """What the two sides are called."""

    sides: tuple[str, str]
    """In the progress line, and their directories with ``--out``."""
    names: tuple[str, ...]
    """In errors; empty: the side needs no name there."""
    shown_by: str
    """The command that shows both runs, with a place for the directory of each."""


def measure_plans(
    plans: Sequence[tuple[Plan, list[str]]], wanted: Wanted, labels: Labels
) -> list[Path]:
    """Measure two plans now, interleaved; as :func:`measure_sides`."""
    seed = new_seed() if wanted.seed is None else wanted.seed
    is_new = wanted.out is not None and not wanted.out.exists()
    writers = _begin(plans, wanted.out, seed, labels)
    count = Count(wanted.boots, wanted.warmup, "pair", at_most=wanted.precision is not None)
    board = Board(count, labels.sides, verbose=wanted.verbose)
    parts = zip(plans, writers, labels.sides, labels.names, strict=True)
    sides = [Side(plan, kept, board.side(side), name) for (plan, _), kept, side, name in parts]
    _measure(sides, board, seed, labels, ours=wanted.out if is_new else None)
    return [writer.directory for writer in writers]


def _measure(
    sides: Sequence[Side], board: Board, seed: int, labels: Labels, *, ours: Path | None
) -> None:
    """Measure; what has no boot is not kept, nor is the directory of both that is ``ours``."""
    writers = [side.writer for side in sides]
    shown_by = labels.shown_by.format(*(typed(each.directory) for each in writers))
    try:
        with telling_what_is_kept(writers, shown_by, lambda: _discard(writers, ours)):
            measure_interleaved(sides, seed=seed)
    except KeyboardInterrupt:
        board.clear()
        if all(writer.is_empty for writer in writers):
            _discard(writers, ours)
        else:
            note(f"interrupted; both runs are kept: {shown_by}")
        raise
    except QbtError:
        _discard([writer for writer in writers if writer.is_empty], ours)
        raise
    if told := list(_notes(writers, labels)):
        # One line: with what else is told, a measurement that failed writes four of them.
        note("; ".join(told))


def _discard(writers: Sequence[RunWriter], ours: Path | None) -> None:
    for writer in writers:
        writer.discard()
    if ours is not None:
        with contextlib.suppress(OSError):
            ours.rmdir()


def _notes(writers: Sequence[RunWriter], labels: Labels) -> Iterator[str]:
    """Give what a reader of either run must know; what is said of both, once."""
    found: dict[str, list[str]] = {}
    for side, writer in zip(labels.sides, writers, strict=True):
        for text in load_run(writer.directory).notes:
            found.setdefault(text, []).append(side)
    yield from (f"{' and '.join(sides)}: {text}" for text, sides in found.items())


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(
            str(error).lower(), hint="quote the whole command once: --a 'qemu... -append \"x y\"'"
        ) from error


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_COMMAND else f"{text[:_LONGEST_COMMAND].rstrip()}..."


def _begin(
    plans: Sequence[tuple[Plan, list[str]]], out: Path | None, seed: int, labels: Labels
) -> list[RunWriter]:
    """Make both runs, each of which names the other."""
    facts = [facts_of(plan, notes) for plan, notes in plans]
    if out is None:
        directories = [new_run_directory(runs_directory()) for _ in SIDES]
    else:
        directories = [out / side for side in labels.sides]
    writers = []
    measurement = secrets.token_hex(8)
    for i, directory in enumerate(directories):
        other = directories[1 - i].name
        interleaved = Interleaved(seed=seed, side=SIDES[i], other=other, measurement=measurement)
        kept = msgspec.structs.replace(facts[i], interleaved=interleaved)
        writers.append(RunWriter.begin(directory, kept))
    return writers
