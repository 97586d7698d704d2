"""QEMU's regions by the names that people know."""

import re
from pathlib import Path

import pytest

from qemu_boot_time.formats.mtree import Region
from qemu_boot_time.sources.exits.devices import (
    MARKS,
    NAMES,
    device_of,
    device_of_msr,
    is_served_by_kvm,
)

DOCS = Path(__file__).parents[2] / "docs/profile.md"
_ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<regions>`.*) \|$", re.MULTILINE)


def region(name: str) -> Region:
    """Make a region of this name."""
    return Region(0, 1, name, "i/o")


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("fwcfg.dma", "fw_cfg"),
        ("rtc-index", "cmos"),
        ("pcie-mmcfg-mmio", "pci config"),
        ("kvm-pit", "timer (pit)"),
        ("virtio-pci-notify-virtio-blk", "virtio-blk"),
        ("virtio-pci", "virtio"),
        ("lpc-reset-control", "reset"),
        ("acpi-cpu-hotplug", "acpi hotplug"),
        ("my-device", "my-device"),
        ("io", ""),
    ],
)
def test_regions_have_peoples_names(name: str, device: str) -> None:
    """One that is not in the table has QEMU's own; a space itself answers nobody."""
    assert device == device_of(region(name))


def test_nobody_has_no_name() -> None:
    """No map shows it."""
    assert ("", False) == (device_of(None), is_served_by_kvm(None))


def test_registers_belong_to_something() -> None:
    """Those of the local APIC, of KVM's clock; others are the processor's."""
    assert ["apic", "kvm", "mtrr", ""] == [
        device_of_msr(number) for number in (0x830, 0x4B564D01, 0x2FF, 0xC0000080)
    ]


@pytest.mark.parametrize(
    ("device", "numbers"),
    [
        ("mtrr", (0xFE, 0x200, 0x21F, 0x250, 0x258, 0x259, 0x268, 0x26F, 0x2FF)),
        ("", (0xFD, 0x1FF, 0x220, 0x251, 0x25A, 0x267, 0x270, 0x277, 0x280, 0x29F, 0x300)),
    ],
)
def test_memory_types_have_few_registers(device: str, numbers: tuple[int, ...]) -> None:
    """Between them lie the page attributes (0x277) and those of machine checks (0x280 to 0x29f)."""
    assert {device} == {device_of_msr(number) for number in numbers}


def test_the_docs_have_the_table() -> None:
    """Each name with regions that have it, and no name is missing."""
    text = DOCS.read_text().partition("## JSON")[0]

    rows = {found["name"]: found["regions"] for found in _ROW.finditer(text)}

    assert {*filter(None, NAMES.values())} == rows.keys() - {MARKS}
    for name, regions in rows.items():
        for each in re.findall(r"`([^`]+)`", regions) if name != MARKS else ():
            assert name == device_of(region(each)), each
