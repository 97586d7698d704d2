"""Progress of a measurement, on standard error: one line that changes on a terminal."""

import shlex
import sys
from statistics import median

import click

from qemu_boot_time.cli.output import note
from qemu_boot_time.model import Boot, Purpose
from qemu_boot_time.phases import TOTAL

_NS_PER_MS = 1_000_000
_CLEAR = "\r\x1b[K"


class Progress:
    """Tells how the measurement goes, with the running median."""

    def __init__(self, boots: int, warmup: int, *, verbose: bool) -> None:
        self._boots = boots
        self._warmup = warmup
        self._verbose = verbose
        self._lives = sys.stderr.isatty()
        self._totals: list[int] = []
        self._failed = 0
        self.notes: list[str] = []

    def added(self, arguments: tuple[str, ...]) -> None:
        """Show what is added to the command, if asked."""
        if self._verbose:
            note(f"added to the command: {shlex.join(arguments)}")

    def began(self, index: int) -> None:
        """Show which boot runs."""
        if self._lives:
            click.echo(f"{_CLEAR}{self._line(index)}", err=True, nl=False)

    def looks(self, purpose: Purpose, arguments: tuple[str, ...]) -> None:
        """Show that a boot which is not measured runs; what is added for it, if asked."""
        if self._verbose:
            note(f"added to look at {purpose}: {shlex.join(arguments)}")
        if self._lives:
            click.echo(f"{_CLEAR}looking inside: {purpose}", err=True, nl=False)

    def ended(self, boot: Boot) -> None:
        """Take what the boot came to."""
        if boot.index >= 0:
            total = next((p.duration_ns for p in boot.phases if p.name == TOTAL), None)
            if boot.ok and total is not None:
                self._totals.append(total)
            self._failed += not boot.ok
        self.clear()
        if not self._lives and self._verbose:
            click.echo(self._line(boot.index), err=True)

    def clear(self) -> None:
        """Leave a line that an interrupt broke off."""
        if self._lives:
            click.echo(_CLEAR, err=True, nl=False)

    def note(self, text: str) -> None:
        """Keep what the table must say too."""
        self.notes.append(text)

    def _line(self, index: int) -> str:
        if index < 0:
            words = [f"warm-up {self._warmup + index + 1} of {self._warmup}"]
        else:
            words = [f"boot {index + 1} of {self._boots}"]
        if self._totals:
            words.append(f"median {median(self._totals) / _NS_PER_MS:.1f} ms")
        if self._failed:
            words.append(f"{self._failed} failed")
        return ", ".join(words)
