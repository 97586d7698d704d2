"""Where guests and what they are made of are kept: ``$XDG_CACHE_HOME/qemu-boot-time``."""

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.host.files import users_directory

_HINT = "set XDG_CACHE_HOME to a directory that you can write"
_FULL = os.strerror(errno.ENOSPC)


def directory(name: str) -> Path:
    """Give the directory ``name`` of our cache, which need not exist.

    Raises HostError for a user without a home.
    """
    return users_directory("XDG_CACHE_HOME", ".cache") / "qemu-boot-time" / name


@contextlib.contextmanager
def staging(home: Path) -> Iterator[Path]:
    """Give a directory below ``home`` to make things in, to be moved to their place once whole.

    It goes with all that is left in it. Raises HostError where ``home`` cannot be written, or its disk
    is full: told by the system in the block, or by a program there.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".new-", dir=home)
    except OSError as error:
        raise HostError(f"{home}: {error.strerror}", hint=_HINT) from error
    with scratch as path, _told_of(home):
        yield Path(path)


@contextlib.contextmanager
def _told_of(home: Path) -> Iterator[None]:
    """Name the directory, which the system does not where a write fails."""
    try:
        yield
    except OSError as error:
        hint = _room(_disk_of(home)) if error.errno == errno.ENOSPC else _HINT
        raise HostError(f"{error.filename or home}: {error.strerror}", hint=hint) from error
    except ProgramError as error:
        full = [line for line in error.output.splitlines() if _FULL in line]
        if not full:
            raise
        disks = f"{_disk_of(home)} and in {tempfile.gettempdir()}"
        raise HostError(f"{home}: {full[0].strip()}", hint=_room(disks)) from error


def _room(where: object) -> str:
    return f"make room on {where}; or {_HINT}"


def _disk_of(path: Path) -> Path:
    """Give where the file system of a path is mounted."""
    return next(each for each in (path, *path.resolve().parents) if each.is_mount())


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
