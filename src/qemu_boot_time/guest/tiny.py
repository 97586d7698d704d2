"""A guest of 64 KiB that speaks the whole protocol: a BIOS image made here, byte by byte.

It is what ``qemu-system-x86_64 -bios`` runs in place of a firmware, in 16-bit code from the reset
vector on. A guest is a list of steps, and every variant is another list: one that never reaches a
mark, one that resets twice, one that leaves the VM thirty thousand times. No compiler, no kernel,
no network; it runs on ``pc``, ``q35`` and ``microvm``, with TCG and KVM.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from qemu_boot_time.protocol import (
    FW_DO_BOOT,
    FW_START,
    LINUX_START_BOOT,
    LINUX_START_KERNEL,
    LINUX_START_USER,
    TRACE_POINTS,
)

IMAGE_BYTES = 0x10000
"""``-bios`` takes multiples of 64 KiB, and maps the last one to end at 4 GiB."""
DEBUG_EXIT_PORT = 0x501
_PVPANIC_PORT = 0x505
UART = 0x3F8
"""Of the first serial port."""
_UART_STATUS = UART + 5
_UART_HAS_ROOM = 0x20
"""LSR.THRE of a 16550: the transmitter's holding register is empty."""
_VGA_SEGMENT = 0xA000
UNASSIGNED_PORT = 0x0E70
"""No device of pc, q35 or microvm answers here."""

_RESET_VECTOR = 0xFFF0
_RESETS = 0x500
"""In RAM, which QEMU clears at its start and a reset leaves alone: how often we were reset."""
_ZEROS = 0x600
"""In RAM, never written: six zero bytes, an interrupt table of no entries."""
_SHORT_PORTS = 0x100
"""``out imm8, al`` reaches the ports below."""
_PCI_ADDRESS = 0xCF8
_PCI_DATA = 0xCFC
_PM_BASE = 0x600
_PM1_CONTROL = _PM_BASE + 4
_SLEEP_ENABLE = 1 << 13
"""With sleep type 0: soft off, on both PIIX4 and ICH9."""

_OPCODES: Mapping[str, tuple[bytes, str]] = MappingProxyType(
    {
        "cli": (b"\xfa", ""),
        "hlt": (b"\xf4", ""),
        "int3": (b"\xcc", ""),
        "mov al, u8": (b"\xb0", "B"),
        "mov ax, u16": (b"\xb8", "H"),
        "mov eax, u32": (b"\x66\xb8", "I"),
        "mov ecx, u32": (b"\x66\xb9", "I"),
        "mov dx, u16": (b"\xba", "H"),
        "dec ecx": (b"\x66\x49", ""),
        "in al, dx": (b"\xec", ""),
        "test al, u8": (b"\xa8", "B"),
        "out u8, al": (b"\xe6", "B"),
        "out dx, al": (b"\xee", ""),
        "out dx, ax": (b"\xef", ""),
        "out dx, eax": (b"\x66\xef", ""),
        "cmp byte [u16], u8": (b"\x80\x3e", "HB"),
        "inc byte [u16]": (b"\xfe\x06", "H"),
        "lidt [u16]": (b"\x0f\x01\x1e", "H"),
        "jmp s8": (b"\xeb", "b"),
        "jmp u16": (b"\xe9", "H"),
        "jmp u16:u16": (b"\xea", "HH"),
        "jae s8": (b"\x73", "b"),
        "jz s8": (b"\x74", "b"),
        "jnz s8": (b"\x75", "b"),
    }
)
"""Mnemonic (operand kinds in place of operands) to opcode and the operands' struct format."""


def assemble(*lines: tuple[str, *tuple[int, ...]]) -> bytes:
    """Assemble lines of a mnemonic of the table and its operands, in that order.

    Raises KeyError for another mnemonic, struct.error for an operand that does not fit.
    """
    code = bytearray()
    for mnemonic, *operands in lines:
        opcode, kinds = _OPCODES[mnemonic]
        code += opcode + struct.pack(f"<{kinds}", *operands)
    return bytes(code)


_JUMP_BYTES = 3
"""The jump at the reset vector."""
_HANG = assemble(("cli",), ("hlt",), ("jmp s8", -3))


class ResetBy(Enum):
    """A way for a guest to reset the machine."""

    PORT_CF9 = assemble(("mov dx, u16", 0xCF9), ("mov al, u8", 0x0E), ("out dx, al",))
    """The chipset's reset control register: pc and q35."""
    KEYBOARD = assemble(("mov al, u8", 0xFE), ("out u8, al", 0x64))
    """The keyboard controller's reset line: pc and q35."""
    TRIPLE_FAULT = assemble(("lidt [u16]", _ZEROS), ("int3",))
    """No interrupt table, and an interrupt: every machine, but not every emulation of KVM."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write one byte to a port."""

    port: int
    value: int

    def code(self) -> bytes:
        """Give the instructions; a port below 256 takes the short form, as the patches do."""
        if self.port < _SHORT_PORTS:
            return assemble(("mov al, u8", self.value), ("out u8, al", self.port))
        return assemble(("mov dx, u16", self.port), ("mov al, u8", self.value), ("out dx, al",))


@dataclass(frozen=True, slots=True)
class Spin:
    """Count down, so that what lies between two marks takes time."""

    loops: int

    def code(self) -> bytes:
        """Give the instructions; none for no loops."""
        if not self.loops:
            return b""
        return assemble(("mov ecx, u32", self.loops), ("dec ecx",), ("jnz s8", -4))


@dataclass(frozen=True, slots=True)
class Flood:
    """Write to a port again and again: as many exits to QEMU."""

    count: int
    port: int = UNASSIGNED_PORT

    def code(self) -> bytes:
        """Give the instructions; none for a count of nothing."""
        if not self.count:
            return b""
        return assemble(
            ("mov dx, u16", self.port),
            ("mov ecx, u32", self.count),
            ("out dx, al",),
            ("dec ecx",),
            ("jnz s8", -5),
        )


@dataclass(frozen=True, slots=True)
class Raw:
    """Run instructions that were made elsewhere: 16-bit code that goes on behind its end."""

    instructions: bytes

    def code(self) -> bytes:
        """Give the instructions."""
        return self.instructions


@dataclass(frozen=True, slots=True)
class Print:
    """Write to the first serial port again and again, each time when it has room, as Linux does."""

    count: int

    def code(self) -> bytes:
        """Give the instructions; none for a count of nothing."""
        if not self.count:
            return b""
        return assemble(
            ("mov ecx, u32", self.count),
            ("mov dx, u16", _UART_STATUS),
            ("in al, dx",),
            ("test al, u8", _UART_HAS_ROOM),
            ("jz s8", -5),
            ("mov dx, u16", UART),
            ("mov al, u8", ord("x")),
            ("out dx, al",),
            ("dec ecx",),
            ("jnz s8", -18),
        )


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the machine here while it was reset fewer than ``times`` times in this boot."""

    times: int = 1
    by: ResetBy = ResetBy.PORT_CF9

    def code(self) -> bytes:
        """Give the instructions."""
        reset = assemble(("inc byte [u16]", _RESETS)) + self.by.value + _HANG
        return assemble(("cmp byte [u16], u8", _RESETS, self.times), ("jae s8", len(reset))) + reset


@dataclass(frozen=True, slots=True)
class DebugExit:
    """Leave through ``-device isa-debug-exit``: QEMU's exit status is ``2 * value + 1``."""

    value: int = 0

    def code(self) -> bytes:
        """Give the instructions."""
        return Write(DEBUG_EXIT_PORT, self.value).code()


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Enter ACPI S5 on pc and q35, no device needed: QEMU's exit status is 0.

    Where firmware would have placed the power management registers, this places them itself: in
    PIIX4's function (pc, 00:01.3) and in ICH9's (q35, 00:1f.0); writes to the absent one are lost.
    """

    def code(self) -> bytes:
        """Give the instructions."""
        return (
            _write_pci(0x80000B40, _PM_BASE | 1)  # PIIX4 PMBA
            + _write_pci(0x80000B80, 1)  # PIIX4 PMREGMISC: PMIOSE
            + _write_pci(0x8000F840, _PM_BASE | 1)  # ICH9 PMBASE
            + _write_pci(0x8000F844, 0x80)  # ICH9 ACPI_CNTL: ACPI_EN
            + assemble(
                ("mov dx, u16", _PM1_CONTROL), ("mov ax, u16", _SLEEP_ENABLE), ("out dx, ax",)
            )
        )


@dataclass(frozen=True, slots=True)
class Hang:
    """Halt for ever, with interrupts off."""

    def code(self) -> bytes:
        """Give the instructions."""
        return _HANG


@dataclass(frozen=True, slots=True)
class Panic:
    """Tell ``-device pvpanic`` that the guest has panicked (QEMU's docs/specs/pvpanic)."""

    def code(self) -> bytes:
        """Give the instructions."""
        return Write(_PVPANIC_PORT, 1).code()


@dataclass(frozen=True, slots=True)
class Stray:
    """Jump into the memory of a display, where no code is: KVM gives up with an internal error."""

    def code(self) -> bytes:
        """Give the instruction."""
        return assemble(("jmp u16:u16", 0, _VGA_SEGMENT))


Step = Write | Spin | Flood | Raw | Print | Reset | DebugExit | PowerOff | Hang | Panic | Stray


def _write_pci(address: int, value: int) -> bytes:
    return assemble(
        ("mov dx, u16", _PCI_ADDRESS),
        ("mov eax, u32", address),
        ("out dx, eax",),
        ("mov dx, u16", _PCI_DATA),
        ("mov eax, u32", value),
        ("out dx, eax",),
    )


_WRITES = {
    point.name: Write(point.port, point.value)
    for point in TRACE_POINTS
    if point.port is not None and point.value is not None
}
PROTOCOL = (FW_START, FW_DO_BOOT, LINUX_START_BOOT, LINUX_START_KERNEL, LINUX_START_USER)
"""What a boot of SeaBIOS and a bzImage writes."""


def marks(*names: str, spin: int = 0) -> tuple[Step, ...]:
    """Write trace points of the protocol in the order given, ``spin`` loops before each.

    Raises KeyError for a name that nobody writes.
    """
    return tuple(step for name in names for step in (Spin(spin), _WRITES[name]))


def image(*steps: Step) -> bytes:
    """Make the BIOS image that takes these steps, and hangs after the last.

    Raises ValueError when they do not fit.
    """
    code = b"".join(step.code() for step in steps) + _HANG
    if len(code) > _RESET_VECTOR:
        raise ValueError(f"{len(code)} bytes of code: at most {_RESET_VECTOR} fit")
    back_to_zero = assemble(("jmp u16", IMAGE_BYTES - _RESET_VECTOR - _JUMP_BYTES))
    return (code.ljust(_RESET_VECTOR, b"\0") + back_to_zero).ljust(IMAGE_BYTES, b"\0")


def qemu_args(bios: Path) -> tuple[str, ...]:
    """Give what QEMU needs besides accelerator and machine to run the image in a file."""
    exit_device = f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=2"
    return ("-nodefaults", "-display", "none", "-bios", str(bios), "-device", exit_device)
