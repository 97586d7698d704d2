"""Where guests and what they are made of are kept: ``$XDG_CACHE_HOME/qemu-boot-time``."""

import hashlib
import os
import tempfile
from pathlib import Path

from qemu_boot_time.errors import HostError


def directory(name: str) -> Path:
    """Give the directory ``name`` of our cache, which need not exist."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "qemu-boot-time" / name


def keep(home: Path, stem: str, content: bytes) -> Path:
    """Write a file below ``home``, named by what is in it; whoever looks sees all of it or nothing.

    Raises HostError where that cannot be written.
    """
    path = home / f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.bin"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as staging:
            whole = Path(staging, path.name)
            whole.write_bytes(content)
            whole.replace(path)
    except OSError as error:
        hint = "set XDG_CACHE_HOME to a directory that you can write"
        raise HostError(f"{home}: {error.strerror}", hint=hint) from error
    return path
