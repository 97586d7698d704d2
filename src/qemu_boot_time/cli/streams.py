"""Standard error: what cannot be told is no reason to end, or to end otherwise."""

import io
import os
import sys
from typing import Any

_STDERR_FD = 2


class _Forgiving(io.FileIO):
    """Once a write has failed (a full disk, a reader that left), what is written goes nowhere."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDERR_FD)
            os.close(nowhere)
            return memoryview(data).nbytes


def forgive_stderr() -> None:
    """Have standard error take whatever it is given."""
    raw = _Forgiving(_STDERR_FD, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=sys.stderr.encoding,
        errors=sys.stderr.errors,
        line_buffering=True,
        write_through=True,
    )
