"""Files that a command writes for others: whole, or what was there before."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from qemu_boot_time.errors import HostError, UsageError
from qemu_boot_time.host.files import why_not_writable


def write_all(contents: Iterable[tuple[Path, str | bytes]]) -> None:
    """Write files, text as UTF-8, or none of them: what was there stays until all are written.

    What can only be written where it is (a pipe, a device) comes just before. Raises HostError that names the file.
    """
    with ExitStack() as begun:
        steps = [_begun(path, content, begun) for path, content in contents]
        for step in sorted(steps, key=lambda step: step.last):
            with _named(step.path):
                step.do()


def require_writable(path: Path, *, option: str) -> None:
    """See whether :func:`write_all` may write a file, and write nothing.

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


class _Step(NamedTuple):
    """What is left to do for a file."""

    path: Path
    last: bool
    """It cannot lack room any more."""
    do: Callable[[], object]


def _begun(path: Path, content: str | bytes, begun: ExitStack) -> _Step:
    """Write a file beside the one that it will be, where that can be."""
    data = content.encode() if isinstance(content, str) else content
    in_place = _Step(path, last=False, do=partial(path.write_bytes, data))
    with _named(path):
        if path.exists() and not path.is_file():
            return in_place
        real = path.resolve()  # a link stays one
        beside = real.with_name(f".{real.name}.{os.getpid()}.new")
        begun.callback(beside.unlink, missing_ok=True)
        try:
            beside.write_bytes(data)
            if real.exists():
                shutil.copymode(real, beside)
        except PermissionError:
            # The directory takes no new file; the one that is there may be ours.
            return in_place
    return _Step(path, last=True, do=partial(_replace, beside, real, data))


def _replace(beside: Path, path: Path, data: bytes) -> None:
    try:
        beside.replace(path)
    except PermissionError:  # others' files in a sticky directory may be written, not replaced
        path.write_bytes(data)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}") from error
