"""A tracefs instance of our own: a ring buffer in the kernel, and what is let into it."""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.process import Guard
from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.tracepoints import Enabled, Tracepoint

CLOCK = "mono"
_DISARMS = kvm_trace.PIO
"""What disables an event again, not itself: its first record would be discarded, since a trigger
runs before the commit, and marks the event as disabled."""


@contextlib.contextmanager
def instance(tracefs: Path, guard: Guard) -> Iterator[Path]:
    """Make an instance whose clock is CLOCK_MONOTONIC, and whose reader wakes at each event.

    It is removed with the block, or by the guard when we die. Raises HostError where the kernel does not let us.
    """
    directory = _make(tracefs / "instances", guard)
    try:
        write(directory / "trace_clock", CLOCK)
        wakes_at = directory / "buffer_percent"
        if wakes_at.exists():  # without it (before Linux 5.0) any event wakes the reader
            write(wakes_at, "0")
        yield directory
    finally:
        directory.rmdir()
        guard.release("remove", str(directory))


def _make(instances: Path, guard: Guard) -> Path:
    for number in itertools.count():
        directory = instances / f"qbt-{os.getpid()}-{number}"
        if directory.exists():
            continue
        guard.watch("remove", str(directory))
        try:
            directory.mkdir()
        except OSError as error:
            guard.release("remove", str(directory))
            raise refused(directory, error) from error
        return directory
    raise AssertionError  # numbers do not end


def refused(file: Path, error: OSError) -> HostError:
    """Make the error for what the kernel does not let us do."""
    return HostError(f"{file}: {error.strerror}", hint="qbt doctor; or --source debugcon")


def write(file: Path, text: str) -> None:
    """Write a control file of tracefs. Raises HostError where the kernel does not take it."""
    try:
        with file.open("w") as control:
            control.write(text)
    except OSError as error:
        raise refused(file, error) from error


def enable(directory: Path, found: Sequence[Tracepoint], *, disarm: bool) -> None:
    """Let the tracepoints into an instance, filtered.

    Those that would cost too much if they were always enabled are armed by the exec of a VMM and
    disarmed by another event; a mark disarms only if ``disarm``, where no other VM needs them still.
    """
    conditions = {each.format.full_name: each.condition for each in found}
    for each in found:
        event = _event(directory, each.format.full_name)
        if each.condition:
            write(event / "filter", each.condition)
        if disarm and each.enabled is Enabled.UNTIL_MARK:
            _rearm(directory, each, conditions)
        else:
            write(event / "enable", "1")


def _rearm(directory: Path, each: Tracepoint, conditions: dict[str, str]) -> None:
    """Have the kernel enable an event at each exec of a VMM, and disable it once it has come.

    Triggers do not look at ``set_event_pid``: another VM may disarm an event of ours, and then the
    next best stands in.
    """
    name = each.format.full_name
    _trigger(directory, kvm_trace.EXEC, f"enable_event:{name}", conditions[kvm_trace.EXEC])
    _trigger(directory, _DISARMS, f"disable_event:{name}", conditions[_DISARMS])


def _trigger(directory: Path, on: str, action: str, condition: str) -> None:
    words = f"{action} if {condition}" if condition else action
    write(_event(directory, on) / "trigger", words)


def _event(directory: Path, name: str) -> Path:
    return directory / "events" / name.replace(":", "/")
