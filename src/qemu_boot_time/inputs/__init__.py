"""Whatever holds boots: a run, a recording, a table, a list of samples, a document of our own."""

from qemu_boot_time.inputs.configurations import open_configurations
from qemu_boot_time.inputs.opener import brings_definitions, open_input
from qemu_boot_time.inputs.options import Options

__all__ = ["Options", "brings_definitions", "open_configurations", "open_input"]
