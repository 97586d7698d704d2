"""Tells when the files of a guest's kernel are opened and closed, whoever does it: inotify(7).

It takes no rights but to read them, works on any accelerator, and costs QEMU some microseconds a file.
"""

import contextlib
import os
import struct
from collections.abc import Iterator

from qemu_boot_time.process.libc import LIBC
from qemu_boot_time.vm.command import QemuCommand

# <sys/inotify.h>
_IN_CLOSE_WRITE, _IN_CLOSE_NOWRITE, _IN_OPEN = 0x08, 0x10, 0x20
_WANTED = _IN_OPEN | _IN_CLOSE_WRITE | _IN_CLOSE_NOWRITE
_HEADER = struct.Struct("iIII")
_READ_BYTES = 4096
_KERNEL_FILES = ("-kernel", "-initrd", "-dtb")


class Opens:
    """Files that are watched: readable when one of them was opened or closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Give the descriptor to wait on."""
        return self._descriptor

    def take(self) -> int:
        """Say how many opens and closes there were since the last time."""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return 0
        return sum(bool(mask & _WANTED) for mask in _masks(data))


def _masks(data: bytes) -> Iterator[int]:
    at = 0
    while at + _HEADER.size <= len(data):
        _, mask, _, name_bytes = _HEADER.unpack_from(data, at)
        yield mask
        at += _HEADER.size + name_bytes


@contextlib.contextmanager
def watched_opens(command: QemuCommand) -> Iterator[Opens | None]:
    """Watch the files that ``-kernel``, ``-initrd`` and ``-dtb`` name; None where there are none to see."""
    files = [value for value in command.values(*_KERNEL_FILES) if value]
    descriptor = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if files else -1
    if descriptor < 0:
        yield None
        return
    try:
        added = [LIBC.inotify_add_watch(descriptor, os.fsencode(f), _WANTED) for f in files]
        yield Opens(descriptor) if max(added) >= 0 else None
    finally:
        os.close(descriptor)
