"""What a way of seeing a boot looks like to the one who measures."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from qemu_boot_time.host import Probe
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.kvm_trace import Vmm
from qemu_boot_time.vm.command import QemuCommand


class Scope(StrEnum):
    """What a recorder of kernel events listens to."""

    SYSTEM = "system"
    """All processes: armed once for all boots."""
    PROCESS = "process"
    """The QEMU of each boot alone: armed again for each."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants to see beyond the trace points that there are."""

    probes: Mapping[str, str] = field(default_factory=dict)
    """Name to the symbol of the guest's kernel, or the address (``0x...``), whose first run it is."""
    matches: Mapping[str, str] = field(default_factory=dict)
    """Name to the regular expression that a line of the console must hold."""
    kvm_console: bool = False
    """Whether KVM's events are to hold what guests write to their first serial port."""

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
    until: str | None = None
    """The mark at which a boot is ended: whoever sees it must tell soon."""


class Recording(Protocol):
    """What a raw file holds that is a recording of all VMs of a while."""

    @property
    def events(self) -> Sequence[Event]:
        """What was seen of VMs."""
        ...

    @property
    def unclaimed(self) -> Counter[str]:
        """Marks by processes that are no VM we know, by process name."""
        ...

    @property
    def damage(self) -> str:
        """What is wrong with the rest; empty: nothing."""
        ...


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

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the descriptors to wait on, and what to call when one is readable."""
        ...

    def end(self, boot: int) -> Iterable[Event]:
        """Finish this boot: QEMU has left, and all that it did is on its way to the raw file."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """One way of seeing a boot."""

    name: str
    sees: str
    """In one line, for the help and the table's footnote."""
    needs_kvm: bool
    probe: Callable[[], Probe]
    """Try it for real on this host, cheaply."""
    arm: Callable[[Arm, Guard], AbstractContextManager[Session]]
    read: Callable[[Arm], Iterator[Event]]
    """Read its raw files again; ``vm`` is a process id, or the boot's index (``by_index``)."""
    by_index: bool = False
    """Whether ``Event.vm`` is the index of the boot rather than a process id."""
    recordings: Callable[[Arm], Iterable[Recording]] | None = None
    """Read its raw files as recordings of VMs that somebody else started; None: it sees none."""
