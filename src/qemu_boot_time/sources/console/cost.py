"""What the text itself costs a boot: its bytes, and the time that they took to be written.

A guest that writes a line does nothing else meanwhile: the kernel's and the firmware's drivers put
one byte after the other, and each is an exit to QEMU under KVM. So the time from one read in the
middle of a line to the next is that of the bytes between.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from qemu_boot_time.sources.console.patterns import Stream
from qemu_boot_time.sources.console.raw import Read

LEAST_BYTES = 200
"""Of which the time was measured: below that it is the luck of a few reads."""

_NS_PER_US = 1e3
_NS_PER_MS = 1e6
_CALLED = {
    Stream.SERIAL: "console: {}",
    Stream.FIRMWARE: "firmware's text: {}; written because this source listens",
}


@dataclass(slots=True)
class Text:
    """One stream over all boots of a run."""

    bytes_by_boot: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    bursts: list[tuple[float, int]] = field(default_factory=list)
    """Nanoseconds a byte between two reads in the middle of a line, and how many bytes."""

    @property
    def bytes_a_boot(self) -> int:
        """The median over the boots that have any."""
        return round(median(self.bytes_by_boot.values())) if self.bytes_by_boot else 0

    @property
    def byte_ns(self) -> float | None:
        """The time a byte: the median byte's. None where too few could be timed."""
        half = sum(count for _, count in self.bursts) / 2
        if 2 * half < LEAST_BYTES:
            return None
        passed = 0
        for each_ns, count in sorted(self.bursts):
            passed += count
            if passed >= half:
                return each_ns
        raise AssertionError("half of them is no more than all")


def texts_of(reads: Iterable[Read]) -> Mapping[Stream, Text]:
    """Count and time what was read, in the order of the reads."""
    texts = {stream: Text() for stream in Stream}
    before: dict[tuple[int, Stream], Read] = {}
    for read in reads:
        text = texts[read.stream]
        text.bytes_by_boot[read.boot] += len(read.data)
        last = before.get((read.boot, read.stream))
        if last is not None and not last.data.endswith((b"\n", b"\r")):
            text.bursts.append(((read.read_ns - last.read_ns) / len(read.data), len(read.data)))
        before[read.boot, read.stream] = read
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
