"""What a guest writes to its first serial port, put together to lines again from KVM's port writes.

Each byte is a write with the host's own stamp, so a line has one too: that of its first byte. Pure,
and standard library only: perf's own Python imports this.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from qemu_boot_time.protocol import LINUX_START_KERNEL, LINUX_START_USER

DATA_PORT, LINE_CONTROL_PORT = 0x3F8, 0x3FB
PORTS = (DATA_PORT, LINE_CONTROL_PORT)

_DIVISOR_LATCH = 1 << 7
"""Of the line control register: what goes to the data port is the baud rate (16550A data sheet)."""
_LONGEST_BYTES = 4096

SHOWS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        LINUX_START_KERNEL: re.compile(r"\bLinux version \d"),
        LINUX_START_USER: re.compile(r"\bRun \S+ as init process$"),
    }
)
"""Trace points, and the line that Linux writes when it has passed them: at once, or as soon as it
has a console (``start_kernel()`` and ``run_init_process()``, init/main.c)."""


class Line(NamedTuple):
    """What a guest wrote up to a line feed."""

    time_ns: int
    """Of its first byte; the guest had made the line by then."""
    text: str
    """Without the end of the line; bytes that are no UTF-8 are replaced."""


@dataclass(slots=True)
class SerialPort:
    """One serial port so far."""

    _begun: bytearray = field(default_factory=bytearray)
    _begin_ns: int = 0
    _sets_baud_rate: bool = False

    def write(self, time_ns: int, port: int, value: int) -> Iterator[Line]:
        """Take a write to one of ``PORTS``; give the line that it ends."""
        if port == LINE_CONTROL_PORT:
            self._sets_baud_rate = bool(value & _DIVISOR_LATCH)
        elif not self._sets_baud_rate:
            self._begin_ns = self._begin_ns if self._begun else time_ns
            self._begun.append(value & 0xFF)
            if self._begun.endswith(b"\n") or len(self._begun) >= _LONGEST_BYTES:
                text = self._begun.decode(errors="replace").strip("\r\n")
                self._begun.clear()
                yield Line(self._begin_ns, text)


def shown_by(line: Line) -> Iterator[str]:
    """Give the trace points that the guest had passed when it wrote this."""
    return (name for name, pattern in SHOWS.items() if pattern.search(line.text))
