"""The kernel's tracepoints through perf_event_open(2): armed in milliseconds, filtered in the kernel.

One recording over all boots. The kernel writes the few records that pass its filters to rings in our
memory; we append them, as they are, to a perf.data in pipe format, and read the same bytes to see the
mark that ends a boot. ``perf script -i perf_event.data`` opens the raw file.
"""

import contextlib
import resource
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qemu_boot_time.host import Probe, all_of, kvm_device, tracepoint_access
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Needs, Source
from qemu_boot_time.sources.perf_event.opened import descriptors_needed
from qemu_boot_time.sources.perf_event.recorder import NAME, Recorder
from qemu_boot_time.sources.perfdata_trace import read_raw, recordings
from qemu_boot_time.sources.session import RecordingSession

_RAW_FILE = "perf_event.data"


def session(request: Arm) -> RecordingSession:
    """Open the events. Raises HostError where the kernel does not let us."""

    def record(file: Path, pid: int | None) -> Recorder:
        return Recorder(request, file, pid=pid)

    return RecordingSession(request, _RAW_FILE, record)


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[RecordingSession]:
    """Hold a :func:`session` open for one run."""
    del guard  # descriptors end with the process
    with contextlib.closing(session(request)) as armed:
        yield armed


def read(request: Arm) -> Iterator[Event]:
    """Read the raw files again; ``vm`` is QEMU's process id."""
    yield from read_raw(request, f"*{_RAW_FILE}", NAME)


def probe() -> Probe:
    """Say whether we can record KVM's tracepoints here ourselves."""
    return all_of(kvm_device, _descriptors, tracepoint_access)


def _descriptors() -> Probe:
    needed = descriptors_needed()
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = f"{needed} open files are needed, {allowed} allowed"
    enough = needed <= allowed or allowed == resource.RLIM_INFINITY
    return Probe(ok=enough, what=what, remedy="" if enough else f"ulimit -Hn {needed}")


SOURCE = Source(
    name=NAME,
    sees="exec, first guest entry and port writes, by the kernel's own stamps; nothing to install",
    needs=Needs.KVM,
    probe=probe,
    arm=arm,
    read=read,
    recordings=partial(recordings, pattern=f"*{_RAW_FILE}", source=NAME),
)
