"""The libraries that only some reports need: the extra ``report``."""

import contextlib
import shlex
import sys
from collections.abc import Iterator

from qemu_boot_time.errors import HostError, ProgramError

EXTRA = ("jinja2", "perfetto", "pyarrow", "vl-convert-python")


def lacks(library: str) -> HostError:
    """Say that a library of the extra is not there.

    The hint names libraries, not the extra: that works wherever we were installed from.
    """
    install = f"{shlex.quote(sys.executable)} -m pip install {' '.join(EXTRA)}"
    return HostError(f"{library} is not installed", hint=install)


@contextlib.contextmanager
def at_work(library: str) -> Iterator[None]:
    """Take a failure of a process in which nothing but a library works for the library's own.

    Raises HostError with the last words of the library, or with how its process ended.
    """
    try:
        yield
    except ProgramError as error:
        # Below what it says are the places of a script that is not ours.
        told = [line for line in error.output.splitlines() if line and not line.startswith(" ")]
        ended = f"its process ended with status {error.returncode}"
        raise HostError(
            f"{library} makes nothing: {told[-1] if told else ended}",
            hint="" if told else "enough memory? fewer runs a file take less",
        ) from error
