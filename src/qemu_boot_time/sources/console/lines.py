"""Bytes with stamps become marks, however they come in pieces: the same ones at the same bytes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.sources.console.patterns import FIRMWARE_MARKS, Often, Pattern, Stream
from qemu_boot_time.sources.console.raw import Read

NAME = "console"
READING_NS = 5_000_000
"""How late a byte is read that came while we waited: the 95th percentile on a host with other work
(docs/benchmarks.md)."""

_LONGEST_LINE_BYTES = 4096
_LINE_END = re.compile(rb"[\r\n]+")
_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*(?P<csi>[@-~]|\Z)"
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\|\x1b?\Z)"
    r"|[ -/]*(?P<escape>[0-Z\\^-~]|\Z))"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]"
)
"""Control sequences (ECMA-48, 5.4), xterm's titles and what has no picture; one cut short too."""
_OTHER_LINE = {("H", None), ("f", None), ("E", None), ("F", None), (None, "M"), (None, "E")}
"""The final bytes of those that go to another line of the screen."""
_CLEARED = {"\x1bc", "\x1b[2J"}
"""What leaves nothing of the line so far to be seen. SeaBIOS does so as the kernel sets the video mode, and may
not have come to the end of the kernel's line before."""


def _replaced(sequence: re.Match[str]) -> str:
    goes_on = (sequence["csi"], sequence["escape"]) not in _OTHER_LINE
    return "" if goes_on and sequence.group() not in _CLEARED else "\n"


def plain(line: bytes) -> str:
    """Give a line without its escape sequences; what goes to another line, or clears all, begins one."""
    text = line.decode(errors="replace")
    return text if text.isprintable() else _SEQUENCE.sub(_replaced, text)


class Found(NamedTuple):
    """A line that was looked for, as far as it was needed to tell."""

    pattern: Pattern
    earliest_ns: int
    """Its first byte was written after this."""
    latest_ns: int
    """Its last byte that was needed was written before this."""


class Lines:
    """One stream of one boot, in which each pattern is found once a line."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._patterns = tuple(patterns)
        self._begin_line()

    def _begin_line(self) -> None:
        self._line = b""
        self._earliest_ns = 0
        self._left = list(self._patterns)

    def feed(self, read: Read) -> Iterator[Found]:
        """Take the next bytes; ``stream`` is not looked at."""
        data = read.data
        while data:
            room = _LONGEST_LINE_BYTES - len(self._line)
            end = _LINE_END.search(data, 0, room)
            taken = data[: end.start() if end else room]
            if taken:
                yield from self._extend(read, taken)
            if end or len(taken) == room:
                self._begin_line()
            data = data[end.end() if end else room :]

    def _extend(self, read: Read, taken: bytes) -> Iterator[Found]:
        if not self._line:
            self._earliest_ns = max(read.since_ns, read.read_ns - READING_NS)
        self._line += taken
        text = plain(self._line)
        found = [pattern for pattern in self._left if pattern.is_in(text)]
        for pattern in found:
            self._left.remove(pattern)
            yield Found(pattern, self._earliest_ns, read.read_ns)


class Guest:
    """The text of one boot, from all its streams."""

    def __init__(self, patterns: Sequence[Pattern], boot: int) -> None:
        self._boot = boot
        self._lines = {
            stream: Lines(pattern for pattern in patterns if stream in pattern.streams)
            for stream in Stream
        }
        self._firmware_speaks = False
        self._passed: set[str] = set()

    def feed(self, read: Read) -> Iterator[Event]:
        """Take the next bytes of a stream; give the marks that they complete."""
        self._firmware_speaks |= read.stream is Stream.FIRMWARE
        for found in self._lines[read.stream].feed(read):
            if self._counts(found.pattern, read.stream):
                yield self._event(found, read.stream)

    def _counts(self, pattern: Pattern, stream: Stream) -> bool:
        is_echo = stream is Stream.SERIAL and pattern.name in FIRMWARE_MARKS
        if is_echo and self._firmware_speaks:
            return False
        if pattern.often is Often.BEGINS:
            self._passed.clear()
        if pattern.often is Often.ONCE and pattern.name in self._passed:
            return False
        self._passed.add(pattern.name)
        return True

    def _event(self, found: Found, stream: Stream) -> Event:
        fields: dict[str, int | str] = {
            "name": found.pattern.name,
            "event": f"{_CALLED[stream]}: {found.pattern.says}",
            "bound": found.pattern.bound,
            "error_ns": found.latest_ns - found.earliest_ns,
        }
        return Event(found.latest_ns, NAME, EventKind.PASSED, self._boot, fields)


_CALLED = {Stream.SERIAL: "console", Stream.FIRMWARE: "port 0x402"}


class Guests:
    """The text of all boots of a run."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns
        self._by_boot: dict[int, Guest] = {}

    def feed(self, read: Read) -> Iterator[Event]:
        """Take the next bytes; ``vm`` of the marks is the boot's index."""
        guest = self._by_boot.get(read.boot) or Guest(self._patterns, read.boot)
        self._by_boot[read.boot] = guest
        return guest.feed(read)
