"""Progress of a measurement, on standard error: one line that changes on a terminal."""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import click

from qemu_boot_time.cli.output import note, redraws
from qemu_boot_time.model import Boot, Purpose
from qemu_boot_time.phases import TOTAL

_NS_PER_MS = 1_000_000
_CLEAR = "\r\x1b[K"
_S_PER_MIN = 60
_LOOKING = {Purpose.PROFILE: "counting exits"}
_MINUTES_FROM_S = 100


@dataclass(slots=True)
class _Tally:
    """What the measured boots of one command came to so far."""

    totals: list[int] = field(default_factory=list)
    """Nanoseconds."""
    failed: int = 0

    def take(self, boot: Boot) -> None:
        total = next((p.duration_ns for p in boot.phases if p.name == TOTAL), None)
        if boot.ok and total is not None:
            self.totals.append(total)
        self.failed += not boot.ok

    def words(self, name: str = "") -> list[str]:
        """Say it; ``name`` tells one command from another."""
        before = f"{name} " if name else ""
        words = []
        if self.totals:
            words.append(f"{before}median {median(self.totals) / _NS_PER_MS:.1f} ms")
        if self.failed:
            words.append(f"{self.failed} {'of ' + name + ' ' if name else ''}failed")
        return words


@dataclass(slots=True)
class Pace:
    """How long the boots have taken, so how long the rest will take."""

    boots: int
    """Of all sides together, warm-ups too."""
    began_s: float | None = None
    """CLOCK_MONOTONIC, seconds."""
    ended: int = 0

    def begin(self) -> None:
        """Start the clock with the first boot."""
        self.began_s = time.monotonic() if self.began_s is None else self.began_s

    def left(self) -> str:
        """Say how long the rest takes, if it goes on as so far; empty where nothing tells yet."""
        if self.began_s is None or not self.ended:
            return ""
        per_boot_s = (time.monotonic() - self.began_s) / self.ended
        return f"about {_duration(per_boot_s * max(0, self.boots - self.ended))} left"


def _duration(length_s: float) -> str:
    if length_s < _MINUTES_FROM_S:
        return f"{length_s:.0f} s"
    return f"{length_s / _S_PER_MIN:.0f} min"


@dataclass(frozen=True, slots=True)
class Count:
    """How many boots (of each side) are to come, in the words of the progress line."""

    boots: int
    warmup: int
    word: str = "boot"
    at_most: bool = False

    def at(self, index: int) -> str:
        """Say where boot ``index`` stands (negative: a warm-up)."""
        if index < 0:
            return f"warm-up {self.warmup + index + 1} of {self.warmup}"
        return f"{self.word} {index + 1} of {'at most ' * self.at_most}{self.boots}"


class Board:
    """The line that tells of one command's boots, or of several's in turn.

    ``side`` gives who is told of one of them.
    """

    def __init__(self, count: Count, names: Sequence[str] = ("",), *, verbose: bool) -> None:
        self._count = count
        self._pace = Pace(len(names) * (count.boots + count.warmup))
        self._tallies: Mapping[str, _Tally] = {name: _Tally() for name in names}
        self.verbose = verbose
        self._lives = redraws()

    def side(self, name: str = "") -> "Progress":
        """Give who is told of the boots of one command."""
        return Progress(self, name)

    def show(self, text: str) -> None:
        """Show a line, on a terminal."""
        if self._lives:
            click.echo(f"{_CLEAR}{text}", err=True, nl=False)

    def clear(self) -> None:
        """Leave a line that an interrupt broke off."""
        self.show("")

    def began(self, index: int) -> None:
        """Show which boot runs."""
        self._pace.begin()
        left = "" if self._count.at_most else self._pace.left()
        self.show(", ".join(filter(None, [self._line(index), left])))

    def ended(self, name: str, boot: Boot) -> None:
        """Take what a boot came to."""
        self._pace.ended += 1
        if boot.index >= 0:
            self._tallies[name].take(boot)
        self.clear()
        if not self._lives and self.verbose:
            click.echo(self._line(boot.index), err=True)

    def _line(self, index: int) -> str:
        words = (word for name, tally in self._tallies.items() for word in tally.words(name))
        return ", ".join((self._count.at(index), *words))


@dataclass(frozen=True, slots=True)
class Progress:
    """Tells how the boots of one command go."""

    board: Board
    name: str = ""

    def added(self, arguments: tuple[str, ...]) -> None:
        """Show what is added to the command, if asked."""
        if self.board.verbose:
            to = f"the command of {self.name}" if self.name else "the command"
            note(f"added to {to}: {shlex.join(arguments)}")

    def began(self, index: int) -> None:
        """Show which boot runs."""
        self.board.began(index)

    def looks(self, purpose: Purpose, arguments: tuple[str, ...]) -> None:
        """Show that a boot which is not measured runs; what is added for it, if asked."""
        if self.board.verbose:
            note(f"added to look at {purpose}: {shlex.join(arguments)}")
        self.board.show(_LOOKING.get(purpose, f"looking inside: {purpose}"))

    def ended(self, boot: Boot) -> None:
        """Take what the boot came to."""
        self.board.ended(self.name, boot)
