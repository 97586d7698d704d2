"""What the doctor says: findings, and the steps that would change them."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qemu_boot_time.errors import HostError, QbtError
from qemu_boot_time.host import Probe
from qemu_boot_time.process import run


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """A measurement works, but it sees less, or its numbers deserve less trust."""
    FAIL = "fail"
    """What a measurement needs is not there."""
    UNKNOWN = "unknown"
    """This host does not tell."""


class Group(StrEnum):
    """The two questions."""

    SIGHT = "what this host can see"
    NOISE = "what would spoil a measurement"


@dataclass(frozen=True, slots=True)
class Write:
    """Write one value to files of /sys that all hold ``before``."""

    files: tuple[Path, ...]
    value: str
    before: str

    @property
    def command(self) -> str:
        """What a person would type instead."""
        return self._tee(self.value)

    @property
    def undo(self) -> str:
        """What brings the old state back."""
        return self._tee(self.before)

    def _tee(self, value: str) -> str:
        return f"echo {value} | sudo tee {shlex.join(map(str, self.files))}"

    def apply(self) -> None:
        """Do it. Raises HostError that says how many files were written before the trouble."""
        for done, file in enumerate(self.files):
            try:
                file.write_text(self.value)
            except OSError as error:
                what = f"{file}: {error.strerror}; {done} of {len(self.files)} files were written"
                raise HostError(what, hint=f"undo: {self.undo}" if done else "") from error


@dataclass(frozen=True, slots=True)
class Command:
    """Run one command as root."""

    argv: tuple[str, ...]
    undo_argv: tuple[str, ...]

    @property
    def command(self) -> str:
        """What a person would type instead."""
        return f"sudo {shlex.join(self.argv)}"

    @property
    def undo(self) -> str:
        """What brings the old state back."""
        return f"sudo {shlex.join(self.undo_argv)}"

    def apply(self) -> None:
        """Do it. Raises HostError."""
        run(self.argv, timeout_s=10)


Step = Write | Command


@dataclass(frozen=True, slots=True)
class Seen:
    """What one check saw."""

    status: Status
    what: str
    remedy: str = ""
    """Lines ready to paste; empty where there is nothing to do."""
    steps: tuple[Step, ...] = ()
    """What ``--fix`` would do; none of it needs a reboot."""

    @classmethod
    def of(cls, probe: Probe, *, otherwise: Status) -> "Seen":
        """Turn a probe into what was seen; ``otherwise`` is the status of a probe that failed."""
        return cls(Status.OK if probe.ok else otherwise, probe.what, probe.remedy)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one check."""

    check: str
    group: Group
    why: str
    """Why it matters, in one line."""
    seen: Seen


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was tried."""

    step: Step
    error: str = ""
    """Why it failed; empty: it is done."""


def apply(steps: tuple[Step, ...], tell: Callable[[Done], None]) -> tuple[Done, ...]:
    """Take every step, whatever became of the others, and ``tell`` of each as it ends."""
    done = []
    for step in steps:
        done.append(_try(step))
        tell(done[-1])
    return tuple(done)


def _try(step: Step) -> Done:
    try:
        step.apply()
    except QbtError as error:
        return Done(step, " ".join(filter(None, (error.what, error.hint))))
    return Done(step)
