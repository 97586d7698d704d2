"""A run on disk: what was asked, how each boot ended, and what each source saw, untouched.

::

    RUN/run.json      schema, what was asked, the exact command, host facts; before the first boot
    RUN/boots.jsonl   one line a boot, appended and synced when that boot has ended
    RUN/raw/          what each source saw, and each boot's console

No summary and no mark is stored: both are made again from the facts (``store.load``).
"""

import contextlib
import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from qemu_boot_time.errors import CorruptFileError, HostError, InputError, UsageError, readable
from qemu_boot_time.model import Clock, EndedBy, Purpose
from qemu_boot_time.sources.base import Armed, Scope, boot_name
from qemu_boot_time.stats.precision import Precision

SCHEMA = 1
RUN_FILE = "run.json"
BOOTS_FILE = "boots.jsonl"
RAW_DIRECTORY = "raw"
ELSEWHERE = "keep the run in another place with --out DIR"


_Facts = TypeVar("_Facts", bound=msgspec.Struct)


class RunKind(StrEnum):
    """Who started the VMs of a run."""

    MEASURED = "measured"
    """We did, one after the other: ``boots.jsonl`` says how each ended."""
    RECORDED = "recorded"
    """Somebody else did: what was seen is all there is."""


class Interleaved(msgspec.Struct, frozen=True, kw_only=True):
    """How a run was measured in turn with another, each once a block."""

    seed: int
    """Of the orders of the blocks: ``measure.block_orders(2, seed)``, warm-ups first."""
    side: str
    """``a`` (0 in those orders) or ``b`` (1)."""
    other: str
    """The directory of the other run, which lies beside this one's."""
    measurement: str = ""
    """A name that both sides of this measurement have, and no other: seeds come again."""


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``."""

    schema: int = SCHEMA
    kind: RunKind = RunKind.MEASURED
    created: str
    """UTC, ISO 8601."""
    qbt: str
    """Our version."""
    command: tuple[str, ...]
    """As the user gave it."""
    added: tuple[str, ...] = ()
    """What was added to the command for the sources, with the numbers of this run (where they were
    armed anew for each boot: of its first)."""
    boots: int
    """As many were asked for, or allowed (``precision``); 0: as many as come."""
    precision: Precision | None = None
    """Until when was booted; None: as often as ``boots`` says."""
    interleaved: Interleaved | None = None
    """None: it was measured alone."""
    warmup: int = 0
    until: str | None = None
    timeout_s: float
    """Of each boot; of a recording as a whole (0: none)."""
    sources: tuple[str, ...]
    scope: Scope = Scope.SYSTEM
    armed: Armed = Armed.ONCE
    """With ``each_boot`` what was seen of a boot is in a directory of its own in ``raw``."""
    beside: tuple[str, ...] = ()
    """A program that watched each boot from outside, as no source of ours; empty: none did."""
    settle_s: float = 0
    """How long that was given to get going."""
    prepare: str | None = None
    cpus: tuple[int, ...] = ()
    vmm: tuple[str, ...] = ()
    """Patterns of the VMM's program name."""
    names: dict[int, str] = {}
    """The user's names of port values."""
    phases: dict[str, tuple[str, str]] = {}
    """The user's own phases."""
    probes: dict[str, str] = {}
    """The user's own places in the guest's kernel: name to symbol."""
    matches: dict[str, str] = {}
    """The user's own lines of the console: name to regular expression."""
    kvm_console: bool = False
    """Whether what guests write to their first serial port was recorded, too."""
    symbols: str = ""
    """The file that the user named for the symbols of the guest's kernel; empty: none."""
    counted: bool = False
    """Whether instructions were counted beside time."""
    keep_going: bool = False
    clock: Clock = Clock.TIME
    inside: tuple[Purpose, ...] = ()
    """What boots of their own look at, after the measured ones."""
    profiles: int = 0
    """In how many boots of their own, after those, the guest's exits are counted."""
    notes: tuple[str, ...] = ()
    cut_short: tuple[int, ...] = ()
    """Of a recording: the VMs that still ran, and had not got there, when enough others had or the user ended it."""
    host: dict[str, Any] = {}

    @property
    def is_watched(self) -> bool:
        """Whether anything watched its boots: a source, or what ran beside them."""
        return bool(self.sources or self.beside)


class StartFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen of QEMU's own start by us: absolute stamps, each a little late, none too early."""

    monitor_ns: int | None = None
    """QEMU's monitor had connected to us."""
    greeting_ns: int | None = None
    """It had said its first words."""
    kernel_ns: tuple[int, ...] = ()
    """A file that ``-kernel``, ``-initrd`` or ``-dtb`` names was opened or closed, by whomever."""


class BootFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``boots.jsonl``. Times are absolute: CLOCK_MONOTONIC, in ns."""

    index: int
    """From 0; a warm-up boot counts from -1 downwards."""
    purpose: Purpose = Purpose.MEASURED
    """Only what is measured counts."""
    pids: Annotated[tuple[int, ...], msgspec.Meta(min_length=1)]
    """The processes that may be this VM: the one we started, and the one behind the monitor."""
    exec_stamp_ns: int
    """Taken in the child just before its execve."""
    end_ns: int
    """When QEMU had left."""
    ended_by: EndedBy
    exit_status: int | None
    cpu_ns: int | None = None
    """CPU time of all that was started, its guest's included; None: an older qbt did not ask."""
    accelerator: str = ""
    """What QEMU said that it uses; empty when it said nothing."""
    resets_ns: tuple[int, ...] = ()
    """Guest resets, by the monitor's stamps (1 us)."""
    start: StartFacts = StartFacts()
    """Of QEMU's own start; empty: an older qbt did not look."""
    message: str = ""
    """The last that QEMU said on its standard error, where the boot failed."""

    @property
    def complained(self) -> bool:
        """Whether QEMU left with a word on its standard error, and not in peace."""
        return bool(self.message) and self.exit_status != 0

    @property
    def counts(self) -> bool:
        """Whether it is one of those asked for: no warm-up, and none that looked inside."""
        return self.index >= 0 and self.purpose is Purpose.MEASURED


def require_empty(directory: Path) -> None:
    """Raise UsageError where something is in a directory that is to hold a run alone."""
    try:
        names = {file.name for file in directory.iterdir()}
    except OSError:  # it is yet to be made; where that fails, the reason is told then
        return
    if names:
        what = "a run already" if RUN_FILE in names else f"other files ({min(names)})"
        raise UsageError(
            f"{directory}: holds {what}", hint="--out takes a new directory, or an empty one"
        )


class RunWriter:
    """Writes a run as it goes: what has ended stays, whatever happens next."""

    def __init__(self, directory: Path, facts: RunFacts) -> None:
        self.directory = directory
        self._facts = facts
        self.raw = directory / RAW_DIRECTORY

    @classmethod
    def begin(cls, directory: Path, facts: RunFacts) -> "RunWriter":
        """Write ``run.json`` and make the raw directory.

        Raises UsageError where the directory holds something already, HostError where it cannot be
        written.
        """
        require_empty(directory)
        writer = cls(directory, facts)
        try:
            writer.raw.mkdir(parents=True, exist_ok=True)
            writer.added(facts.added)
            (directory / BOOTS_FILE).touch()
        except OSError as error:
            raise HostError(f"{directory}: {error.strerror}", hint=ELSEWHERE) from error
        return writer

    def added(self, words: tuple[str, ...]) -> None:
        """Say in ``run.json`` what is added to the command, as soon as that is known."""
        self._write(msgspec.structs.replace(self._facts, added=words))

    def noted(self, notes: tuple[str, ...]) -> None:
        """Add to ``run.json`` what a reader of the result must know."""
        self._write(msgspec.structs.replace(self._facts, notes=(*self._facts.notes, *notes)))

    def met(self, vms: tuple[int, ...]) -> None:
        """Say in ``run.json`` which VMs the end of a recording met on their way."""
        self._write(msgspec.structs.replace(self._facts, cut_short=vms))

    def _write(self, facts: RunFacts) -> None:
        self._facts = facts
        text = msgspec.json.format(msgspec.json.encode(facts), indent=1)
        new = self.directory / f"{RUN_FILE}.new"
        new.write_bytes(text + b"\n")
        new.replace(self.directory / RUN_FILE)

    def append(self, boot: BootFacts) -> None:
        """Add a boot that has ended, and see it on disk."""
        with (self.directory / BOOTS_FILE).open("ab") as stream:
            stream.write(msgspec.json.encode(boot) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    @property
    def is_empty(self) -> bool:
        """Whether no boot of it has ended yet."""
        return not (self.directory / BOOTS_FILE).stat().st_size

    def discard(self) -> None:
        """Leave nothing of a run that ended before its first boot: it would be the last one kept."""
        self.clear()
        with contextlib.suppress(OSError):
            self.directory.rmdir()

    def clear(self) -> None:
        """Leave nothing of it but its directory, which was there before."""
        shutil.rmtree(self.raw, ignore_errors=True)
        for name in (RUN_FILE, BOOTS_FILE):
            (self.directory / name).unlink(missing_ok=True)

    def console(self, index: int, stream: str) -> Path:
        """Give the file for what QEMU writes to ``stdout`` or ``stderr`` in one boot."""
        return console(self.raw, index, stream)


def console(raw: Path, index: int, stream: str) -> Path:
    """Give the file for what one boot wrote: ``stdout``, ``stderr``, or ``inside`` (port 0xf6)."""
    return raw / f"{boot_name(index)}.{stream}"


def read_facts(directory: Path) -> tuple[RunFacts, list[BootFacts]]:
    """Read the two files of facts.

    A last line cut short by a killed writer is left out; anything else that is not as it should
    be raises InputError (CorruptFileError names the byte).
    """
    file = directory / RUN_FILE
    data = _bytes_of(file)
    schema = _decoded(data, _Schema, file=file).schema
    if schema != SCHEMA:
        raise InputError(
            f"{file}: schema {schema}, this qbt reads {SCHEMA}", hint="use a newer qbt"
        )
    return _decoded(data, RunFacts, file=file), _read_boots(directory / BOOTS_FILE)


def kind_of(directory: Path) -> RunKind:
    """Read who started the VMs, whatever else ``run.json`` says. Raises InputError."""
    file = directory / RUN_FILE
    return _decoded(_bytes_of(file), _Kind, file=file).kind


class _Kind(msgspec.Struct):
    """Who started the VMs, whatever else ``run.json`` says."""

    kind: RunKind = RunKind.MEASURED


class _Schema(msgspec.Struct):
    """What every ``run.json`` says, whatever else is in it."""

    schema: int


def _bytes_of(file: Path) -> bytes:
    with readable(file, hint="qbt list"):
        return file.read_bytes()


def _decoded(data: bytes, kind: type[_Facts], *, file: Path, offset: int = 0) -> _Facts:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptFileError(str(file), offset, "facts", str(error)) from error


def _read_boots(file: Path) -> list[BootFacts]:
    boots, offset = [], 0
    for line in _bytes_of(file).splitlines(keepends=True):
        try:
            boots.append(_decoded(line, BootFacts, file=file, offset=offset))
        except CorruptFileError:
            if line.endswith(b"\n"):
                raise
        offset += len(line)
    return boots
