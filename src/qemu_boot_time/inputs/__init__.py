"""Whatever holds boots: a run, a recording, a table, a list of samples, a document of our own."""

from qemu_boot_time.inputs.configurations import open_configurations, told_of_all
from qemu_boot_time.inputs.opener import open_input
from qemu_boot_time.inputs.options import Options, Told

__all__ = ["Options", "Told", "open_configurations", "open_input", "told_of_all"]
