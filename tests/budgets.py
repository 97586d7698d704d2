"""Runs whose kernels took a given time, and budgets for them; commands that judge them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from click.testing import CliRunner

from boots import marks
from qemu_boot_time.errors import ExitStatus, QbtError
from qemu_boot_time.model import Boot, Clock, Mark, Outcome, Run
from qemu_boot_time.phases import Rules, boot_of_marks, phases_of
from qemu_boot_time.stats.gates import Gate, Kind, compared_by, parse_gate
from qemu_boot_time.stats.judging import Judged, judge
from qemu_boot_time.stats.moves import moves_between

MS = 10**6
NIGHT = [100, 104, 108, 112, 116, 120]
"""Kernels of six boots, in ms: the median is 110."""


def run_of(kernels_ms: Iterable[float], *, failed: int = 0, name: str = "night") -> Run:
    """Make a run: 10 ms to the kernel, then each of its times; and boots that got nowhere."""
    times = [round(each * MS) for each in kernels_ms]
    boots = [
        boot_of_marks(
            marks(linux_start_kernel=10 * MS, linux_start_user=10 * MS + time_ns),
            index=i,
            rules=Rules(),
        )
        for i, time_ns in enumerate(times)
    ]
    bad = [Boot(len(boots) + i, 0, Outcome.TIMEOUT, message="stuck") for i in range(failed)]
    return Run(name, (*boots, *bad))


def counted_run(kernels: Sequence[int]) -> Run:
    """Make a run that was measured in instructions: 1,000 to the kernel, then each of its counts."""
    boots = []
    for i, count in enumerate(kernels):
        seen = (
            Mark("linux_start_kernel", 10, "plugin", instructions=1000),
            Mark("linux_start_user", 20, "plugin", instructions=1000 + count),
        )
        phases = phases_of(seen, Rules(), from_exec=True)
        boots.append(Boot(i, 1, Outcome.REACHED, seen, phases, exec_ns=0))
    return Run("night", tuple(boots), clock=Clock.INSTRUCTIONS)


def suspect(run: Run) -> Run:
    """Make the first boot suspect."""
    first, *rest = run.boots
    return replace(run, boots=(replace(first, suspect=("clock_step",)), *rest))


def fail_if(text: str) -> Gate:
    """Read a condition that breaks."""
    return parse_gate(Kind.FAIL_IF, text)


def require(text: str) -> Gate:
    """Read a condition that must be so."""
    return parse_gate(Kind.REQUIRE, text)


def judged(gate: Gate, run: Run, baseline: Run | None = None) -> Judged:
    """Judge one budget."""
    moves = None if baseline is None else moves_between(baseline, run, compared_by([gate]))
    (answer,) = judge([gate], run, moves)
    return answer


@dataclass(frozen=True)
class Told:
    """What a command came to."""

    status: int
    text: str
    hint: str = ""

    @property
    def budgets(self) -> list[str]:
        """The lines of the budgets."""
        return [line for line in self.text.splitlines() if line.startswith("budget ")]


def table(file: Path, kernels_ms: Sequence[float] = NIGHT) -> str:
    """Write a table of boots whose kernels took these times."""
    rows = [f"10,{10 + each}\n" for each in kernels_ms]
    file.write_text("".join(["linux_start_kernel,linux_start_user\n", *rows]))
    return str(file)


def told(command: click.Command, *words: str) -> Told:
    """Run a command; give what the shell is told."""
    result = CliRunner().invoke(command, words, standalone_mode=False)
    if isinstance(result.exception, QbtError):
        return Told(result.exception.status, result.exception.what, result.exception.hint)
    if isinstance(result.exception, click.ClickException):
        return Told(ExitStatus.USAGE, result.exception.format_message())
    assert result.exception is None, result.exception
    return Told(int(result.return_value), result.stdout)
