"""Files that a command writes for others: whole, or what was there before."""

import os
import shutil
from pathlib import Path

from qemu_boot_time.errors import HostError, UsageError
from qemu_boot_time.host.files import why_not_writable


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8. What was there stays until all of it is written.

    What is no file (a pipe, a device) is written as it is. Raises HostError that names the file.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)  # a link stays one
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}") from error


def require_writable(path: Path, *, option: str) -> None:
    """See whether :func:`write_whole` may write a file, and write nothing.

    Raises UsageError that says why not: what takes long must not find that out at its end.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        refusal = why_not_writable(target)
    else:
        refusal = why_not_writable(target.parent)
        if refusal and target.exists():
            refusal = why_not_writable(target)
    if refusal:
        raise UsageError(f"{path}: {refusal}", hint=f"{option} takes a file that can be written")


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.write_bytes(data)
        if path.exists():
            shutil.copymode(path, beside)
        beside.replace(path)
    except PermissionError:  # the directory takes no new file; the one that is there may be ours
        path.write_bytes(data)
    finally:
        beside.unlink(missing_ok=True)
