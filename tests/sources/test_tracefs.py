"""The names of threads: who is asked for them, and what is kept."""

import os
from pathlib import Path

from qemu_boot_time.sources import kvm_trace
from qemu_boot_time.sources.kvm_trace import TraceRecord
from qemu_boot_time.sources.tracefs.recorder import Comms

GONE = 2**22 + 7
"""No process has this id: the kernel's own limit of them is 2**22 (include/linux/threads.h)."""
OURS = os.getpid()


def _record(tid: int, event: str = kvm_trace.PIO) -> TraceRecord:
    return TraceRecord(1, event, tid, tid, "", {})


def _comms(tmp_path: Path, saved: str | None) -> Comms:
    if saved is not None:
        (tmp_path / "saved_cmdlines").write_text(saved)
    return Comms(tmp_path / "comms", tmp_path / "saved_cmdlines")


def test_a_thread_that_has_ended_is_named_by_tracefs(tmp_path: Path) -> None:
    """Its last name is found among those of others, blanks and all, and kept."""
    comms = _comms(tmp_path, f"{GONE}1 other\n1{GONE} other\n{GONE} CPU 0/KVM\n")

    assert "CPU 0/KVM" == comms.name(_record(GONE)).comm
    assert f"{GONE} CPU 0/KVM\n" == (tmp_path / "comms").read_text()


def test_a_thread_that_lives_is_named_by_itself(tmp_path: Path) -> None:
    """What tracefs remembers of it may be of before its last exec."""
    comms = _comms(tmp_path, f"{OURS} before-exec\n")
    own = Path(f"/proc/{OURS}/comm").read_text().strip()

    assert own == comms.name(_record(OURS)).comm
    assert f"{OURS} {own}\n" == (tmp_path / "comms").read_text()


def test_a_thread_that_nobody_remembers_has_no_name(tmp_path: Path) -> None:
    """Tracefs holds 128 names, may be cut short anywhere, and may not be there."""
    for saved in (None, "", "7 other\n", f"{GONE}", f"{GONE} ", "\0\n"):
        comms = _comms(tmp_path, saved)

        assert "" == comms.name(_record(GONE)).comm
        assert "" == (tmp_path / "comms").read_text()


def test_a_name_is_asked_for_once_until_the_thread_is_another(tmp_path: Path) -> None:
    """What is known is not asked again; an exec gives a new name."""
    comms = _comms(tmp_path, f"{GONE} before\n")
    names = [comms.name(_record(GONE)).comm]
    (tmp_path / "saved_cmdlines").write_text(f"{GONE} after\n")

    names += [comms.name(_record(GONE, event)).comm for event in (kvm_trace.PIO, kvm_trace.EXEC)]

    assert ["before", "before", "after"] == names
    assert f"{GONE} before\n{GONE} after\n" == (tmp_path / "comms").read_text()
