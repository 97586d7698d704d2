"""Every exit of every guest, recorded while one boot lasts: rings that are emptied and never wake us.

Beside the sources and not one of them: it is armed for the boots alone that are made for a profile, and
what it keeps tells no marks. The file is a perf.data in pipe format; ``perf script -i`` opens it.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.perfdata import writer
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.host.perf_event import Request, control, open_event, set_filter
from qemu_boot_time.model import Event
from qemu_boot_time.sources.clocks import periodic_timer
from qemu_boot_time.sources.perf_event.opened import EVERYONE, attrs, make_room, refused, state_of
from qemu_boot_time.sources.perf_event.recorder import head, readable_tracefs
from qemu_boot_time.sources.perf_event.ring import Ring
from qemu_boot_time.sources.tracepoints import Tracepoint, find_exits

_EMPTIED_EVERY_NS = 10_000_000
_MOST_PAGES, _LEAST_PAGES = 2048, 16
"""Of a ring. A guest that only exits fills 8 MiB in a third of a second; 64 KiB are what a user without
rights may lock beside the rings of ``perf_event``."""
_PAGES_OF_ALL = 32768
_INSTEAD = "leave out --profile"
_OWN_DESCRIPTORS = 8
"""The file, the clock, and what is open for a moment."""


class ExitRecorder:
    """Records one boot. Raises HostError where the kernel does not let us."""

    def __init__(self, file: Path) -> None:
        with contextlib.ExitStack() as stack:
            tracefs = readable_tracefs()
            found = find_exits(tracefs)
            needed = make_room(_descriptors_of(found))
            asked = attrs(found, inherit=False)
            self._raw = stack.enter_context(file.open("wb", buffering=0))
            self._timer = periodic_timer(_EMPTIED_EVERY_NS)
            stack.callback(os.close, self._timer)
            try:
                self._descriptors = list(_opened_each(stack, asked))
            except OSError as error:
                raise refused(error, needed, instead=_INSTEAD) from error
            self._rings = _rings(stack, [of_cpu[-1] for of_cpu in self._descriptors])
            for of_cpu in self._descriptors:
                _led(of_cpu, found)
            self._raw.write(head(tracefs, found, asked, self._descriptors))
            self._undo = stack.pop_all()

    def begin(self) -> None:
        """Record from now on."""
        self._control(Request.ENABLE)

    def readers(self) -> dict[int, Callable[[], Iterable[Event]]]:
        """Give the clock by which the rings are emptied."""
        return {self._timer: self._tick}

    def end(self) -> None:
        """Take the rest, and note what was lost in all: not every loss was told yet."""
        self._control(Request.DISABLE)
        self._empty()
        for descriptors in self._descriptors:
            for state in map(state_of, descriptors):
                if state.lost:
                    self._raw.write(writer.lost_samples_record(state.id, state.lost))

    def close(self) -> None:
        """Close it all; takes a tenth of a second (an RCU grace period)."""
        self._undo.close()

    def _tick(self) -> list[Event]:
        os.read(self._timer, 8)
        self._empty()
        return []

    def _empty(self) -> None:
        for ring in self._rings:
            self._raw.write(ring.take())

    def _control(self, request: Request) -> None:
        for descriptors in self._descriptors:
            for descriptor in descriptors:
                control(descriptor, request)


def _descriptors_of(found: Sequence[Tracepoint]) -> int:
    """Give how many files a recorder opens: the tracepoints, the dummy, and one that mmap keeps of a ring."""
    return (len(found) + 2) * len(online_cpus()) + _OWN_DESCRIPTORS


def _opened_each(stack: contextlib.ExitStack, asked: Iterable[bytes]) -> Iterator[list[int]]:
    """Open the events on every CPU. Raises OSError."""
    for cpu in sorted(online_cpus()):
        try:
            yield _opened(stack, asked, cpu)
        except OSError as error:
            if error.errno != errno.ENODEV:  # it went offline
                raise


def _opened(stack: contextlib.ExitStack, asked: Iterable[bytes], cpu: int) -> list[int]:
    descriptors: list[int] = []
    with contextlib.ExitStack() as undo:
        for attr in asked:
            descriptors.append(open_event(attr, pid=EVERYONE, cpu=cpu))
            undo.callback(os.close, descriptors[-1])
        stack.push(undo.pop_all())
    return descriptors


def _led(descriptors: Sequence[int], found: Sequence[Tracepoint]) -> None:
    """Filter the events of one CPU, and lead them into the ring of the last, which is the dummy."""
    *traced, dummy = descriptors
    for descriptor, each in zip(traced, found, strict=True):
        if each.condition:
            set_filter(descriptor, each.condition)
        control(descriptor, Request.SET_OUTPUT, dummy)


def _fitting(pages: int) -> int:
    """Give the power of two that a ring of about so many pages has."""
    return 1 << (min(max(pages, _LEAST_PAGES), _MOST_PAGES).bit_length() - 1)


def _rings(stack: contextlib.ExitStack, descriptors: Sequence[int]) -> list[Ring]:
    """Map a ring for each, all of one size: as large as this user may lock memory for in all.

    A guest runs on any CPU, so one small ring would lose what the large ones do not.
    """
    pages = _fitting(_PAGES_OF_ALL // max(1, len(descriptors)))
    while True:
        try:
            return _mapped(stack, descriptors, pages)
        except PermissionError as error:
            if pages <= _LEAST_PAGES:
                raise HostError(
                    "no locked memory is left for the rings of this user",
                    hint="sudo sysctl kernel.perf_event_mlock_kb=8192; or ulimit -l unlimited",
                ) from error
            pages //= 2


def _mapped(stack: contextlib.ExitStack, descriptors: Sequence[int], pages: int) -> list[Ring]:
    rings: list[Ring] = []
    with contextlib.ExitStack() as undo:
        for descriptor in descriptors:
            rings.append(Ring(descriptor, pages=pages))
            undo.callback(rings[-1].close)
        stack.push(undo.pop_all())
    return rings


@contextlib.contextmanager
def arm(file: Path) -> Iterator[ExitRecorder]:
    """Hold a recorder into ``file`` open. Raises HostError where the kernel does not let us."""
    with contextlib.closing(ExitRecorder(file)) as recorder:
        yield recorder


def require() -> None:
    """Try it for real, and keep nothing. Raises HostError where the kernel does not let us."""
    with arm(Path(os.devnull)):
        pass
