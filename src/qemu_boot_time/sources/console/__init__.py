"""Lines of the guest's console with the host's stamps: stock guests, any accelerator, no rights.

Two streams: QEMU's standard output, where the command sends a serial console there, and what the
firmware writes to port 0x402. A mark is stamped when the read that completed its line's match had
returned (CLOCK_MONOTONIC): the place that the line tells of was passed before, so it bounds.
``error_ns`` is how long before the stamp the line may have begun: to the read before the one that
brought its first byte, but no further than a read is late (:data:`lines.READING_NS`). How long
before its line a place was passed nobody outside can tell; a kernel without ``earlycon`` prints
its first lines only when it has its console.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError, UsageError
from qemu_boot_time.host import Probe
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Needs, Source
from qemu_boot_time.sources.console.cost import remarks_on, texts_of
from qemu_boot_time.sources.console.lines import NAME, Guests
from qemu_boot_time.sources.console.patterns import with_matches
from qemu_boot_time.sources.console.raw import Read, reads
from qemu_boot_time.sources.console.session import ConsoleSession
from qemu_boot_time.vm.command import QemuCommand
from qemu_boot_time.vm.console import firmware_port_is_free, hushes_kernel, on_stdout

_SHOW = "-serial stdio (or mon:stdio), with console=ttyS0 in -append, shows them"
_NO_SERIAL = f"console: the guest's serial port is not on standard output, so only the firmware's lines are seen: {_SHOW}"
_NO_FIRMWARE = "console: the command has a device of its own on port 0x402: the firmware's lines are seen only if that writes to standard output"
_HUSHED = "console: quiet or loglevel in -append keeps the kernel's own lines off the console"


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[ConsoleSession]:
    """Make the FIFO. Raises HostError where that cannot be."""
    with tempfile.TemporaryDirectory(prefix="qbt-") as directory:
        guard.watch("remove", directory)
        with contextlib.closing(ConsoleSession(request, Path(directory))) as session:
            yield session
    guard.release("remove", directory)


def read(request: Arm) -> Iterator[Event]:
    """Read ``console.jsonl`` again; ``vm`` is the boot's index.

    Raises InputError where the file is missing, CorruptFileError where it is damaged, after all
    that is before the damage.
    """
    guests = Guests(with_matches(request.asked.matches))
    for each in reads(request.raw):
        yield from guests.feed(each)


def caveats(command: QemuCommand) -> tuple[str, ...]:
    """Say which lines cannot be seen. Raises UsageError where none can."""
    serial, firmware = on_stdout(command), firmware_port_is_free(command)
    if not (serial or firmware):
        raise UsageError("neither the serial port nor port 0x402 can be read", hint=_SHOW)
    found = {
        _NO_SERIAL: not serial,
        _NO_FIRMWARE: not firmware,
        _HUSHED: serial and hushes_kernel(command),
    }
    return tuple(caveat for caveat, is_so in found.items() if is_so)


def remarks(request: Arm) -> tuple[str, ...]:
    """Say what the text cost the boots, as far as its raw file can be read."""
    return tuple(remarks_on(texts_of(_undamaged(reads(request.raw)))))


def _undamaged(found: Iterator[Read]) -> Iterator[Read]:
    with contextlib.suppress(CorruptFileError):
        yield from found


def probe() -> Probe:
    """Need nothing of the host."""
    return Probe(ok=True, what="a pipe and a FIFO")


SOURCE = Source(
    name=NAME,
    sees="lines of stock firmware, kernels and systemd, and your own (--match); they bound",
    needs=Needs.NOTHING,
    probe=probe,
    arm=arm,
    read=read,
    by_index=True,
    sees_port_writes=False,
    caveats=caveats,
    remarks=remarks,
)
