"""Our reader against what ``trace-cmd report`` printed for the same recordings."""

from itertools import pairwise
from pathlib import Path

import pytest

from qemu_boot_time.formats.tracedat import Lost, TraceEvent, open_recording
from tracecmd_oracle import Line, parse, render

_DATA = Path(__file__).parents[1] / "data"
_WHOLE = sorted(path.name for path in _DATA.glob("tracecmd-*") if path.name != "tracecmd-lost")
_SHARED = Path(__file__).parents[2].parent / "shared/data/recordings/svm-one-tiny-boot.v7.trace.dat"


def _dat(name: str) -> Path:
    if not name.endswith("-v6"):
        pytest.importorskip("zstandard")
    return _DATA / name / "trace.dat"


@pytest.mark.parametrize("name", _WHOLE)
def test_a_recording_is_read_as_trace_cmd_does(name: str) -> None:
    """Time, CPU, thread, name, event and all fields of every record are those of the report."""
    records = open_recording(_dat(name)).records()

    assert parse((_DATA / name / "report.txt").read_text()) == render(records)


def test_one_boot_with_all_symbols_is_read_as_trace_cmd_does() -> None:
    """A recording as trace-cmd makes them, with the kernel's symbols, equals its report."""
    if not _SHARED.exists():
        pytest.skip(f"{_SHARED.name} is not beside this checkout")
    expected = parse(_SHARED.with_suffix(".txt").read_text())

    lines = render(open_recording(_SHARED).records())

    assert [line[:-1] for line in expected] == [line[:-1] for line in lines]


def test_losses_are_where_trace_cmd_sees_them() -> None:
    """Three losses on CPU 0, each with the time of the next event there; the total is known too."""
    recording = open_recording(_dat("tracecmd-lost"))
    records = [record for record in recording.records() if record.cpu == 0]

    around = [
        line
        for lost, event in pairwise(records)
        if isinstance(lost, Lost)
        for line in render([lost, event])
    ]

    report = (_DATA / "tracecmd-lost/report.txt").read_text()
    assert parse(report) == around
    assert recording.header.lost == 449


def test_a_loss_has_the_time_of_its_page() -> None:
    """It is the time of the first event behind it."""
    records = list(open_recording(_dat("tracecmd-lost")).records())

    pairs = [(a, b) for a, b in pairwise(records) if isinstance(a, Lost)]

    assert [a.time_ns for a, _ in pairs] == [b.time_ns for _, b in pairs]
    assert len(pairs) == 3


def test_header_tells_who_recorded() -> None:
    """Version, clock, kernel, trace-cmd and CPUs are those of the recording."""
    header = open_recording(_dat("tracecmd-monotonic-v6")).header

    facts = (header.version, header.clock, header.trace_cmd_version, header.cpus, header.in_ns)
    assert facts == (6, "mono", "3.1.6 not-a-git-repo", 2, True)
    assert header.uname == "Linux (none) 6.1.0-56-amd64 x86_64"
    assert header.trace_id == 13056836022404518863


@pytest.mark.parametrize(
    ("name", "in_ns"), [("tracecmd-tsc", False), ("tracecmd-tsc-scaled", True)]
)
def test_ticks_are_not_called_nanoseconds(name: str, in_ns: bool) -> None:  # noqa: FBT001  # a table
    """The header says whether times are nanoseconds."""
    assert open_recording(_dat(name)).header.in_ns == in_ns


@pytest.mark.parametrize("name", ["tracecmd-instance", "tracecmd-instance-v6"])
def test_instances_are_named(name: str) -> None:
    """Events tell which buffer they were in."""
    recording = open_recording(_dat(name))

    buffers = {
        (record.buffer, record.event)
        for record in recording.records()
        if isinstance(record, TraceEvent)
    }

    assert recording.buffers == {"": "local", "kvm": "local"}
    assert buffers == {
        ("", "sched:sched_process_exec"),
        ("kvm", "kvm:kvm_entry"),
        ("kvm", "kvm:kvm_pio"),
    }


def test_unwanted_events_are_left_out() -> None:
    """Only the events asked for are given: four programs start in three boots and their script."""
    recording = open_recording(_dat("tracecmd-three-boots-v6"), wanted={"sched:sched_process_exec"})

    names = [
        record.fields["filename"]
        for record in recording.records()
        if isinstance(record, TraceEvent)
    ]

    assert names == ["/tmp/three.sh", *["/usr/bin/qemu-system-x86_64"] * 3]
    assert "kvm:kvm_pio" in recording.events


def test_a_recording_may_be_read_again() -> None:
    """Records come anew with each call."""
    recording = open_recording(_dat("tracecmd-instance"))

    assert list(recording.records()) == list(recording.records())


def test_a_line_of_trace_cmd_is_parsed() -> None:
    """Spaces and dashes in a comm do not move the other columns."""
    line = " tmux: a-b-12     [003]     9.000000001: sched_switch:   prev_comm=x y prev_pid=0x10"

    fields = (("prev_comm", "x y"), ("prev_pid", 16))
    assert [Line("", 3, "sched_switch", 9_000_000_001, "tmux: a-b", 12, fields)] == parse(line)
