"""Our reader against what ``perf script`` printed for the same recordings."""

from collections import Counter
from pathlib import Path

import pytest

from perf_oracle import Line, parse, render
from qemu_boot_time.formats.perfdata import (
    FieldIn,
    LossKind,
    Lost,
    Recording,
    Sample,
    open_recording,
)

DATA = Path(__file__).parents[1] / "data"
KEPT = sorted(file.parent.name for file in DATA.glob("perf-*/script.txt"))
_MARKS = [1, 5, 3, 6, 7]


def _kept(name: str) -> Recording:
    if name == "perf-zstd":
        pytest.importorskip("zstandard")
    return open_recording(DATA / name / "perf.data", tracefs=DATA / name / "tracefs")


def _marks(recording: Recording) -> list[object]:
    pios = [
        record
        for record in recording.records()
        if isinstance(record, Sample) and record.event == "kvm:kvm_pio"
    ]
    pios.sort(key=lambda sample: sample.time_ns)
    return [pio.fields["val"] for pio in pios if pio.fields["port"] in {0xF4, 0xF5}]


@pytest.mark.parametrize("name", KEPT)
def test_kept_recordings_are_read_as_perf_does(name: str) -> None:
    """Every record equals the line that perf printed: time, pid, tid, CPU, event and fields."""
    expected = parse((DATA / name / "script.txt").read_text())

    assert len(expected) > 1
    assert expected == render(_kept(name).records())


@pytest.mark.parametrize(
    ("name", "boots"),
    [
        ("perf-all-cpus", 3),
        ("perf-callgraph", 1),
        ("perf-killed", 3),
        ("perf-monotonic", 1),
        ("perf-one-process", 1),
        ("perf-pipe", 3),
        ("perf-svm", 3),
        ("perf-threads", 3),
    ],
)
def test_the_marks_of_every_boot_are_there(name: str, boots: int) -> None:
    """Each boot wrote its five marks in this order."""
    assert _marks(_kept(name)) == _MARKS * boots


def test_losses_are_told_by_ring_and_by_event() -> None:
    """The kernel's LOST and perf's totals at the end are two counts of the same losses."""
    losses = [record for record in _kept("perf-lost").records() if isinstance(record, Lost)]

    by_kind: Counter[LossKind] = Counter()
    for loss in losses:
        by_kind[loss.kind] += loss.count
    assert by_kind == {LossKind.RING: 184, LossKind.TOTAL: 184}
    totals = [loss for loss in losses if loss.kind is LossKind.TOTAL]
    assert {loss.event for loss in totals} == {"raw_syscalls:sys_enter", "raw_syscalls:sys_exit"}


def test_a_killed_recording_says_so() -> None:
    """Its facts are missing, its records are not; a whole recording is not called killed."""
    killed, whole = _kept("perf-killed"), _kept("perf-one-process")

    assert (killed.killed, killed.header.command) == (True, ())
    assert (whole.killed, whole.header.command[:2]) == (False, ("/usr/bin/perf", "record"))


def test_the_clock_and_its_wall_clock_are_told() -> None:
    """``-k CLOCK_MONOTONIC`` is named, and tied to the time of day."""
    header = _kept("perf-monotonic").header

    assert header.clock == "monotonic"
    assert header.wall_clock is not None
    assert header.wall_clock.realtime_ns > header.wall_clock.clock_ns


def test_header_tells_who_recorded() -> None:
    """Command, kernel, perf version and clock are those of the recording."""
    header = _kept("perf-svm").header

    facts = (header.os_release, header.perf_version, header.clock, *header.command[:3])
    expected = ("6.1.0-56-amd64", "6.1.192", "perf", "/usr/bin/perf", "record", "-a")
    assert expected == facts


def test_unwanted_samples_are_left_out() -> None:
    """Only port writes to 0xf4 and 0xf5 remain: 5 in each of three boots."""
    recording = open_recording(
        DATA / "perf-svm/perf.data",
        wanted={"kvm:kvm_pio"},
        where=[FieldIn("kvm:kvm_pio", "port", {0xF4, 0xF5})],
    )

    values = [r.fields["val"] for r in recording.records() if isinstance(r, Sample)]

    assert values == _MARKS * 3


def test_the_first_entry_of_each_vm_is_at_the_reset_vector() -> None:
    """The fields of kvm_entry come from the recorded format, vCPU and instruction pointer alike."""
    first: dict[int, Sample] = {}
    entries = open_recording(DATA / "perf-svm/perf.data", wanted={"kvm:kvm_entry"}).records()
    for entry in entries:
        if isinstance(entry, Sample):
            first.setdefault(entry.pid, entry)

    assert [(e.fields["vcpu_id"], e.fields["rip"]) for e in first.values()] == [(0, 0xFFF0)] * 3


def test_a_line_of_perf_is_parsed() -> None:
    """Spaces in a comm do not move the other columns."""
    line = "   tmux: server  1/2   [003]     9.000000001:   kvm:kvm_entry: vcpu 0, rip 0x0"

    assert [Line(9_000_000_001, 1, 2, 3, "kvm:kvm_entry: vcpu 0, rip 0x0")] == parse(line)
