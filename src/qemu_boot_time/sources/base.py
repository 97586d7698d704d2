"""What a way of seeing a boot looks like to the one who measures."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Protocol

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.host import Probe
from qemu_boot_time.model import Clock, Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.vmm import Vmm
from qemu_boot_time.vm.command import QemuCommand


class Needs(Enum):
    """What a source needs of the accelerator."""

    NOTHING = "nothing"
    KVM = "kvm"
    TCG = "tcg"


class Scope(StrEnum):
    """What a recorder of kernel events listens to."""

    SYSTEM = "system"
    """All processes: armed once for all boots."""
    PROCESS = "process"
    """The QEMU of each boot alone: armed again for each."""


class Armed(StrEnum):
    """For how long a source stays armed."""

    ONCE = "once"
    """From the first boot to the last; its raw files lie side by side."""
    EACH_BOOT = "each_boot"
    """For one boot of its own side, so that it costs no other boot anything. Each boot has a
    directory of raw files of its own (:func:`boot_name`)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants to see beyond the trace points that there are."""

    probes: Mapping[str, str] = field(default_factory=dict)
    """Name to the symbol of the guest's kernel, or the address (``0x...``), whose first run it is."""
    matches: Mapping[str, str] = field(default_factory=dict)
    """Name to the regular expression that a line of the console must hold."""
    kvm_console: bool = False
    """Whether KVM's events are to hold what guests write to their first serial port."""
    symbols: Path | None = None
    """Where the symbols of the guest's kernel are; None: in the kernel that the command boots."""
    counted: bool = False
    """Whether instructions are counted although time is what matters."""

    @property
    def names(self) -> frozenset[str]:
        """What the user calls them."""
        return frozenset((*self.probes, *self.matches))


@dataclass(frozen=True, slots=True)
class Arm:
    """What a source is armed for: one run."""

    raw: Path
    """The directory of its raw files."""
    scope: Scope = Scope.SYSTEM
    vmm: Vmm = field(default_factory=Vmm)
    parallel: bool = False
    """Whether several VMs may boot at once: then one boot's end is not the end of another's needs."""
    command: QemuCommand | None = None
    """The command of the boots to come; None: somebody else starts them, or they are over."""
    asked: Asked = field(default_factory=Asked)
    clock: Clock = Clock.TIME
    until: str | None = None
    """The mark at which a boot is ended: whoever sees it must tell soon."""


def boot_name(index: int) -> str:
    """Say how the raw files of one boot begin; a warm-up boot counts from -1 downwards."""
    return f"boot-{index:04}" if index >= 0 else f"warmup-{-index:04}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a recording of all VMs of a while holds for us, whoever made it."""

    events: Sequence[Event]
    """What was seen of VMs."""
    unclaimed: Counter[str]
    """Marks by processes that are no VM we know, by process name."""
    error: CorruptFileError | None
    """What is wrong with the bytes after these events, or beside them; None: nothing."""

    @property
    def damage(self) -> str:
        """The same in words; empty: nothing is wrong."""
        return "" if self.error is None else self.error.what


def events_of(recordings: Iterable[Recording]) -> Iterator[Event]:
    """Give what was seen in some recordings. Raises CorruptFileError for damage, after all else of its own."""
    for recording in recordings:
        yield from recording.events
        if recording.error is not None:
            raise recording.error


class Session(Protocol):
    """A source that is armed. ``vm`` of its live events is as in its files."""

    def arguments(self) -> tuple[str, ...]:
        """Give what QEMU must be told in addition, for this source alone."""
        ...

    def before_exec(self) -> Callable[[int], None] | None:
        """Give what must be called while the next QEMU's process waits before its exec."""
        ...

    def begin(self, boot: int) -> None:
        """Prepare for the next boot."""
        ...

    def stdout(self) -> int | None:
        """Give the descriptor that the boot begun writes its standard output to.

        None: the source reads none, and it is a file.
        """
        ...

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the descriptors to wait on, and what to call when one is readable."""
        ...

    def end(self, boot: int) -> Iterable[Event]:
        """Finish this boot: QEMU has left, and all that it did is on its way to the raw file."""
        ...


def no_caveats(command: QemuCommand) -> tuple[str, ...]:
    """See all that there is in every command's boots."""
    del command
    return ()


def no_remarks(request: Arm) -> tuple[str, ...]:
    """Have nothing to say of what was seen."""
    del request
    return ()


@dataclass(frozen=True, slots=True)
class Source:
    """One way of seeing a boot."""

    name: str
    sees: str
    """In one line, for the help and the table's footnote."""
    needs: Needs
    probe: Callable[[], Probe]
    """Try it for real on this host, cheaply."""
    arm: Callable[[Arm, Guard], AbstractContextManager[Session]]
    read: Callable[[Arm], Iterator[Event]]
    """Read its raw files again; ``vm`` is a process id, or the boot's index (``by_index``)."""
    by_index: bool = False
    """Whether ``Event.vm`` is the index of the boot rather than a process id."""
    recordings: Callable[[Arm], Iterable[Recording]] | None = None
    """Read its raw files as recordings of VMs that somebody else started; None: it sees none."""
    sees_port_writes: bool = True
    """Whether it sees the protocol's own marks: ``--source auto`` takes no other by itself."""
    caveats: Callable[[QemuCommand], tuple[str, ...]] = no_caveats
    """Say what it cannot see of a command's boots; raises UsageError where that is all."""
    remarks: Callable[[Arm], tuple[str, ...]] = no_remarks
    """Say what a reader of the table must know of what its raw files hold."""

    @property
    def needs_kvm(self) -> bool:
        """Whether it listens to KVM."""
        return self.needs is Needs.KVM
