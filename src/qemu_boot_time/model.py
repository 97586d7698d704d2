"""The frozen values that cross rooms. Standard library only: perf's own Python imports this.

Times are integer nanoseconds. An *absolute* time is one of the host's CLOCK_MONOTONIC, unless the
value says that it comes from a recording with another clock; every other time counts from the exec
of QEMU.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from qemu_boot_time.exits import Counter, CounterSample, PhaseTime

EXEC = "exec"
"""The name of time zero where a phase begins there; it is no mark of its own."""


class Outcome(StrEnum):
    """How one boot ended (DESIGN.md, "JSON")."""

    REACHED = "reached"
    """It got to the mark asked for; without one, QEMU left by itself after at least one mark."""
    ENDED = "ended"
    """QEMU left before the mark asked for."""
    TIMEOUT = "timeout"
    """The deadline passed first."""
    GUEST_PANIC = "guest_panic"
    """The guest said that it panicked (pvpanic, QMP GUEST_PANICKED)."""
    QEMU_FAILED = "qemu_failed"
    """QEMU left before any mark."""
    INTERNAL_ERROR = "internal_error"
    """KVM gave up ("KVM internal error"): QEMU would stay paused for ever."""
    INTERRUPTED = "interrupted"
    """The user stopped the measurement."""


class EndedBy(StrEnum):
    """What ended one boot, as far as whoever started it knows: a fact, not yet an outcome."""

    MARK = "mark"
    """We stopped QEMU because the mark asked for was seen."""
    ITSELF = "itself"
    TIMEOUT = "timeout"
    PANIC = "panic"
    INTERNAL_ERROR = "internal_error"
    USER = "user"


class Purpose(StrEnum):
    """What one boot of a run is for."""

    MEASURED = "measured"
    INITCALLS = "initcalls"
    """Looking at the kernel's initcalls: never counted, for looking costs."""
    UNITS = "units"
    """Looking at systemd's units: never counted."""
    PROFILE = "profile"
    """Counting the guest's exits: never counted in the timing, for that costs more."""


class Bound(StrEnum):
    """What a stamp says of the true time."""

    EXACT = "exact"
    GE = "ge"
    """The true time is at or after the stamp."""
    LE = "le"
    """The true time is at or before the stamp."""


class Clock(StrEnum):
    """What a run is measured in."""

    TIME = "time"
    """Host time."""
    INSTRUCTIONS = "instructions"
    """Instructions that the guest has run: the same in every boot, whatever else the host does."""


class Kind(StrEnum):
    """What a run was made of."""

    RUN = "run"
    """Facts and raw files of our own."""
    RECORDING = "recording"
    """What somebody else recorded."""
    TABLE = "table"
    """Times of marks."""
    LIST = "list"
    """Totals alone: nobody says at which mark they end."""


class EventKind(StrEnum):
    """What a source saw, before it is given a meaning."""

    EXEC = "exec"
    """A program was executed. ``filename``, ``parents`` (process ids, the nearest first)."""
    ENTRY = "entry"
    """A vCPU entered the guest, or the best stand-in for it. ``event``, ``bound``."""
    PORT_WRITE = "port_write"
    """The guest wrote an I/O port. ``port``, ``value``."""
    PASSED = "passed"
    """The guest passed a place that the source knows without the guest's help. ``name`` (of the
    trace point), ``event`` (what was seen), ``bound``, ``error_ns``, ``instructions``."""
    STARTED = "started"
    """QEMU got to a place of its own start, before its guest runs. ``place`` (one of
    ``protocol.START_PLACES``), ``event`` (what was seen)."""
    RESET = "reset"
    """The guest was reset."""
    LOST = "lost"
    """The source dropped events here. ``count``."""
    CLOCK_STEP = "clock_step"
    """The clock of the source's stamps was set during this boot. ``moved_ns``."""


@dataclass(frozen=True, slots=True)
class Event:
    """Anything a source saw."""

    time_ns: int
    """Absolute."""
    source: str
    kind: EventKind
    vm: int
    """Which VM: what the source tells VMs apart by (a pid, an index); -1: all of them."""
    fields: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """One trace point, seen in one boot."""

    name: str
    time_ns: int
    """Since the exec of QEMU."""
    source: str
    event: str = ""
    """What the source saw: ``kvm:kvm_pio``, ``kvm:kvm_update_master_clock`` (a stand-in), ``isa-debugcon``."""
    attempt: int = 0
    """0 for the first try; a guest reset begins the next one."""
    bound: Bound = Bound.EXACT
    error_ns: int = 0
    """How far the stamp may be off, as measured for the source."""
    instructions: int | None = None
    """Guest instructions executed so far, where the source counts them."""

    def at(self, clock: Clock) -> int | None:
        """Give where on this clock it lies: ns since the exec, or instructions."""
        return self.time_ns if clock is Clock.TIME else self.instructions


@dataclass(frozen=True, slots=True)
class Span:
    """Whatever has two ends inside a boot: an initcall, a unit."""

    name: str
    """In the guest's own words; it may be anything."""
    begin_ns: int
    """Since the exec of QEMU; negative where the guest says so."""
    end_ns: int
    parent: str = ""
    """What it is a part of: ``kernel``, the kernel's module, ``userspace``."""
    source: str = ""
    """Who in the guest said so: ``initcall_debug``, ``systemd``, ``qbt-inside``."""

    @property
    def duration_ns(self) -> int:
        """The length, in nanoseconds."""
        return self.end_ns - self.begin_ns


@dataclass(frozen=True, slots=True)
class Phase:
    """The interval between two marks of one boot, in nanoseconds since the exec of QEMU."""

    name: str
    begin: str
    """The name of the mark it begins at, or ``exec``."""
    end: str
    begin_ns: int
    end_ns: int
    instructions: int | None = None
    """Guest instructions executed in it, where both ends were counted."""

    @property
    def duration_ns(self) -> int:
        """The length of the phase, in nanoseconds."""
        return self.end_ns - self.begin_ns

    def length(self, clock: Clock) -> int | None:
        """Give its length on this clock: nanoseconds, or instructions."""
        return self.duration_ns if clock is Clock.TIME else self.instructions


@dataclass(frozen=True, slots=True)
class Boot:
    """One VM start: what was seen of it, and how it ended."""

    index: int
    """From 0."""
    pid: int
    """QEMU's process id; 0 where nobody knows (a table)."""
    outcome: Outcome
    marks: tuple[Mark, ...] = ()
    """Of the attempt that got there, in time order; one trace point may come twice (fw_do_boot)."""
    phases: tuple[Phase, ...] = ()
    """Non-overlapping phases in time order, then ``total``, then the user's own."""
    parts: tuple[Phase, ...] = ()
    """What a phase is made of, as far as it was seen: ``vmm`` alone has such parts (QEMU's own start)."""
    suspect: tuple[str, ...] = ()
    """Why this boot should not be trusted: ``events_lost``, ``marks_out_of_order``..."""
    exec_ns: int | None = None
    """Time zero, absolute; None where nobody saw it, and then times count from the first mark."""
    attempts: int = 1
    other_attempts: tuple[Mark, ...] = ()
    """Marks of the attempts before the one that got there."""
    also_seen: tuple[Mark, ...] = ()
    """The same marks as seen by further sources, for comparing sources."""
    message: str = ""
    """Why it failed, in the words of QEMU or of the kernel: one line."""
    cpu_ns: int | None = None
    """CPU time of all that was started, its guest's included; None: nobody knows."""

    @property
    def number(self) -> int:
        """What a person calls it: boots are counted from 1 wherever they are read."""
        return self.index + 1

    @property
    def ok(self) -> bool:
        """Whether statistics may use it."""
        return self.outcome is Outcome.REACHED


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well a guest's clock is known on the host's."""

    error_ns: int
    """What a time of the guest may be off by, at the moments when both clocks were stamped."""
    apart_ns: int = 0
    """From the first such moment to the last; 0: there was but one."""
    drift_ns: int = 0
    """How much longer that was for the host than for the guest; between them it is shared out."""
    first_ns: int = 0
    """The first such moment, since the exec of QEMU; what was before is counted back from it."""
    lost_ns: int = 0
    """How much the guest's clocks had lost while its kernel started, by its own count: what was before
    the first such moment may have been so much earlier than it says."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What a guest knew of one boot, on the host's timeline. The boot counts in no statistics."""

    purpose: Purpose
    boot: Boot
    spans: tuple[Span, ...] = ()
    """In time order; an initcall of a module that was loaded by user space is one, too."""
    alignment: Alignment | None = None
    """None: nobody can say when anything was, so there are no spans."""
    notes: tuple[str, ...] = ()
    """What cannot be seen, and why: one line each."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Where one boot left the guest, and for how long. The boot counts in no statistics."""

    boot: Boot
    counters: tuple[Counter, ...] = ()
    """In the order of the phases; in each the one with the most time outside first, else the most exits."""
    samples: tuple[CounterSample, ...] = ()
    """In time order, at most some hundreds a device."""
    notes: tuple[str, ...] = ()
    """What cannot be told, and why: one line each."""
    times: tuple[PhaseTime, ...] = ()
    """A row a phase, in their order; empty: nobody told, and each counts as it is, of one vCPU."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the user said that marks, phases and totals are: what differs here differs in meaning."""

    until: str | None = None
    """The mark at which a boot has got there."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Port value to mark."""
    phases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The user's own phases: name to the marks that it begins and ends at."""
    probes: Mapping[str, str] = field(default_factory=dict)
    """Mark to the symbol, or the address, of the guest's kernel."""
    matches: Mapping[str, str] = field(default_factory=dict)
    """Mark to the regular expression of a line of the console."""
    column: str = ""
    """Of a table, taken as the total: its name, or its number from 1; empty: no such column."""
    unit: str = ""
    """That numbers from elsewhere were said to be in; empty: they are our own."""


@dataclass(frozen=True, slots=True)
class Run:
    """N boots of one configuration, wherever they come from."""

    name: str
    """An id, or the name of a file."""
    boots: tuple[Boot, ...]
    sources: tuple[str, ...] = ()
    clock: Clock = Clock.TIME
    """What it was measured in."""
    path: str = ""
    """Where the run or the recording lies."""
    command: tuple[str, ...] = ()
    accelerator: str = ""
    """``kvm``, ``tcg``; empty where nobody knows."""
    notes: tuple[str, ...] = ()
    """What a reader of the table must know: one line each."""
    inside: tuple[Inside, ...] = ()
    """Boots of their own that looked inside."""
    profiles: tuple[Profile, ...] = ()
    """Boots of their own whose exits were counted."""
    damage: str = ""
    """Where the input is damaged, so that it may have held more; empty: it is whole."""
    kind: Kind = Kind.RUN
    definitions: Definitions = field(default_factory=Definitions)
    measurement: str = ""
    """What names the measurement in which it was booted in turn with another run; empty: it was alone."""
    created: str = ""
    """When it was begun: UTC, ISO 8601; empty: nobody knows."""
    host: Mapping[str, object] = field(default_factory=dict)
    """Facts about the machine it was measured on, as in its ``run.json``; empty: nobody knows."""
