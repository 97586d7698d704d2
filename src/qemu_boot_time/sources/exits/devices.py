"""What people call whatever answers at a port, an address or an MSR.

QEMU's memory map says what lies there (``fwcfg.dma``); one table has the names by which people know it.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from qemu_boot_time.formats.mtree import Region

MARKS = "boot marks"
"""The ports of the protocol, whatever QEMU has there: nothing, or an isa-debugcon."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        r"fwcfg.*": "fw_cfg",
        r"rtc.*": "cmos",
        r"pci-conf-(idx|data)|pcie-mmcfg.*|mch-mmcfg.*": "pci config",
        r"ide|ahci.*|(piix-|via-|cmd646-)?bmdma.*": "ide",
        r"serial": "serial",
        r"parallel": "parallel",
        r"i8042-.*": "keyboard",
        r"(vga|vbe|cirrus|bochs|qxl|edid|qemu extended).*": "vga",
        r"fdc": "floppy",
        r"(kvm-)?(pit|i8254)|pcspk": "timer (pit)",
        r"(kvm-)?(pic|elcr)": "pic",
        r"(kvm-)?ioapic": "ioapic",
        r"(kvm-)?apic(-msi)?": "apic",
        r"hpet": "hpet",
        r"acpi-(evt|cnt|tmr|gpe\d*|.*smi.*)|pm-tmr|gpe\d*|sci": "acpi",
        r"acpi-(pci|cpu|mem).*hotplug.*|pci-hotplug.*|memhp.*": "acpi hotplug",
        r"pm-smbus": "smbus",
        r"apm-io": "apm",
        r"(piix3-reset|lpc-reset|ich9.*reset|reset).*": "reset",
        r"port92": "a20",
        r"dma-.*": "dma",
        r"ioport80": "post",
        r"ioportF0": "fpu",
        r"kvmvapic": "kvmvapic",
        r"vmport|vmmouse": "vmport",
        r"isa-debugcon": "debugcon",
        r"isa-debug-exit": "debug exit",
        r"pvpanic.*": "pvpanic",
        r"msix-.*": "msi-x",
        r"tpm-.*": "tpm",
        r"nvdimm.*": "nvdimm",
        r"virtio-pci-(common|isr|device|notify|notify-pio)-(?P<own>virtio-.*)": "",
        r"virtio-mmio": "virtio-mmio",
        r"virtio-pci.*": "virtio",
        r"(e1000|rtl8139|ne2000|pcnet|vmxnet3|i82559|eepro100)[-\w]*": "network",
        r"nvme.*": "nvme",
        r"(lsi|mptsas|megasas|esp|pvscsi)[-\w]*": "scsi",
        r"(ehci|uhci|ohci|xhci).*|capabilities|operational|runtime|doorbell": "usb",
        r".*\.(bios|rom)|pc\.rom|isa-bios": "rom",
    }
)
"""QEMU's name of a region (a regular expression, all of it) to people's; empty: the group ``own``."""

_NOBODY = frozenset({"io", "pci", "system", "memory", ""})
"""What the spaces themselves are called: nothing answers there."""
_MSRS = (
    (range(0x800, 0x900), "apic"),
    (range(0x1B, 0x1C), "apic"),
    (range(0x11, 0x13), "kvm clock"),
    (range(0x4B564D00, 0x4B564E00), "kvm"),
    (range(0xFE, 0xFF), "mtrr"),
    (range(0x200, 0x220), "mtrr"),
    (range(0x250, 0x251), "mtrr"),
    (range(0x258, 0x25A), "mtrr"),
    (range(0x268, 0x270), "mtrr"),
    (range(0x2FF, 0x300), "mtrr"),
)
_COMPILED = tuple((re.compile(pattern), name) for pattern, name in NAMES.items())
_IN_KVM = "kvm-"


def device_of(region: Region | None) -> str:
    """Name the device that a region is of; a region with no name in the table has its own.

    Empty: nobody answers there.
    """
    if region is None or region.name in _NOBODY:
        return ""
    for pattern, name in _COMPILED:
        if found := pattern.fullmatch(region.name):
            return name or found["own"]
    return region.name


def device_of_msr(number: int) -> str:
    """Name what a model-specific register belongs to; empty: the processor itself."""
    return next((name for numbers, name in _MSRS if number in numbers), "")


def is_served_by_kvm(region: Region | None) -> bool:
    """Whether KVM serves a region itself, without QEMU."""
    return region is not None and region.name.startswith(_IN_KVM)
