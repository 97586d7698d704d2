"""A guest that leaves the processor a known number of times, for known devices, in known phases."""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any

from qemu_boot_time.exits import ExitKind
from qemu_boot_time.guest import tiny
from qemu_boot_time.guest.tiny import Flood, Raw, assemble

FW_CFG, FW_CFG_DATA, CMOS, CMOS_DATA, PCI = 0x510, 0x511, 0x70, 0x71, 0xCF8
PIT = 0x40
_VGA = 0xA000
_MTRR_CAP = 0xFE
_STRING = 32
"""Bytes that one instruction reads."""
_BUFFER = 0x7000

DEVICES = ("-vga", "std", "-serial", "null")
"""What it needs beside :func:`tiny.qemu_args`."""


def reads(count: int, port: int) -> Raw:
    """Read a port again and again."""
    loop = assemble(("in al, dx",), ("dec ecx",), ("jnz s8", -5))
    return Raw(assemble(("mov dx, u16", port), ("mov ecx, u32", count)) + loop)


def string(count: int, port: int) -> Raw:
    """Read so many bytes of a port with one instruction (``rep insb``), which KVM fetches at once."""
    into = assemble(("mov ax, u16", 0)) + b"\x8e\xc0\xbf" + struct.pack("<H", _BUFFER)  # es:di
    repeat = b"\xfc\xb9" + struct.pack("<H", count)  # cld; mov cx, count
    return Raw(assemble(("mov dx, u16", port)) + into + repeat + b"\xf3\x6c")


def memory(writes: int, loads: int) -> Raw:
    """Write and read a display's memory (``mov es:[0], al``, ``mov al, es:[0]``)."""
    segment = assemble(("mov ax, u16", _VGA)) + b"\x8e\xc0"  # mov es, ax
    return Raw(segment + b"\x26\xa2\0\0" * writes + b"\x26\xa0\0\0" * loads)


def msr_reads(count: int) -> Raw:
    """Read a model-specific register."""
    return Raw((assemble(("mov ecx, u32", _MTRR_CAP)) + b"\x0f\x32") * count)


def image() -> bytes:
    """Make the firmware."""
    start, do_boot, boot, kernel, user = (tiny.marks(name) for name in tiny.PROTOCOL)
    return tiny.image(
        *start,
        *(Flood(7, FW_CFG), reads(5, FW_CFG_DATA), Flood(6, CMOS), reads(6, CMOS_DATA)),
        *do_boot,
        *(Flood(11, tiny.UART), Flood(4, PCI), Flood(9), Flood(3, PIT)),
        *boot,
        *(memory(13, 3), msr_reads(4), string(_STRING, FW_CFG_DATA)),
        *kernel,
        *user,
        tiny.DebugExit(),
    )


Place = tuple[str, str, str]
"""Phase, device, kind."""

EXITS: Mapping[Place, tuple[int, int]] = {
    ("firmware", "boot marks", "port write"): (1, 1),
    ("firmware", "fw_cfg", "port write"): (7, 7),
    ("firmware", "fw_cfg", "port read"): (5, 5),
    ("firmware", "cmos", "port write"): (6, 6),
    ("firmware", "cmos", "port read"): (6, 6),
    ("loader", "boot marks", "port write"): (1, 1),
    ("loader", "serial", "port write"): (11, 11),
    ("loader", "pci config", "port write"): (4, 4),
    ("loader", "", "port write"): (9, 9),
    ("loader", "timer (pit)", "port write"): (3, 3),
    ("kernel_early", "boot marks", "port write"): (1, 1),
    ("kernel_early", "vga", "mmio write"): (13, 13),
    ("kernel_early", "vga", "mmio read"): (3, 3),
    ("kernel_early", "mtrr", "msr read"): (4, 4),
    ("kernel_early", "fw_cfg", "port read"): (1, _STRING),
    ("kernel", "boot marks", "port write"): (2, 2),
}
"""What it comes to: exits, and accesses. The mark that ends a phase is the next one's; the last its own."""


def counted(boot: Mapping[str, Any]) -> dict[Place, tuple[int, int]]:
    """Give exits and accesses of one boot by phase, device and kind, apart from other reasons."""
    exits, accesses = Counter[Place](), Counter[Place]()
    for counter in boot["counters"]:
        if counter["kind"] != ExitKind.OTHER:
            place = (counter["phase"], counter["device"], counter["kind"])
            exits[place] += counter["exits"]
            accesses[place] += counter["accesses"]
    return {place: (exits[place], accesses[place]) for place in exits}
