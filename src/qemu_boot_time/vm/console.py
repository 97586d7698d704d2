"""Where a QEMU command sends the guest's text. Pure.

What QEMU does with no option that says so is in its system/vl.c (qemu_create_default_devices): with
``-nographic`` the first serial port is on standard output, else in a virtual console that nobody
sees; ``-nodefaults``, or a serial device of one's own, leaves it out.
"""

import re
from collections.abc import Iterator

from qemu_boot_time.vm.command import QemuCommand, device_ports

FIRMWARE_TEXT_PORT = 0x402
"""SeaBIOS, and OVMF where it is built for it, write their debug text here if a device answers."""

_STDOUT = {"stdio", "file:/dev/stdout", "file:/dev/fd/1", "file:/proc/self/fd/1"}
_STDIO_CHARDEV = re.compile(r"(?:^|,)(?:backend=)?stdio(?:,|$)")
_ID = re.compile(r"(?:^|,)id=([^,]+)")
_CHARDEV = re.compile(r"\bchardev[\"=:\s]+([^\s,\"}]+)")
_SERIAL_DEVICE = re.compile(r"isa-serial\b|\"driver\":\s*\"isa-serial\"")
_QUIET = re.compile(r"(?:^|\s)(?:quiet|loglevel=[0-6])(?=\s|$)")


def on_stdout(command: QemuCommand) -> bool:
    """Whether text of the guest may come on QEMU's standard output; behind a script it may."""
    if command.at is None:
        return True
    if any(word in _STDOUT for word in _backends(command)):
        return True
    return command.has("-nographic") and not _no_default_serial(command)


def firmware_port_is_free(command: QemuCommand) -> bool:
    """Whether the command leaves the port of the firmware's text alone."""
    return FIRMWARE_TEXT_PORT not in device_ports(command)


def hushes_kernel(command: QemuCommand) -> bool:
    """Whether the kernel is told to keep what it does off its console."""
    return any(_QUIET.search(words) for words in command.values("-append"))


def _backends(command: QemuCommand) -> Iterator[str]:
    """Give what the serial ports and other character devices of the guest write to."""
    for value in command.values("-serial", "-debugcon"):
        yield value.removeprefix("mon:")
    stdio = {
        found[1]
        for value in command.values("-chardev")
        if _STDIO_CHARDEV.search(value) and (found := _ID.search(value))
    }
    users = [*command.values("-device"), *command.values("-serial", "-debugcon")]
    for value in users:
        found = _CHARDEV.search(value)
        if found and found[1] in stdio:
            yield "stdio"


def _no_default_serial(command: QemuCommand) -> bool:
    own = any(_SERIAL_DEVICE.search(value) for value in command.values("-device"))
    return own or command.has("-serial", "-nodefaults")
