"""A private tracefs instance: the kernel's tracepoints without perf and without perf_event_open(2).

Root's way, and one where a container forbids the other. One instance over all boots; its ring
buffers' pages are kept as they come, and read as those of a trace.dat are.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.tracedat.parts import assemble
from qemu_boot_time.host import Probe, all_of, kvm_device
from qemu_boot_time.host.rights import find_tracefs, tracefs_instances
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources import tracedat_trace
from qemu_boot_time.sources.base import Arm, Needs, Scope, Source, events_of
from qemu_boot_time.sources.tracefs.instance import enable, instance, write
from qemu_boot_time.sources.tracefs.recorder import NAME, Recorder
from qemu_boot_time.sources.tracepoints import each_event_once, find_forks, find_tracepoints

_RAW_DIRECTORY = "tracefs"


class TracefsSession:
    """An instance that listens to all processes, or to the QEMU of each boot in turn."""

    def __init__(self, directory: Path, recorder: Recorder, scope: Scope) -> None:
        self._directory = directory
        self._recorder = recorder
        self._scope = scope
        if scope is Scope.PROCESS:
            self._switch("0")
            write(directory / "options/event-fork", "1")

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> Callable[[int], None] | None:
        """Listen to the waiting process and to what it starts, where each boot is alone."""
        return None if self._scope is Scope.SYSTEM else self._listen_to

    def begin(self, boot: int) -> None:
        """Take what nobody asked for away from the next boot."""
        del boot
        self._recorder.read()

    def stdout(self) -> None:
        """Leave QEMU's standard output alone."""

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the descriptor that tells of marks."""
        return {self._recorder.fileno(): self._recorder.read}

    def end(self, boot: int) -> Iterable[Event]:
        """Take all that this boot did."""
        del boot
        if self._scope is Scope.PROCESS:
            self._switch("0")
        return self._recorder.end_boot()

    def _listen_to(self, pid: int) -> None:
        write(self._directory / "set_event_pid", str(pid))
        self._switch("1")

    def _switch(self, on: str) -> None:
        write(self._directory / "tracing_on", on)


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[TracefsSession]:
    """Make the instance (25 ms; 0.15 s to remove it). Raises HostError where that is not allowed."""
    mounted = find_tracefs()
    if mounted is None or not mounted.readable:
        raise HostError("tracefs cannot be read", hint="qbt doctor; or --source debugcon")
    # Who started a VM matters only where that may have been us; every fork of the host wakes us.
    forks = find_forks(mounted.directory, request.vmm.fork_filter() if request.parallel else "")
    console = request.asked.kvm_console
    events = find_tracepoints(mounted.directory, request.vmm, console=console)
    found = (*each_event_once(events), forks)
    with instance(mounted.directory, guard) as directory:
        kept = request.raw / _RAW_DIRECTORY
        with contextlib.closing(Recorder(directory, found, kept, request.vmm)) as recorder:
            session = TracefsSession(directory, recorder, request.scope)
            enable(directory, found, disarm=not request.parallel)
            yield session


def recordings(request: Arm) -> Iterator[tracedat_trace.Found]:
    """Read the raw files as the recording that they are."""
    with tempfile.TemporaryDirectory(prefix="qbt-") as directory:
        file = Path(directory) / "trace.dat"
        assemble(request.raw / _RAW_DIRECTORY, file)
        yield tracedat_trace.events_in(file, NAME, request.vmm)


def read(request: Arm) -> Iterator[Event]:
    """Read the raw files again; ``vm`` is QEMU's process id.

    Raises InputError where they are missing, CorruptFileError for damage after all that can be
    read.
    """
    yield from events_of(recordings(request))


def probe() -> Probe:
    """Say whether an instance of our own can be made here, and KVM's events read in it."""
    return all_of(kvm_device, tracefs_instances)


SOURCE = Source(
    name=NAME,
    sees="exec, first guest entry and port writes, through a tracefs instance: the kernel's stamps",
    needs=Needs.KVM,
    probe=probe,
    arm=arm,
    read=read,
    recordings=recordings,
)
