"""systemd's stages and units, by its own definitions (src/analyze/analyze-time-data.c).

Times are CLOCK_MONOTONIC of the guest in ns; 0 means that it never happened.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from qemu_boot_time.formats.handed_out import UNIT
from qemu_boot_time.formats.properties import time_ns

_TIMESTAMP = "TimestampMonotonic"


class Times(NamedTuple):
    """Something that took time, on a clock of the guest's."""

    name: str
    begin: int
    end: int


class Manager(NamedTuple):
    """When systemd itself was there."""

    initrd_ns: int
    """systemd began in the initrd; 0: another program is the init there."""
    userspace_ns: int
    """systemd began in the real root."""
    finish_ns: int
    """All jobs of the boot were done; 0: they were not."""

    @property
    def kernel_done_ns(self) -> int:
        """Where systemd says that the kernel ended: any other init of the initrd counts as kernel."""
        return self.initrd_ns or self.userspace_ns


def manager_of(properties: Mapping[str, str]) -> Manager:
    """Read the properties of the manager."""
    names = ("InitRD", "Userspace", "Finish")
    return Manager(*(time_ns(properties, name + _TIMESTAMP) for name in names))


def stages(manager: Manager) -> Iterator[Times]:
    """Give the stages of ``systemd-analyze time``: kernel, initrd, userspace."""
    if manager.kernel_done_ns:
        yield Times("kernel", 0, manager.kernel_done_ns)
    if manager.initrd_ns and manager.userspace_ns:
        yield Times("initrd", manager.initrd_ns, manager.userspace_ns)
    if manager.userspace_ns and manager.finish_ns:
        yield Times("userspace", manager.userspace_ns, manager.finish_ns)


def units(blocks: Iterable[Mapping[str, str]]) -> Iterator[Times]:
    """Give the units that were activated, each from its activation's begin to its end.

    As in ``systemd-analyze blame`` the end is when it was active; of what never stayed active
    (a oneshot) when it was inactive again; else it is no longer than a moment. Our own is left out.
    """
    for block in blocks:
        names = ("InactiveExit", "ActiveEnter", "InactiveEnter")
        activating, activated, deactivated = (time_ns(block, n + _TIMESTAMP) for n in names)
        ends = (end for end in (activated, deactivated) if end >= activating)
        if activating and block.get("Id", UNIT) != UNIT:
            yield Times(block["Id"], activating, next(ends, activating))
