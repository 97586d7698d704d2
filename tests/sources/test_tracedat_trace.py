"""Boots of recordings that trace-cmd made."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from build import EXEC, PIO
from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.tracedat.abi import Option
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Boot, EventKind
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.sources.kvm_trace import ENTRY, FPU, Lost, TraceRecord
from qemu_boot_time.sources.tracedat_trace import Found, _thinned, events_in
from qemu_boot_time.sources.vmm import Vmm
from tracedat_build import Ring, TraceDat

_DATA = Path(__file__).parents[1] / "data"
_MARKS = (
    "qemu_init_end",
    "fw_start",
    "fw_do_boot",
    "linux_start_boot",
    "linux_start_kernel",
    "linux_start_user",
)


def _dat(name: str) -> Path:
    if not name.endswith("-v6"):
        pytest.importorskip("zstandard")
    return _DATA / f"tracecmd-{name}" / "trace.dat"


def _found(name: str) -> Found:
    return events_in(_dat(name), "trace-cmd", Vmm())


def _boots(name: str) -> list[Boot]:
    return boots_of(_found(name).events, Rules())


@pytest.mark.parametrize(
    ("name", "pids"),
    [
        ("three-boots-v6", [138, 143, 148]),
        ("two-vcpus", [212, 218]),
        ("two-at-once", [162, 161]),
        ("daemonized", [245]),
        ("monotonic-v6", [199]),
        ("instance", [265]),
        ("instance-v6", [280]),
        ("tsc-scaled", [306]),
        ("date-v6", [332]),
    ],
)
def test_every_boot_has_all_marks_in_its_process(name: str, pids: list[int]) -> None:
    """The five marks and the first entry, of the process that was executed, in order."""
    boots = _boots(name)

    assert [boot.pid for boot in boots] == pids
    assert [tuple(mark.name for mark in boot.marks) for boot in boots] == [_MARKS] * len(pids)
    assert [boot.suspect for boot in boots] == [()] * len(pids)


def test_times_are_those_of_the_report() -> None:
    """Marks count from the exec: the lines of trace-cmd report, subtracted by hand."""
    exec_ns, entry_ns, start_ns = 56431711340, 57277060611, 57277515962

    (boot,) = _boots("instance")

    assert boot.exec_ns == exec_ns
    assert [m.time_ns for m in boot.marks[:2]] == [entry_ns - exec_ns, start_ns - exec_ns]


def test_lost_events_make_the_boot_suspect() -> None:
    """Three pages say that events were lost before them."""
    found = _found("lost")

    (boot,) = boots_of(found.events, Rules())

    assert boot.suspect == ("events_lost",)
    assert sum(event.kind is EventKind.LOST for event in found.events) == 3


def test_what_cannot_be_told_apart_is_refused() -> None:
    """No boot is left, and the error says what to record."""
    with pytest.raises(InputError, match=r"188, 187 left out: .* VMs 180, 181; record -e sched"):
        open_input(str(_dat("two-at-once-no-forks")), Options())


def test_ticks_are_refused() -> None:
    """Nothing tells how long a tick is; the hint names a clock that does."""
    with pytest.raises(InputError, match="x86-tsc counts ticks") as caught:
        _found("tsc")

    assert "-C mono" in caught.value.hint


def test_a_run_names_source_and_clock() -> None:
    """The table says who saw it and on which clock."""
    run = open_input(str(_dat("two-vcpus")), Options())

    assert run.sources == ("trace-cmd",)
    assert run.notes == ("clock of the recording: mono",)
    assert (len(run.boots), run.damage) == (2, "")


def test_a_run_names_its_buffers() -> None:
    """Where there are instances."""
    run = open_input(str(_dat("instance-v6")), Options())

    assert run.notes == ("clock of the recording: local", "ring buffers read: top, kvm")


def test_another_vmm_is_found_by_its_name() -> None:
    """``--comm``: what was executed need not be QEMU."""
    found = events_in(_dat("two-vcpus"), "trace-cmd", Vmm(("smp.sh",)))

    assert [boot.pid for boot in boots_of(found.events, Rules())] == []
    assert found.unclaimed == {"qemu-system-x86": 10}


def test_damage_keeps_what_was_read(tmp_path: Path) -> None:
    """The boots before the damage are there, and the damage is told."""
    file = tmp_path / "trace.dat"
    data = _dat("three-boots-v6").read_bytes()
    file.write_bytes(data[:-100])

    run = open_input(str(file), Options())

    assert len(run.boots) == 3
    assert "pages at byte" in run.damage


def test_buffers_with_different_clocks_are_refused(tmp_path: Path) -> None:
    """Their times cannot be compared."""
    file = tmp_path / "trace.dat"
    data = _dat("instance").read_bytes()
    assert b"kvm\0local\0" in data
    file.write_bytes(data.replace(b"kvm\0local\0", b"kvm\0other\0"))

    with pytest.raises(InputError, match="different clocks: local, other"):
        events_in(file, "trace-cmd", Vmm())


def _seen(time_ns: int, event: str, tid: int = 12, **fields: object) -> TraceRecord:
    return TraceRecord(time_ns, event, tid, tid, "", fields)


def test_of_many_entries_a_thread_keeps_ten_a_second() -> None:
    """The first of each tenth of a second, of each thread and event."""
    entries = [_seen(t * 10_000_000, ENTRY, tid, rip=t) for t in range(1, 25) for tid in (12, 13)]

    kept = [(record.time_ns // 10_000_000, record.tid) for record in _records(_thinned(entries))]

    assert kept == [(t, tid) for t in (1, 10, 20) for tid in (12, 13)]


def test_entries_at_the_reset_vector_are_all_kept() -> None:
    """They are the resets."""
    entries = [_seen(1, ENTRY, rip=5), _seen(2, ENTRY, rip=0xFFF0), _seen(3, ENTRY, rip=0xFFF0)]

    assert list(_thinned(entries)) == entries


def test_what_leaves_a_guest_hides_no_entry() -> None:
    """kvm_fpu comes at both ends of a run; only the load stands in for an entry."""
    unload, load = _seen(1, FPU, load=0), _seen(2, FPU, load=1)

    assert list(_thinned([unload, load])) == [load]


def _records(records: Iterable[TraceRecord | Lost]) -> list[TraceRecord]:
    return [record for record in records if isinstance(record, TraceRecord)]


def test_losses_that_no_page_tells_are_told(tmp_path: Path) -> None:
    """The kernel counted them, and the end of a recording has no page behind it."""
    ring = Ring()
    stats = [(Option.CPUSTAT, b"CPU: 0\noverrun: 7\n\0")]
    page = ring.page(5, ring.pio(0, 0xF5, 1))
    file = tmp_path / "trace.dat"
    file.write_bytes(TraceDat([page], options=stats, events={"kvm": [PIO, EXEC]}).version6())

    found = events_in(file, "trace-cmd", Vmm())

    assert [(e.kind, e.fields["count"]) for e in found.events] == [(EventKind.LOST, 7)]


def test_a_guests_recording_is_no_boot(tmp_path: Path) -> None:
    """``trace-cmd record -A``: the guest's own file has no KVM in it."""
    ring = Ring()
    shift = [(Option.TIME_SHIFT, b"\1".ljust(16, b"\0"))]
    file = tmp_path / "trace.dat"
    file.write_bytes(TraceDat([ring.page(5, ring.pio(0, 1, 1))], options=shift).version7())

    with pytest.raises(InputError, match="no VM in this recording"):
        open_input(str(file), Options())

    assert "a guest's own recording: its times are not the host's" in (
        events_in(file, "trace-cmd", Vmm()).notes
    )
