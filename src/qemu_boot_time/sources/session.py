"""The session of a source that records into files: one recorder for all boots, or one for each."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from qemu_boot_time.model import Event
from qemu_boot_time.sources.base import Arm, Scope, boot_name


class Recorder(Protocol):
    """A recording that is going on."""

    @property
    def is_stale(self) -> bool:
        """Whether a new recorder must take over before the next boot."""
        ...

    def begin_boot(self) -> None:
        """Be ready for the next exec."""
        ...

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the descriptors to wait on, and what to call when one is readable."""
        ...

    def end_boot(self) -> list[Event]:
        """Take all that the boot did."""
        ...

    def close(self) -> None:
        """End the recording; the file is whole."""
        ...


class RecordingSession:
    """Armed once for all boots, or anew for the QEMU of each."""

    def __init__(
        self, request: Arm, file_name: str, record: Callable[[Path, int | None], Recorder]
    ) -> None:
        """``record`` opens a recorder into a file, for one process or for all (None)."""
        self._request = request
        self._file_name = file_name
        self._record = record
        self._prefix = ""
        self._recorder: Recorder | None = None
        if request.scope is Scope.SYSTEM:
            self._recorder = record(request.raw / file_name, None)

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> Callable[[int], None] | None:
        """Attach to the waiting process, where each boot has its own recording."""
        return None if self._request.scope is Scope.SYSTEM else self._attach

    def begin(self, boot: int) -> None:
        """Go on with a new recording where the one so far would miss something."""
        self._prefix = boot_name(boot)
        if self._recorder is None:
            return
        if self._recorder.is_stale:
            self.close()
            self._recorder = self._record(self._own_file(), None)
        self._recorder.begin_boot()

    def stdout(self) -> None:
        """Leave QEMU's standard output alone."""

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give what tells of marks."""
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
        return self._request.raw / f"{self._prefix}.{self._file_name}"

    def _attach(self, pid: int) -> None:
        self._recorder = self._record(self._own_file(), pid)
        self._recorder.begin_boot()
