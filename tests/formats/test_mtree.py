"""QEMU's memory map, as its monitor prints it, read as regions."""

import pytest

from qemu_boot_time.formats.mtree import MemoryMap, Region, Space, parse_mtree

# QEMU 7.2 and 10.0 print the same lines; the other views are those of devices.
TEXT = """FlatView #0
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000febf0180-00000000febf03ff (prio 1, i/o): vga.mmio @0000000000000180
  00000000fee00000-00000000feefffff (prio 4096, i/o): kvm-apic-msi
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios KVM

FlatView #1
 AS "I/O", root: io
 Root memory region: io
  0000000000000071-0000000000000071 (prio 0, i/o): rtc @0000000000000001
  0000000000000cf8-0000000000000cf8 (prio 0, i/o): pci-conf-idx
  0000000000000cf9-0000000000000cf9 (prio 1, i/o): piix3-reset-control
  0000000000000cfa-0000000000000cfb (prio 0, i/o): pci-conf-idx @0000000000000002

FlatView #2
 AS "i440FX", root: bus master container
 Root memory region: (none)
  No rendered FlatView

FlatView #3
 AS "virtio-pci-cfg-mem-as", root: virtio-pci
 Root memory region: virtio-pci
  0000000000000000-0000000000000fff (prio 0, i/o): virtio-pci-common-virtio-net
"""


def test_regions_by_address() -> None:
    """Offsets and what KVM keeps are no part of a name."""
    found = parse_mtree(TEXT.replace("\n", "\r\n"))

    assert (
        Region(0x71, 0x71, "rtc", "i/o"),
        Region(0xCF8, 0xCF8, "pci-conf-idx", "i/o"),
        Region(0xCF9, 0xCF9, "piix3-reset-control", "i/o"),
        Region(0xCFA, 0xCFB, "pci-conf-idx", "i/o"),
    ) == found.ports
    assert ["pc.ram", "vga-lowmem", "vga.mmio", "kvm-apic-msi", "pc.bios"] == [
        region.name for region in found.memory
    ]


@pytest.mark.parametrize(
    ("space", "address", "name"),
    [
        (Space.PORTS, 0xCF9, "piix3-reset-control"),
        (Space.PORTS, 0xCFB, "pci-conf-idx"),
        (Space.PORTS, 0xCFC, None),
        (Space.PORTS, 0, None),
        (Space.MEMORY, 0xB8000, "vga-lowmem"),
        (Space.MEMORY, 0xFFFF_FFF0, "pc.bios"),
        (Space.MEMORY, 1 << 40, None),
    ],
)
def test_an_address_is_in_one_region_at_most(space: Space, address: int, name: str | None) -> None:
    """The first and the last address belong to it."""
    region = parse_mtree(TEXT).find(space, address)

    assert name == (region.name if region else None)


def test_nonsense_is_an_empty_map() -> None:
    """An older QEMU says that it does not know the command."""
    assert MemoryMap() == parse_mtree("info: unknown option\r\n")
