"""``perf record`` as a source: armed once for all boots, or anew for the QEMU of each.

Another program opens its raw files with ``perf script -i perf.data``.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from qemu_boot_time import process
from qemu_boot_time.host import Probe, kvm_device, perf_binary, tracepoint_access
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Scope, Source
from qemu_boot_time.sources.perf.recorder import NAME, Recorder
from qemu_boot_time.sources.perfdata_trace import read_raw, recordings

_RAW_FILE = "perf.data"
_STARTS_WITHIN_S = 30.0


class PerfSession:
    """perf, armed once for all boots, or anew for the QEMU of each."""

    def __init__(self, request: Arm, guard: Guard) -> None:
        self._request = request
        self._guard = guard
        self._boot = 0
        self._recorder: Recorder | None = None
        if request.scope is Scope.SYSTEM:
            self._record(_RAW_FILE, pid=None)

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> Callable[[int], None] | None:
        """Attach perf to the waiting process, where each boot has its own recorder."""
        return None if self._request.scope is Scope.SYSTEM else self._attach

    def begin(self, boot: int) -> None:
        """Know which file to fill."""
        self._boot = boot

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give perf's output."""
        return {} if self._recorder is None else self._recorder.readers()

    def end(self, boot: int) -> Iterable[Event]:
        """Take all that this boot did."""
        del boot
        if self._recorder is None:
            return []
        events = self._recorder.flush()
        if self._request.scope is Scope.PROCESS:
            self.close()
        return events

    def close(self) -> None:
        """End the recorder, if one runs."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def _attach(self, pid: int) -> None:
        name = f"boot-{self._boot:04}" if self._boot >= 0 else f"warmup-{-self._boot:04}"
        self._record(f"{name}.{_RAW_FILE}", pid=pid)

    def _record(self, name: str, *, pid: int | None) -> None:
        self._recorder = Recorder(self._request, self._request.raw / name, self._guard, pid=pid)
        self._recorder.enable(_STARTS_WITHIN_S)
        self._recorder.learn_to_ping()


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[PerfSession]:
    """Start perf (about a second) and wait until it records.

    Raises HostError where perf is missing, ProgramError where it may not record.
    """
    process.require("perf", hint=perf_binary().remedy)
    with contextlib.ExitStack() as stack:
        session = PerfSession(request, guard)
        stack.callback(session.close)
        yield session


def read(request: Arm) -> Iterator[Event]:
    """Read the raw files again; ``vm`` is QEMU's process id."""
    yield from read_raw(request, f"*{_RAW_FILE}", NAME)


def probe() -> Probe:
    """Say whether perf can record KVM's tracepoints here."""
    steps = (kvm_device, perf_binary, tracepoint_access)
    found = [step() for step in steps]
    return next((probe for probe in found if not probe.ok), found[-1])


SOURCE = Source(
    name=NAME,
    sees="exec, first guest entry and port writes, through perf record: the kernel's own stamps",
    needs_kvm=True,
    probe=probe,
    arm=arm,
    read=read,
    recordings=partial(recordings, pattern=f"*{_RAW_FILE}", source=NAME),
)
