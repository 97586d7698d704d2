"""``perf record`` as a source: armed once for all boots, or anew for the QEMU of each.

Another program opens its raw files with ``perf script -i perf.data``.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.host import Probe, all_of, kvm_device, perf_binary, tracepoint_access
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Needs, Source
from qemu_boot_time.sources.perf.recorder import NAME, Recorder
from qemu_boot_time.sources.perfdata_trace import read_raw, recordings
from qemu_boot_time.sources.session import RecordingSession

_RAW_FILE = "perf.data"


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[RecordingSession]:
    """Start perf (about a second) and wait until it records.

    Raises HostError where perf is missing, ProgramError where it may not record.
    """
    process.require("perf", hint=perf_binary().remedy)

    def record(file: Path, pid: int | None) -> Recorder:
        return Recorder(request, file, guard, pid=pid)

    with contextlib.closing(RecordingSession(request, _RAW_FILE, record)) as session:
        yield session


def read(request: Arm) -> Iterator[Event]:
    """Read the raw files again; ``vm`` is QEMU's process id."""
    yield from read_raw(request, f"*{_RAW_FILE}", NAME)


def probe() -> Probe:
    """Say whether perf can record KVM's tracepoints here."""
    return all_of(kvm_device, perf_binary, tracepoint_access)


SOURCE = Source(
    name=NAME,
    sees="exec, first guest entry and port writes, through perf record: the kernel's own stamps",
    needs=Needs.KVM,
    probe=probe,
    arm=arm,
    read=read,
    recordings=partial(recordings, pattern=f"*{_RAW_FILE}", source=NAME),
)
