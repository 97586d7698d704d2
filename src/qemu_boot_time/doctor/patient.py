"""The host under examination: what several checks need is looked at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from qemu_boot_time import host
from qemu_boot_time.doctor import probe_boot
from qemu_boot_time.host.activity import Activity, clock_kept, watch
from qemu_boot_time.host.files import ROOT
from qemu_boot_time.sources import debugcon
from qemu_boot_time.sources.base import Source
from qemu_boot_time.sources.table import SOURCES


class Accel(StrEnum):
    """What the measurements will run with."""

    KVM = "kvm"
    TCG = "tcg"
    """QEMU's own emulation: KVM need not work."""


@dataclass(frozen=True)
class Patient:
    """One host, seen through one QEMU."""

    qemu: str = "qemu-system-x86_64"
    accel: Accel = Accel.KVM
    root: Path = ROOT

    @cached_property
    def activity(self) -> Activity:
        """What the host was busy with while we only watched."""
        return watch(self.root)

    @cached_property
    def clock_kept(self) -> bool | None:
        """Whether somebody keeps the clock right; None where nobody tells."""
        return clock_kept()

    @cached_property
    def kvm_obstacle(self) -> str:
        """Why no guest can be tried under KVM; empty: one can."""
        if not self.qemu_probe.ok:
            return "no QEMU to try it with"
        if "kvm" not in host.qemu_accelerators(self.qemu):
            return "QEMU was built without KVM"
        if not self.device_probe.ok:
            return self.device_probe.what
        return "" if self.kvm_probe.ok else "/dev/kvm is closed to us"

    @cached_property
    def kvm_boot(self) -> probe_boot.ProbeBoot | None:
        """How a tiny guest boots under KVM; None: it cannot be tried."""
        return None if self.kvm_obstacle else probe_boot.boot(self.qemu)

    @property
    def kvm_boots(self) -> bool:
        """Whether KVM really runs a guest."""
        return self.kvm_boot is not None and self.kvm_boot.ok

    @cached_property
    def qemu_probe(self) -> host.Probe:
        """Whether QEMU starts."""
        return host.qemu_binary(self.qemu)

    @cached_property
    def kvm_probe(self) -> host.Probe:
        """Whether /dev/kvm opens."""
        return host.kvm_device(root=self.root)

    @cached_property
    def device_probe(self) -> host.Probe:
        """Whether QEMU has what the ``debugcon`` source needs."""
        return host.qemu_devices(self.qemu)

    @cached_property
    def right_probe(self) -> host.Probe:
        """Whether we may record tracepoints."""
        return host.tracepoint_access(root=self.root)

    @cached_property
    def source_probes(self) -> Mapping[str, host.Probe]:
        """Whether each source that ``auto`` tries works here, in that order."""
        candidates = [source for source in SOURCES.values() if source.sees_port_writes]
        return {source.name: self._try(source) for source in candidates}

    def _try(self, source: Source) -> host.Probe:
        if source.needs_kvm and self.accel is not Accel.KVM:
            return host.Probe(ok=False, what="needs KVM")
        if source.needs_kvm and not self.kvm_boots:
            trouble = self.kvm_boot.what if self.kvm_boot else self.kvm_obstacle
            return host.Probe(ok=False, what=trouble)
        if source.name == debugcon.NAME and not self.device_probe.ok:
            return self.device_probe
        return source.probe()
