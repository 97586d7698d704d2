"""What this host can see of a boot, what would spoil a measurement, and the remedies."""

from qemu_boot_time.doctor import noise, sight
from qemu_boot_time.doctor.finding import (
    Command,
    Done,
    Finding,
    Group,
    Seen,
    Status,
    Step,
    Write,
    apply,
)
from qemu_boot_time.doctor.patient import Accel, Patient
from qemu_boot_time.doctor.sight import chosen_source

__all__ = [
    "Accel",
    "Command",
    "Done",
    "Finding",
    "Group",
    "Patient",
    "Seen",
    "Status",
    "Step",
    "Write",
    "apply",
    "chosen_source",
    "examine",
    "fit",
]

# Noise comes first in time: what we start for the other group is not to be found by it.
_ORDER = ((Group.NOISE, noise.CHECKS), (Group.SIGHT, sight.CHECKS))


def examine(patient: Patient) -> tuple[Finding, ...]:
    """Ask the host every question: about a second, one probe VM, nothing changed."""
    found = {
        group: tuple(Finding(name, group, why, look(patient)) for name, why, look in checks)
        for group, checks in _ORDER
    }
    return found[Group.SIGHT] + found[Group.NOISE]


def fit(findings: tuple[Finding, ...]) -> bool:
    """Tell whether this host can measure: nothing that is needed is missing."""
    return all(finding.seen.status is not Status.FAIL for finding in findings)
