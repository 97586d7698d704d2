"""What the text itself costs a boot: its bytes, and the time that they took to be written.

A guest that writes a line does nothing else meanwhile: the kernel's and the firmware's drivers put
one byte after the other, and each is an exit to QEMU under KVM. So the time from one read in the
middle of a line to the next is that of the bytes between.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import median

from qemu_boot_time.sources.console.patterns import Stream
from qemu_boot_time.sources.console.raw import Read

LEAST_BYTES = 200
"""Of which the time was measured: below that it is the luck of a few reads."""

_STEP_NS = 10
_NS_PER_US = 1e3
_NS_PER_MS = 1e6
_CALLED = {
    Stream.SERIAL: "console: {}",
    Stream.FIRMWARE: "firmware's text: {}; written because this source listens",
}


@dataclass(slots=True)
class Text:
    """One stream over all boots of a run."""

    bytes_by_boot: Counter[int] = field(default_factory=Counter)
    bursts: Counter[int] = field(default_factory=Counter)
    """Nanoseconds a byte between two reads in the middle of a line, and of how many bytes."""

    @property
    def bytes_a_boot(self) -> int:
        """The median over the boots that have any."""
        return round(median(self.bytes_by_boot.values())) if self.bytes_by_boot else 0

    @property
    def byte_ns(self) -> int | None:
        """The time a byte: the median byte's. None where too few could be timed."""
        if self.bursts.total() < LEAST_BYTES:
            return None
        times_ns = sorted(self.bursts)
        passed = list(accumulate(self.bursts[each_ns] for each_ns in times_ns))
        return times_ns[bisect_left(passed, passed[-1] / 2)]

    def add(self, read: Read, before: Read | None) -> None:
        """Count a read; ``before`` is the one before it in the same boot."""
        self.bytes_by_boot[read.boot] += len(read.data)
        if before is not None and not before.data.endswith((b"\n", b"\r")):
            took_ns = read.read_ns - before.read_ns
            self.bursts[took_ns // len(read.data) // _STEP_NS * _STEP_NS] += len(read.data)


def texts_of(reads: Iterable[Read]) -> Mapping[Stream, Text]:
    """Count and time what was read, in the order of the reads."""
    texts = {stream: Text() for stream in Stream}
    last: dict[tuple[int, Stream], Read] = {}
    for read in reads:
        place = (read.boot, read.stream)
        texts[read.stream].add(read, last.get(place))
        last[place] = read
    return texts


def remarks_on(texts: Mapping[Stream, Text]) -> Sequence[str]:
    """Say it in a line a stream; nothing of one that was silent."""
    return tuple(
        _CALLED[stream].format(_told(text)) for stream, text in texts.items() if text.bytes_a_boot
    )


def _told(text: Text) -> str:
    count = f"{text.bytes_a_boot:,} bytes a boot"
    if text.byte_ns is None:
        return f"{count}, too few to say how long they took"
    took_ms = text.bytes_a_boot * text.byte_ns / _NS_PER_MS
    each_us = text.byte_ns / _NS_PER_US
    return f"{count}, about {took_ms:.1f} ms of it ({each_us:.1f} us a byte, measured)"
