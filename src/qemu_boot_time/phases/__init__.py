"""Events become a boot: marks, attempts, phases, what is missing and why.

Pure, and standard library only: perf's own Python imports this for perf-script/.
"""

from qemu_boot_time.phases.boots import Ending, boot_of, boot_of_marks, boots_of, split_vms
from qemu_boot_time.phases.parts import (
    PHASES,
    TOTAL,
    UNACCOUNTED,
    USER,
    Rules,
    Split,
    gaps,
    in_order,
    phases_of,
    split_at_total,
)
from qemu_boot_time.phases.seen import SOURCES_BY_ACCURACY

__all__ = [
    "PHASES",
    "SOURCES_BY_ACCURACY",
    "TOTAL",
    "UNACCOUNTED",
    "USER",
    "Ending",
    "Rules",
    "Split",
    "boot_of",
    "boot_of_marks",
    "boots_of",
    "gaps",
    "in_order",
    "phases_of",
    "split_at_total",
    "split_vms",
]
