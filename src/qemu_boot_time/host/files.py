"""Small readers of /proc and /sys: what is missing or makes no sense is None, never an error.

And the one place for what must lie at a short path, or below the user's home.
"""

import ctypes
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.process.libc import LIBC

ROOT = Path("/")
_AT_FDCWD = -100
_AT_EACCESS = 0x200
_LONGEST_PARENT_BYTES = 80


def text(file: Path) -> str | None:
    """Give the content of a small file without the white space around it."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return None


def number(file: Path) -> int | None:
    """Give the integer a file holds."""
    return as_int(text(file))


def as_int(word: str | None) -> int | None:
    """Read an integer, decimal or with a prefix."""
    try:
        return None if word is None else int(word, 0)
    except ValueError:
        return None


def pairs(file: Path, *, separator: str = ":") -> Iterator[tuple[str, str]]:
    """Give the ``key: value`` lines of a file."""
    for line in (text(file) or "").splitlines():
        key, found, value = line.partition(separator)
        if found:
            yield key.strip(), value.strip()


def cpu_list(words: str | None) -> frozenset[int]:
    """Read the kernel's way of listing CPUs: ``0-3,8``."""
    cpus: set[int] = set()
    for part in (words or "").split(","):
        first, _, last = part.partition("-")
        begin, end = as_int(first), as_int(last or first)
        if begin is not None and end is not None:
            cpus.update(range(begin, end + 1))
    return frozenset(cpus)


def online_cpus(root: Path = ROOT) -> frozenset[int]:
    """Give the CPUs that are online."""
    return cpu_list(text(root / "sys/devices/system/cpu/online"))


def chosen(words: str | None) -> str | None:
    """Give the word in brackets of ``always [madvise] never``."""
    _, found, rest = (words or "").partition("[")
    return rest.partition("]")[0] if found else None


def users_directory(variable: str, default: str) -> Path:
    """Give what a variable of the XDG base directories names; unset or empty: ``default`` below home.

    Raises HostError where nobody says where home is.
    """
    told = os.environ.get(variable)
    return Path(told) if told else _home(variable) / default


def _home(variable: str) -> Path:
    try:
        home = os.environ["HOME"] if "HOME" in os.environ else pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        home = ""
    if not home:
        raise HostError("this user has no home directory", hint=f"set HOME or {variable}")
    return Path(home)


def why_not_writable(path: Path) -> str:
    """Ask the kernel whether we may write a file, or make one in a directory, without doing so.

    Gives its own words for why not; ``""`` where we may. :func:`os.access` keeps the reason to itself.
    """
    wanted = os.W_OK | (os.X_OK if path.is_dir() else 0)
    if LIBC.faccessat(_AT_FDCWD, os.fsencode(path), wanted, _AT_EACCESS) == 0:
        return ""
    return os.strerror(ctypes.get_errno())


def sockets_directory() -> tempfile.TemporaryDirectory[str]:
    """Make a directory whose path leaves room for a name: sun_path has 108 bytes (unix(7))."""
    parent = tempfile.gettempdir()
    return tempfile.TemporaryDirectory(
        prefix="qbt-",
        dir=parent if len(os.fsencode(parent)) < _LONGEST_PARENT_BYTES else "/tmp",  # noqa: S108  # a name that nobody can guess
    )
