"""perf.data in pipe format, as it comes: ``perf record -o -``."""

from collections.abc import Iterator

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.perfdata.abi import MAGIC, MAGIC_OLD, PIPE_HEADER_BYTES
from qemu_boot_time.formats.perfdata.records import Record
from qemu_boot_time.formats.perfdata.session import Session, Wanted
from qemu_boot_time.formats.perfdata.walker import Walker

_ALL = Wanted()


def byte_order(magic: bytes, *, file: str) -> ByteOrder:
    """Tell the byte order from the first 8 bytes; raise InputError where they are not perf's."""
    if magic == MAGIC:
        return "<"
    if magic == MAGIC[::-1]:
        return ">"
    if magic in {MAGIC_OLD, MAGIC_OLD[::-1]}:
        raise InputError(
            f"{file}: a perf.data file of before Linux 3.0 (PERFFILE)",
            hint="record it again with a current perf",
        )
    raise InputError(f"{file}: not a perf.data file", hint="perf record -o perf.data ... makes one")


class Decoder:
    """Makes records of the bytes that ``perf record -o -`` writes, while it writes them.

    The same bytes kept in a file are read by :func:`open_recording` with the same code.
    """

    def __init__(self, *, name: str = "perf's output", wanted: Wanted = _ALL) -> None:
        self._name = name
        self._wanted = wanted
        self._head = b""
        self._walker: Walker | None = None
        self.session: Session | None = None
        """What the stream said about itself so far; None before its first 16 bytes."""

    def feed(self, chunk: bytes) -> Iterator[Record]:
        """Give the records that are complete with this chunk; consume them before the next one.

        Raises InputError or CorruptFileError once the records before the damage were given.
        """
        if self._walker is None:
            self._head += chunk
            if len(self._head) < PIPE_HEADER_BYTES:
                return
            chunk = self._head[PIPE_HEADER_BYTES:]
            self._walker = self._begin(self._head[:PIPE_HEADER_BYTES])
        yield from self._walker.feed(chunk)

    def _begin(self, head: bytes) -> Walker:
        order = byte_order(head[:8], file=self._name)
        size = int.from_bytes(head[8:], "little" if order == "<" else "big")
        if size != PIPE_HEADER_BYTES:
            raise CorruptFileError(
                self._name,
                8,
                "header",
                f"{size} bytes, not perf's pipe format",
                hint="record with `-o -`",
            )
        self.session = Session(file=self._name, order=order, wanted=self._wanted)
        return Walker(self.session, file=self._name, begin=PIPE_HEADER_BYTES)

    def finish(self) -> None:
        """Say that nothing follows; raise CorruptFileError where the stream ends inside a record."""
        if self._walker is None:
            raise CorruptFileError(
                self._name,
                len(self._head),
                "header",
                "the stream ends here",
                hint="see what perf wrote to its standard error",
            )
        self._walker.finish()
