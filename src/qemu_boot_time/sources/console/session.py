"""The live side: a pipe that is QEMU's standard output, a FIFO that its debug device writes to.

A FIFO and not a socket: QEMU opens it like a file, so there is no connection to wait for and none
to end, and both streams are read alike. A byte costs the guest the same (docs/benchmarks.md).
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Mapping
from io import BufferedWriter
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.model import Event
from qemu_boot_time.sources.base import Arm, boot_name
from qemu_boot_time.sources.console.lines import Guest
from qemu_boot_time.sources.console.patterns import Stream, with_matches
from qemu_boot_time.sources.console.raw import RAW_FILE, Read, line_of
from qemu_boot_time.vm.command import escaped
from qemu_boot_time.vm.console import FIRMWARE_TEXT_PORT, firmware_port_is_free

_FIFO = "firmware"
_BUFFER_BYTES = 1 << 20
_READ_BYTES = 1 << 16
_PAUSE_S = 0.000_2
"""After a read in the middle of a line more comes at once: to be woken by each byte takes CPU time from
the guest that writes them, half as much again on two busy CPUs (docs/benchmarks.md)."""
_SUFFIX = {Stream.SERIAL: "stdout", Stream.FIRMWARE: "firmware"}


class _Reader:
    """One stream while a boot runs."""

    def __init__(self, fd: int, kept: BufferedWriter) -> None:
        self.fd = fd
        self._kept = kept
        self._since_ns = time.monotonic_ns()

    def read(self) -> tuple[int, int, bytes] | None:
        """Give since when and until when, and what has come; None: nothing."""
        began_ns = time.monotonic_ns()
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            data = b""
        read_ns, since_ns = time.monotonic_ns(), self._since_ns
        if len(data) < _READ_BYTES:
            # It is empty: what comes next was written after this read had begun.
            self._since_ns = began_ns
        if not data:
            return None
        self._kept.write(data)
        return since_ns, read_ns, data

    def close(self) -> None:
        """End the copy that people read."""
        self._kept.close()


class ConsoleSession:
    """The streams of one boot after the other, and the raw file that keeps what they bring."""

    def __init__(self, request: Arm, directory: Path) -> None:
        """``directory`` takes the FIFO. Raises HostError where that cannot be."""
        self._raw = request.raw
        self._patterns = with_matches(request.asked.matches)
        self._file: BufferedWriter = (request.raw / RAW_FILE).open("ab")
        self._fifo: tuple[Path, int] | None = None
        if request.command is None or firmware_port_is_free(request.command):
            self._fifo = _fifo(directory / _FIFO)
        self._pipe: tuple[int, int] | None = None
        self._readers: dict[Stream, _Reader] = {}
        self._boot = -1

    def arguments(self) -> tuple[str, ...]:
        """Give the device that takes the firmware's text, unless the command has one."""
        if self._fifo is None:
            return ()
        device = f"isa-debugcon,iobase={FIRMWARE_TEXT_PORT:#x},chardev=qbt-firmware"
        return (
            "-chardev",
            f"file,id=qbt-firmware,path={escaped(self._fifo[0])}",
            "-device",
            device,
        )

    def before_exec(self) -> None:
        """Need nothing of the process."""

    def begin(self, boot: int) -> None:
        """Forget what a boot before this one left; give the next its own pipe and files."""
        self._boot = boot
        self._guest = Guest(self._patterns, boot)
        self._pipe = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._pipe[0], False)
        _enlarge(self._pipe[0])
        fds = {} if self._fifo is None else {Stream.FIRMWARE: self._fifo[1]}
        for fd in fds.values():
            _drain(fd)
        fds[Stream.SERIAL] = self._pipe[0]
        self._readers = {stream: _Reader(fd, self._kept(stream)) for stream, fd in fds.items()}

    def stdout(self) -> int:
        """Give the pipe's other end. It stays open here, so that its end wakes nobody."""
        assert self._pipe is not None  # noqa: S101  # begin comes first
        return self._pipe[1]

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give both descriptors; the firmware's text is always read first: it was there first."""
        return {reader.fd: self._read for reader in self._readers.values()}

    def end(self, boot: int) -> Iterable[Event]:
        """Take what is still in the streams: what they can hold, though somebody should write on."""
        del boot
        events: list[Event] = []
        for _ in range(1 + _BUFFER_BYTES // _READ_BYTES):
            events += self._taken(self._reads())
        self._close_boot()
        self._file.flush()
        return events

    def close(self) -> None:
        """Close everything."""
        self._close_boot()
        self._file.close()
        if self._fifo is not None:
            os.close(self._fifo[1])

    def _read(self) -> list[Event]:
        reads = self._reads()
        events = self._taken(reads)
        if any(read.ends_within_line for read in reads):
            time.sleep(_PAUSE_S)
        return events

    def _reads(self) -> list[Read]:
        found = ((stream, reader.read()) for stream, reader in self._readers.items())
        return [Read(self._boot, stream, *some) for stream, some in found if some is not None]

    def _taken(self, reads: Iterable[Read]) -> list[Event]:
        events: list[Event] = []
        for read in reads:
            if self._boot >= 0:
                self._file.write(line_of(read))
            events += self._guest.feed(read)
        return events

    def _kept(self, stream: Stream) -> BufferedWriter:
        return (self._raw / f"{boot_name(self._boot)}.{_SUFFIX[stream]}").open("wb")

    def _close_boot(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers = {}
        for fd in self._pipe or ():
            os.close(fd)
        self._pipe = None


def _fifo(path: Path) -> tuple[Path, int]:
    try:
        os.mkfifo(path, 0o600)
        # For writing too: QEMU's open finds a reader, and no end is seen when it leaves.
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", hint="TMPDIR=/var/tmp qbt run ...") from error
    _enlarge(fd)
    return path, fd


def _enlarge(fd: int) -> None:
    """Have room for a firmware that talks while we are busy; a user has a limit (pipe(7))."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _BUFFER_BYTES)


def _drain(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, _READ_BYTES):
            pass
