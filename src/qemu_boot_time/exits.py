"""The exits of a guest as frozen values: part of :mod:`qemu_boot_time.model`, and as light.

Standard library only. Times are integer nanoseconds.
"""

from dataclasses import dataclass
from enum import StrEnum


class ExitKind(StrEnum):
    """Why a guest left the processor to its host, as far as the host says."""

    PORT_READ = "port read"
    PORT_WRITE = "port write"
    MMIO_READ = "mmio read"
    MMIO_WRITE = "mmio write"
    MSR_READ = "msr read"
    MSR_WRITE = "msr write"
    OTHER = "other"
    """Whatever else; ``Counter.reason`` is the host's own word."""


NO_DEVICE = "no device"
"""Nobody answers there."""
UNKNOWN_DEVICE = "device not known"
"""There is no memory map that says who does."""
PROCESSOR = "processor"
NO_REASON = "reason not told"
_MSRS = frozenset({ExitKind.MSR_READ, ExitKind.MSR_WRITE})


def owner_of(device: str | None, kind: ExitKind, reason: str) -> str:
    """Say what exits are of, wherever they are shown: the device, else who else would have answered.

    None: nobody knows the device. What is no access is of the host's word for it.
    """
    if kind is ExitKind.OTHER:
        return reason or NO_REASON
    if device is None:
        return UNKNOWN_DEVICE
    return device or (PROCESSOR if kind in _MSRS else NO_DEVICE)


@dataclass(frozen=True, slots=True)
class Counter:
    """The exits of one kind to one device in one phase of one boot."""

    phase: str
    """The phase's name; ``unaccounted`` where no phase explains the time."""
    kind: ExitKind
    exits: int
    """That began in it; 0: of such that began before it there is time outside alone."""
    accesses: int
    """Of the device: an exit of a string instruction makes several."""
    device: str | None = ""
    """Whose port or address it is, as people call it (``fw_cfg``); empty: nobody's; None: nobody knows."""
    region: str = ""
    """QEMU's own name of that part of its memory map (``fwcfg``)."""
    reason: str = ""
    """The host's word for the exit: ``EXIT_IOIO``, ``KVM_EXIT_IO``; empty: it has none."""
    addresses: tuple[int, int] | None = None
    """The lowest and the highest port, address or MSR; None: the exit has none."""
    outside_ns: int | None = None
    """Time until the guest's next entries, as far as it passed in the phase and QEMU made no map meanwhile;
    None: nothing of that is known."""

    @property
    def owner(self) -> str:
        """What they are of, in the words of every report (:func:`owner_of`)."""
        return owner_of(self.device, self.kind, self.reason)


@dataclass(frozen=True, slots=True)
class CounterSample:
    """How many exits to a device there had been at a time, for drawing them over time."""

    time_ns: int
    """Since the exec of QEMU."""
    device: str
    """As in :attr:`Counter.owner`."""
    exits: int
    """So far."""


IDLE = frozenset({"EXIT_HLT", "EXIT_IDLE_HLT", "EXIT_MWAIT", "KVM_EXIT_HLT"})
"""Reasons with which a guest waits for time to pass: it would have been as long without the exit."""


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """What the time outside of one phase of one boot is a part of."""

    phase: str
    """Its name; ``unaccounted`` for all stretches that no phase explains."""
    length_ns: int
    """From exit to exit: a mark's own stamp may be later than its write."""
    watched_ns: int
    """The same without the time in which QEMU made memory maps; 0: no time outside is known."""
    vcpus: int
    """That were outside in it."""
    busy_vcpus: int
    """Those of them that did not only wait."""
