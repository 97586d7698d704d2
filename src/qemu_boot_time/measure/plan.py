"""What is asked of a measurement, where it is kept, and who is told how it goes."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from qemu_boot_time.errors import QbtError
from qemu_boot_time.model import Boot, Clock, Purpose
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Armed, Asked, Scope, Source
from qemu_boot_time.sources.vmm import Vmm
from qemu_boot_time.stats.precision import Precision
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.vm.command import QemuCommand


@dataclass(frozen=True, slots=True)
class Beside:
    """A program that watches each boot from outside, as no source of ours."""

    argv: tuple[str, ...]
    """Empty: nothing does, and a boot only waits as long as one that is watched."""
    settle_s: float
    """How long it is given to get going before the boot begins."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how often."""

    command: QemuCommand
    boots: int
    """How often; with a precision, how often at most."""
    rules: Rules
    sources: tuple[Source, ...]
    scope: Scope = Scope.SYSTEM
    armed: Armed = Armed.ONCE
    vmm: Vmm = field(default_factory=Vmm)
    warmup: int = 0
    timeout_s: float = 120.0
    prepare: str | None = None
    """A shell command before each boot."""
    cpus: frozenset[int] = frozenset()
    asked: Asked = field(default_factory=Asked)
    """The user's own places for the sources to see."""
    clock: Clock = Clock.TIME
    keep_going: bool = False
    """Go on although the first boots have all failed."""
    inside: tuple[Purpose, ...] = ()
    """What is looked at inside the guest, each in one more boot after the measured ones."""
    profiles: int = 0
    """In how many more boots, after those, the guest's exits are counted."""
    precision: Precision | None = None
    """How well the median of the total must be known for the boots to be enough; None: no matter."""
    beside: Beside | None = None
    """What runs while a boot does; only where sources are armed for each boot. None: nothing."""


class Observer(Protocol):
    """Who is told how the measurement goes."""

    def added(self, arguments: tuple[str, ...]) -> None:
        """Be told what is added to the command."""

    def began(self, index: int) -> None:
        """Be told that a boot begins (negative: a warm-up)."""

    def ended(self, boot: Boot) -> None:
        """Be told how it ended; the times are those seen live."""

    def looks(self, purpose: Purpose, arguments: tuple[str, ...]) -> None:
        """Be told that a boot begins which is not measured, and what is added for it alone."""


class Silence:
    """An observer that nobody listens to."""

    def added(self, arguments: tuple[str, ...]) -> None:
        """Say nothing."""

    def began(self, index: int) -> None:
        """Say nothing."""

    def ended(self, boot: Boot) -> None:
        """Say nothing."""

    def looks(self, purpose: Purpose, arguments: tuple[str, ...]) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things that are measured together, or the one that is measured alone."""

    plan: Plan
    writer: RunWriter
    observer: Observer
    name: str = ""
    """How the user knows it, as ``--a``; empty where it is alone."""


@contextlib.contextmanager
def named(name: str) -> Iterator[None]:
    """Have an error say of which side it tells."""
    try:
        yield
    except QbtError as error:
        error.what = f"{name}: {error.what}" if name else error.what
        raise
