"""What is looked for in a guest's text: a table, and the user's own ``--match``.

A pattern is tried on the line so far each time that bytes arrive, so it must hold nothing that
later bytes could take back: no ``$``, no look at what follows. All of them bound: a line is
written after the place that it tells of was passed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from qemu_boot_time.model import Bound
from qemu_boot_time.protocol import (
    EFI_STUB,
    FW_DO_BOOT,
    FW_START,
    LINUX_START_KERNEL,
    LINUX_START_USER,
    LOGIN_PROMPT,
    SYSTEMD_FINISHED,
    SYSTEMD_START,
    TARGET,
)


class Stream(StrEnum):
    """Where a guest's text comes from. In this order when both have some: it is the guest's own."""

    FIRMWARE = "firmware"
    """Port 0x402."""
    SERIAL = "serial"
    """QEMU's standard output."""


class Often(StrEnum):
    """How often a pattern makes a mark."""

    BEGINS = "begins"
    """Each time, and the guest has begun again: all others may come again."""
    EACH = "each"
    ONCE = "once"
    """Once since the guest has begun: what writes a line twice passes a place once."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line that tells of a place in the boot."""

    name: str
    """The trace point."""
    holds: str
    """Text that each match has in it: most lines are told by that not to be one. Empty: none."""
    regex: re.Pattern[str]
    """Searched in a line without its escape sequences; ``^`` is its begin."""
    streams: frozenset[Stream]
    often: Often = Often.ONCE
    bound: Bound = Bound.LE

    @property
    def says(self) -> str:
        """What to call the line."""
        return self.holds or f"/{self.regex.pattern}/"

    def is_in(self, line: str) -> bool:
        """Whether a line, or as much of it as there is, has it."""
        return self.holds in line and self.regex.search(line) is not None


_SERIAL = frozenset({Stream.SERIAL})
_FIRMWARE = frozenset({Stream.FIRMWARE})
_BOTH = _SERIAL | _FIRMWARE
_STAMP = r"^(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?)?"
"""What the kernel puts before a line (CONFIG_PRINTK_TIME, CONFIG_PRINTK_CALLER)."""

TARGETS = {
    "sysinit": "System Initialization",
    "basic": "Basic System",
    "network-online": "Network is Online",
    "multi-user": "Multi-User System",
    "graphical": "Graphical Interface",
}
"""systemd's targets, and their descriptions (systemd's units/*.target): before version 250 or so the
console had these alone."""


def _row(
    name: str,
    holds: str,
    regex: str,
    streams: frozenset[Stream] = _SERIAL,
    often: Often = Often.ONCE,
) -> Pattern:
    return Pattern(name, holds, re.compile(regex, re.MULTILINE), streams, often)


PATTERNS = (
    # SeaBIOS says its version again when it has a screen; BUILD follows the first time alone.
    _row(FW_START, "BUILD", r"^BUILD: ", _FIRMWARE, Often.BEGINS),
    _row(
        FW_START, "SecCoreStartupWithStack", r"^SecCoreStartupWithStack\(", _FIRMWARE, Often.BEGINS
    ),
    _row(FW_START, "SeaBIOS (version", r"^SeaBIOS \(version ", _SERIAL, Often.BEGINS),
    # With the device's name: "Booting from 0000:7c00" follows for the same one.
    _row(FW_DO_BOOT, "Booting from", r"^Booting from [^.\n]+\.\.\.", _BOTH, Often.EACH),
    _row(FW_DO_BOOT, "[Bds]Booting", r"^\[Bds\]Booting ", _FIRMWARE, Often.EACH),
    _row(FW_DO_BOOT, "BdsDxe: starting", r"^BdsDxe: starting ", _SERIAL, Often.EACH),
    _row(EFI_STUB, "EFI stub", r"^EFI stub: "),
    _row(LINUX_START_KERNEL, "Linux version", _STAMP + r"Linux version \d", often=Often.BEGINS),
    _row(LINUX_START_USER, "as init process", _STAMP + r"Run \S+ as init process"),
    _row(
        SYSTEMD_START,
        "systemd[1]: systemd",
        _STAMP + r"systemd\[1\]: systemd \S+ running in (?:system|test) mode",
    ),
    *(
        _row(
            TARGET.format(target),
            "Reached target",
            rf"\bReached target (?:{target}\.target|{description})",
        )
        for target, description in TARGETS.items()
    ),
    _row(SYSTEMD_FINISHED, "Startup finished in", r"systemd\[1\]: Startup finished in \d"),
    _row(LOGIN_PROMPT, "login", r"^(?!Last )\S+ login: "),
)
"""In the order of a boot. The texts are those of SeaBIOS's src/output.c and src/boot.c, EDK2's
OvmfPkg/Sec/SecMain.c, UefiBootManagerLib and PlatformBmPrintScLib, Linux's init/main.c and
drivers/firmware/efi/libstub, systemd's src/core and util-linux's agetty.c."""

FIRMWARE_MARKS = frozenset(p.name for p in PATTERNS if Stream.FIRMWARE in p.streams)
"""What a screen on the serial port tells again, later, where the firmware writes port 0x402 too."""


def with_matches(matches: Mapping[str, str]) -> tuple[Pattern, ...]:
    """Give the table and the user's own patterns (name to regular expression).

    Raises re.error for what is no regular expression.
    """
    own = (_row(name, "", regex, _BOTH) for name, regex in matches.items())
    return (*PATTERNS, *own)
