"""Events become a boot: marks, attempts, phases, what is missing and why.

Pure, and standard library only: perf's own Python imports this for perf-script/.
"""

from qemu_boot_time.phases.boots import Ending, boot_of, boot_of_marks, boots_of, split_vms
from qemu_boot_time.phases.parts import (
    PHASES,
    TOTAL,
    UNACCOUNTED,
    Rules,
    gaps,
    in_order,
    phases_of,
    split_at_total,
)

__all__ = [
    "PHASES",
    "TOTAL",
    "UNACCOUNTED",
    "Ending",
    "Rules",
    "boot_of",
    "boot_of_marks",
    "boots_of",
    "gaps",
    "in_order",
    "phases_of",
    "split_at_total",
    "split_vms",
]
