"""Every exit of every guest, recorded while one boot lasts: rings that are emptied and never wake us.

Beside the sources and not one of them: it is armed for the boots alone that are made for a profile, and
what it keeps tells no marks. The file is a perf.data in pipe format; ``perf script -i`` opens it.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.perfdata import writer
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.host.perf_event import Request, control, open_event, set_filter
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources import perf_event
from qemu_boot_time.sources.base import Arm, Needs, Source
from qemu_boot_time.sources.clocks import periodic_timer
from qemu_boot_time.sources.exits import EXITS
from qemu_boot_time.sources.perf_event.opened import EVERYONE, attrs, make_room, refused, state_of
from qemu_boot_time.sources.perf_event.recorder import head, readable_tracefs
from qemu_boot_time.sources.perf_event.ring import Ring
from qemu_boot_time.sources.tracepoints import Tracepoint, find_exits

_EMPTIED_EVERY_NS = 10_000_000
_MOST_PAGES, _LEAST_PAGES = 2048, 16
"""Of a ring. A guest that only exits fills 8 MiB in a third of a second; 64 KiB are what a user without
rights may lock beside the rings of ``perf_event``."""
_PAGES_OF_ALL = 32768
_OTHER_DESCRIPTORS = 64


class ExitRecorder:
    """A session that records one boot. Raises HostError where the kernel does not let us."""

    def __init__(self, file: Path) -> None:
        with contextlib.ExitStack() as stack:
            tracefs = readable_tracefs()
            found = find_exits(tracefs)
            asked = attrs(found, inherit=False)
            make_room((len(asked) + 1) * len(online_cpus()) + _OTHER_DESCRIPTORS)
            self._raw = stack.enter_context(file.open("wb", buffering=0))
            self._timer = periodic_timer(_EMPTIED_EVERY_NS)
            stack.callback(os.close, self._timer)
            self._descriptors: list[list[int]] = []
            self._rings: list[Ring] = []
            self._open(stack, found, asked)
            self._raw.write(head(tracefs, found, asked, self._descriptors))
            self._undo = stack.pop_all()

    def _open(
        self, stack: contextlib.ExitStack, found: tuple[Tracepoint, ...], asked: tuple[bytes, ...]
    ) -> None:
        pages = _fitting(_PAGES_OF_ALL // max(1, len(online_cpus())))
        for cpu in sorted(online_cpus()):
            try:
                descriptors = _opened(stack, asked, cpu)
            except OSError as error:
                if error.errno == errno.ENODEV:  # it went offline
                    continue
                raise refused(error) from error
            ring, pages = _ring(descriptors[-1], pages)
            stack.callback(ring.close)
            for descriptor, each in zip(descriptors, found, strict=False):
                if each.condition:
                    set_filter(descriptor, each.condition)
                control(descriptor, Request.SET_OUTPUT, descriptors[-1])
            self._descriptors.append(descriptors)
            self._rings.append(ring)

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> None:
        """Need no process."""

    def stdout(self) -> None:
        """Leave QEMU's standard output alone."""

    def begin(self, boot: int) -> None:
        """Record from now on."""
        del boot
        self._control(Request.ENABLE)

    def readers(self) -> dict[int, Callable[[], Iterable[Event]]]:
        """Give the clock by which the rings are emptied."""
        return {self._timer: self._tick}

    def end(self, boot: int) -> list[Event]:
        """Take the rest, and note what was lost in all: not every loss was told yet."""
        del boot
        self._control(Request.DISABLE)
        self._empty()
        for descriptors in self._descriptors:
            for state in map(state_of, descriptors):
                if state.lost:
                    self._raw.write(writer.lost_samples_record(state.id, state.lost))
        return []

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


def _opened(stack: contextlib.ExitStack, asked: Iterable[bytes], cpu: int) -> list[int]:
    descriptors: list[int] = []
    with contextlib.ExitStack() as undo:
        for attr in asked:
            descriptors.append(open_event(attr, pid=EVERYONE, cpu=cpu))
            undo.callback(os.close, descriptors[-1])
        stack.push(undo.pop_all())
    return descriptors


def _fitting(pages: int) -> int:
    """Give the power of two that a ring of about so many pages has."""
    return 1 << (min(max(pages, _LEAST_PAGES), _MOST_PAGES).bit_length() - 1)


def _ring(descriptor: int, pages: int) -> tuple[Ring, int]:
    """Map a ring as large as this user may lock memory for."""
    while True:
        try:
            return Ring(descriptor, pages=pages), pages
        except PermissionError as error:
            if pages <= _LEAST_PAGES:
                raise HostError(
                    "no locked memory is left for the rings of this user",
                    hint="sudo sysctl kernel.perf_event_mlock_kb=8192; or ulimit -l unlimited",
                ) from error
            pages //= 2


@contextlib.contextmanager
def arm(file: Path) -> Iterator[ExitRecorder]:
    """Hold a recorder into ``file`` open. Raises HostError where the kernel does not let us."""
    with contextlib.closing(ExitRecorder(file)) as recorder:
        yield recorder


def _arm(request: Arm, guard: Guard) -> contextlib.AbstractContextManager[ExitRecorder]:
    del guard
    return arm(request.raw / EXITS)


SOURCE = Source(
    name="exits",
    sees="every exit of the guest, for a profile; no marks",
    needs=Needs.KVM,
    probe=perf_event.probe,
    arm=_arm,
    read=lambda _: iter(()),
    sees_port_writes=False,
)
"""What a profile's boots have beside the sources of the run; never one of them."""
