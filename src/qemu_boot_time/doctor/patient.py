"""The host under examination: what several checks need is looked at once."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from qemu_boot_time import host
from qemu_boot_time.doctor import probe_boot
from qemu_boot_time.host.activity import Activity, clock_kept, watch
from qemu_boot_time.host.files import ROOT


class Accel(StrEnum):
    """What the measurements will run with."""

    KVM = "kvm"
    TCG = "tcg"
    """QEMU's own emulation: KVM need not work."""


@dataclass(frozen=True)
class Patient:
    """One host, seen through one QEMU. The functions are the tests' way in."""

    qemu: str = "qemu-system-x86_64"
    accel: Accel = Accel.KVM
    root: Path = ROOT
    watcher: Callable[[Path], Activity] = watch
    clock: Callable[[], bool | None] = clock_kept
    booter: Callable[[str], probe_boot.ProbeBoot] = probe_boot.boot

    @cached_property
    def activity(self) -> Activity:
        """What the host was busy with while we only watched."""
        return self.watcher(self.root)

    @cached_property
    def kvm_boot(self) -> probe_boot.ProbeBoot:
        """How a tiny guest boots under KVM."""
        return self.booter(self.qemu)

    @cached_property
    def accelerators(self) -> tuple[str, ...]:
        """What was compiled into QEMU."""
        return host.qemu_accelerators(self.qemu)

    @cached_property
    def qemu_probe(self) -> host.Probe:
        """Whether QEMU starts."""
        return host.qemu_binary(self.qemu)

    @cached_property
    def device_probe(self) -> host.Probe:
        """Whether QEMU has what the ``debugcon`` source needs."""
        return host.qemu_devices(self.qemu)

    @cached_property
    def right_probe(self) -> host.Probe:
        """Whether we may record tracepoints."""
        return host.tracepoint_access(root=self.root)
