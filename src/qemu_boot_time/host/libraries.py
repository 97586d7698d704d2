"""The libraries that only some reports need: the extra ``report``."""

import shlex
import sys

from qemu_boot_time.errors import HostError

EXTRA = ("jinja2", "perfetto", "pyarrow", "vl-convert-python")


def lacks(library: str) -> HostError:
    """Say that a library of the extra is not there.

    The hint names libraries, not the extra: that works wherever we were installed from.
    """
    install = f"{shlex.quote(sys.executable)} -m pip install {' '.join(EXTRA)}"
    return HostError(f"{library} is not installed", hint=install)
