"""The kernel's tracepoints through perf_event_open(2): armed in milliseconds, filtered in the kernel.

One recording over all boots. The kernel writes the few records that pass its filters to rings in our
memory; we append them, as they are, to a perf.data in pipe format, and read the same bytes to see the
mark that ends a boot. ``perf script -i perf_event.data`` opens the raw file.
"""

import contextlib
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from qemu_boot_time.host import Probe, kvm_device, tracepoint_access
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Scope, Source
from qemu_boot_time.sources.perf_event.opened import DESCRIPTORS_PER_CPU
from qemu_boot_time.sources.perf_event.recorder import NAME, Recorder
from qemu_boot_time.sources.perfdata_trace import read_raw, recordings

_RAW_FILE = "perf_event.data"
_OTHER_DESCRIPTORS = 64


class PerfEventSession:
    """Armed once for all boots, or anew for the QEMU of each."""

    def __init__(self, request: Arm) -> None:
        self._request = request
        self._prefix = ""
        self._recorder: Recorder | None = None
        if request.scope is Scope.SYSTEM:
            self._recorder = Recorder(request, request.raw / _RAW_FILE)

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> Callable[[int], None] | None:
        """Attach to the waiting process, where each boot has its own recording."""
        return None if self._request.scope is Scope.SYSTEM else self._attach

    def begin(self, boot: int) -> None:
        """Go on with a new recording where the one so far would miss something."""
        self._prefix = f"boot-{boot:04}" if boot >= 0 else f"warmup-{-boot:04}"
        if self._recorder is None:
            return
        self._recorder.read()
        if self._recorder.is_stale:
            self.close()
            self._recorder = Recorder(self._request, self._own_file())
        self._recorder.begin_boot()

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the descriptors that tell of marks."""
        return {} if self._recorder is None else self._recorder.readers()

    def end(self, boot: int) -> Iterable[Event]:
        """Take all that this boot did."""
        del boot
        if self._recorder is None:
            return []
        events = self._recorder.end_boot()
        if self._request.scope is Scope.PROCESS:
            self.close()
        return events

    def close(self) -> None:
        """End the recording, if there is one."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def _own_file(self) -> Path:
        return self._request.raw / f"{self._prefix}.{_RAW_FILE}"

    def _attach(self, pid: int) -> None:
        self._recorder = Recorder(self._request, self._own_file(), pid=pid)
        self._recorder.begin_boot()


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[PerfEventSession]:
    """Open the events for one run. Raises HostError where the kernel does not let us."""
    del guard  # descriptors end with the process
    with contextlib.closing(PerfEventSession(request)) as session:
        yield session


def read(request: Arm) -> Iterator[Event]:
    """Read the raw files again; ``vm`` is QEMU's process id."""
    yield from read_raw(request, f"*{_RAW_FILE}", NAME)


def probe() -> Probe:
    """Say whether we can record KVM's tracepoints here ourselves."""
    found = [step() for step in (kvm_device, _descriptors, tracepoint_access)]
    return next((probe for probe in found if not probe.ok), found[-1])


def _descriptors() -> Probe:
    needed = DESCRIPTORS_PER_CPU * len(online_cpus()) + _OTHER_DESCRIPTORS
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = f"{needed} open files are needed, {allowed} allowed"
    enough = needed <= allowed or allowed == resource.RLIM_INFINITY
    return Probe(ok=enough, what=what, remedy="" if enough else f"ulimit -n {needed}")


SOURCE = Source(
    name=NAME,
    sees="exec, first guest entry and port writes, by the kernel's own stamps; nothing to install",
    needs_kvm=True,
    probe=probe,
    arm=arm,
    read=read,
    recordings=partial(recordings, pattern=f"*{_RAW_FILE}", source=NAME),
)
