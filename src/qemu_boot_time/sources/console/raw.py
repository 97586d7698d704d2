"""What was read of a guest's text, and when: ``console.jsonl``, one line a read.

::

    [boot, "firmware" or "serial", since_ns, read_ns, bytes in base64]
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.sources.console.patterns import Stream

RAW_FILE = "console.jsonl"


class Read(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Some bytes of one stream. Times are absolute: CLOCK_MONOTONIC, in ns."""

    boot: int
    stream: Stream
    since_ns: int
    """A moment at which none of these bytes had been written."""
    read_ns: int
    """A moment at which all of them had."""
    data: Annotated[bytes, msgspec.Meta(min_length=1)]
    """At least one: no read brings none."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Read)


def line_of(read: Read) -> bytes:
    """Give the line that keeps it."""
    return _ENCODER.encode(read) + b"\n"


def reads(directory: Path) -> Iterator[Read]:
    """Read the raw file again; a last line cut short by a killed writer is left out.

    Raises InputError where it is missing, CorruptFileError for damage, after all that is before it.
    """
    file = directory / RAW_FILE
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", hint="without it no mark is known") from error
    with stream:
        offset = 0
        for line in stream:
            try:
                yield _DECODER.decode(line)
            except msgspec.DecodeError as error:
                if line.endswith(b"\n"):
                    raise CorruptFileError(str(file), offset, "line", str(error)) from error
            offset += len(line)
