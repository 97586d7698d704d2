"""How to read what is given."""

from dataclasses import dataclass, field
from enum import StrEnum

from qemu_boot_time.model import Definitions
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.vmm import Vmm

AGAIN = "copy it again, whole, or record it again"
"""The way out where a file is cut short."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8."""


class Told(StrEnum):
    """A field of :class:`Options`."""

    UNIT = "unit"
    RULES = "rules"
    VMM = "vmm"


@dataclass(frozen=True, slots=True)
class Options:
    """How to read what is given."""

    unit: str = "ms"
    """Of numbers from elsewhere; one of ``formats.table.UNITS``."""
    rules: Rules = field(default_factory=Rules)
    vmm: Vmm = field(default_factory=Vmm)

    def definitions(self, *, unit: str = "") -> Definitions:
        """Give what marks and phases mean in what is read so; those of a table have a unit."""
        return Definitions(self.rules.until, self.rules.names.custom, self.rules.phases, unit=unit)
