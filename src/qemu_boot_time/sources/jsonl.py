"""Raw files of one JSON record a line: appended while boots run, read again for every table."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from qemu_boot_time.errors import CorruptFileError, readable

_Record = TypeVar("_Record")


def records(file: Path, decoder: "msgspec.json.Decoder[_Record]") -> Iterator[_Record]:
    """Decode a raw file; a last line cut short by a killed writer is left out.

    Raises InputError where it is missing, CorruptFileError where it is damaged.
    """
    with readable(file, hint="without it no mark is known"):
        stream = file.open("rb")
    with stream:
        offset = 0
        for line in stream:
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if line.endswith(b"\n"):
                    raise CorruptFileError(str(file), offset, "line", str(error)) from error
            offset += len(line)
