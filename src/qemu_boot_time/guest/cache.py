"""Where guests and what they are made of are kept: ``$XDG_CACHE_HOME/qemu-boot-time``."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.host.files import users_directory

_HINT = "set XDG_CACHE_HOME to a directory that you can write"


def directory(name: str) -> Path:
    """Give the directory ``name`` of our cache, which need not exist.

    Raises HostError for a user without a home.
    """
    return users_directory("XDG_CACHE_HOME", ".cache") / "qemu-boot-time" / name


@contextlib.contextmanager
def staging(home: Path) -> Iterator[Path]:
    """Give a directory below ``home`` to make things in, to be moved to their place once whole.

    It goes with all that is left in it. Raises HostError where ``home`` cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".new-", dir=home)
    except OSError as error:
        raise HostError(f"{home}: {error.strerror}", hint=_HINT) from error
    with scratch as path:
        yield Path(path)


def keep(home: Path, stem: str, content: bytes) -> Path:
    """Write a file below ``home``, named by what is in it; whoever looks sees all of it or nothing.

    Raises HostError where that cannot be written.
    """
    path = home / f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.bin"
    with staging(home) as scratch:
        whole = scratch / path.name
        whole.write_bytes(content)
        whole.replace(path)
    return path
