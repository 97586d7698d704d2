"""The I/O-port protocol: one byte on port 0xf5 (firmware) or 0xf4 (Linux side) is one trace point.

Standard library only: perf's own Python imports this. The values are fixed by instrumented
firmware and kernels in the field (patches/, and qboot's own benchmark.h).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

FIRMWARE_PORT = 0xF5
LINUX_PORT = 0xF4
PORTS = (LINUX_PORT, FIRMWARE_PORT)

QEMU_INIT_END = "qemu_init_end"
FW_START = "fw_start"
LINUX_START_FWCFG = "linux_start_fwcfg"
LINUX_START_BOOT = "linux_start_boot"
LINUX_START_PVHBOOT = "linux_start_pvhboot"
FW_DO_BOOT = "fw_do_boot"
LINUX_START_KERNEL = "linux_start_kernel"
LINUX_START_USER = "linux_start_user"


class TracePoint(NamedTuple):
    """A named place in the boot."""

    name: str
    port: int | None
    """The I/O port it is written to; None: nobody writes it, a source sees it from outside."""
    value: int | None
    where: str


TRACE_POINTS = (
    TracePoint(QEMU_INIT_END, None, None, "the first time a vCPU enters the guest"),
    TracePoint(FW_START, FIRMWARE_PORT, 1, "SeaBIOS, qboot: first code of the firmware"),
    TracePoint(LINUX_START_FWCFG, LINUX_PORT, 2, "qboot: jump to a multiboot kernel (fw_cfg)"),
    TracePoint(FW_DO_BOOT, FIRMWARE_PORT, 5, "SeaBIOS: about to boot a device (may repeat)"),
    TracePoint(LINUX_START_BOOT, LINUX_PORT, 3, "option ROM, qboot: jump to the bzImage"),
    TracePoint(LINUX_START_PVHBOOT, LINUX_PORT, 4, "option ROM, qboot: jump to the PVH kernel"),
    TracePoint(LINUX_START_KERNEL, LINUX_PORT, 6, "Linux: first statement of start_kernel()"),
    TracePoint(LINUX_START_USER, LINUX_PORT, 7, "Linux: kernel_init(), before init is run"),
)
"""In the order of a boot."""

QEMU_MAIN = "qemu_main"
QEMU_MONITOR = "qemu_monitor"
QEMU_GREETING = "qemu_greeting"
KERNEL_OPENED = "kernel_opened"
KERNEL_READ = "kernel_read"
DEVICES_MADE = "devices_made"

START_PLACES = (
    TracePoint(
        QEMU_MAIN, None, None, "QEMU's first thread: its libraries are loaded, main() is next"
    ),
    TracePoint(QEMU_MONITOR, None, None, "its character devices are open: the options are read"),
    TracePoint(
        QEMU_GREETING, None, None, "its monitor speaks: accelerator, disks, networks are there"
    ),
    TracePoint(KERNEL_OPENED, None, None, "the first of -kernel, -initrd, -dtb is opened"),
    TracePoint(KERNEL_READ, None, None, "the last of them was opened or closed"),
    TracePoint(
        DEVICES_MADE, None, None, "all devices are made: tables, ROMs and the reset are next"
    ),
)
"""Places of QEMU's own start, in their order; they are no marks, for the guest does not run yet."""

DECOMPRESS_START = "decompress_start"
DECOMPRESS_END = "decompress_end"
LINUX_REST_INIT = "linux_rest_init"
LINUX_SMP_INIT = "linux_smp_init"
FIRST_USER_INSTRUCTION = "first_user_instruction"
POWER_OFF = "power_off"

FINER_POINTS = (
    TracePoint(DECOMPRESS_START, None, None, "entry of the bzImage's 32-bit or 64-bit code"),
    TracePoint(DECOMPRESS_END, None, None, "entry of the decompressed kernel (startup_64)"),
    TracePoint(LINUX_REST_INIT, None, None, "Linux: rest_init(), the end of start_kernel()"),
    TracePoint(LINUX_SMP_INIT, None, None, "Linux: smp_init(), further CPUs are brought up"),
    TracePoint(FIRST_USER_INSTRUCTION, None, None, "the init process's first instruction"),
    TracePoint(POWER_OFF, None, None, "the guest switches its machine off (ACPI S5)"),
)
"""Places that some sources see and nobody writes; they bound no phase of their own."""

EFI_STUB = "efi_stub"
SYSTEMD_START = "systemd_start"
SYSTEMD_FINISHED = "systemd_finished"
LOGIN_PROMPT = "login_prompt"
TARGET = "target:{}"
"""The name of a systemd target's mark."""

CONSOLE_POINTS = (
    TracePoint(EFI_STUB, None, None, "Linux: the kernel's EFI stub has begun to speak"),
    TracePoint(SYSTEMD_START, None, None, "systemd: process 1 says its version"),
    TracePoint(TARGET.format("sysinit"), None, None, "systemd: reached sysinit.target"),
    TracePoint(TARGET.format("basic"), None, None, "systemd: reached basic.target"),
    TracePoint(
        TARGET.format("network-online"), None, None, "systemd: reached network-online.target"
    ),
    TracePoint(TARGET.format("multi-user"), None, None, "systemd: reached multi-user.target"),
    TracePoint(TARGET.format("graphical"), None, None, "systemd: reached graphical.target"),
    TracePoint(SYSTEMD_FINISHED, None, None, "systemd: says how long its start took"),
    TracePoint(LOGIN_PROMPT, None, None, "getty: asks for a user's name"),
)
"""Places that a guest's console tells of; they bound no phase of their own."""

RANK: Mapping[str, int] = MappingProxyType({p.name: i for i, p in enumerate(TRACE_POINTS)})
"""Where in a boot a trace point of the protocol comes."""

_BY_WRITE = {(p.port, p.value): p.name for p in TRACE_POINTS if p.port is not None}
CUSTOM_VALUES = range(1 + max(p.value for p in TRACE_POINTS if p.value is not None), 256)
"""What is left of a byte for the user's own trace points, on either port."""

INSIDE_PORT = 0xF6
"""Where a guest that is looked into hands out what it knows of its boot (guest/inside.c)."""
CLOCK_BEFORE, CLOCK_AFTER, LOG_AFTER, HANDED_OUT = range(250, 254)
"""What it writes to port 0xf4, in boots that are made for it alone: before and after it has read its
clock, after a line that it wrote to the kernel's log, when all is handed out. In every other boot
these values are the user's."""


@dataclass(frozen=True, slots=True)
class Names:
    """What port writes are called: the protocol, and the user's own names for values above it."""

    custom: Mapping[int, str] = field(default_factory=dict)
    """Value (8 to 255, on either port) to name."""
    own: frozenset[str] = frozenset()
    """The user's names for places that a source sees by itself: a symbol, a line of the console."""

    def of(self, port: int, value: int) -> str | None:
        """Name a write of ``value`` to ``port``; None where the protocol gives it no meaning."""
        if port not in PORTS:
            return None
        if value in CUSTOM_VALUES:
            return self.custom.get(value, f"Exit point {value}")
        return _BY_WRITE.get((port, value))

    def is_custom(self, name: str) -> bool:
        """Whether the user gave this name."""
        return name in self.own or name in self.custom.values()
