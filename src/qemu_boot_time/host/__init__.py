"""Facts about this machine, and probes that tell what a measurement may use here."""

from qemu_boot_time.host.facts import HostFacts, facts
from qemu_boot_time.host.probes import (
    Probe,
    all_of,
    kvm_device,
    perf_binary,
    qemu_accelerators,
    qemu_binary,
    qemu_devices,
)
from qemu_boot_time.host.rights import tracefs, tracepoint_access

__all__ = [
    "HostFacts",
    "Probe",
    "all_of",
    "facts",
    "kvm_device",
    "perf_binary",
    "qemu_accelerators",
    "qemu_binary",
    "qemu_devices",
    "tracefs",
    "tracepoint_access",
]
