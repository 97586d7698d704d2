"""Our reader against what ``perf script`` printed for the same recordings."""

from pathlib import Path

import pytest

from perf_oracle import Line, parse, render
from qemu_boot_time.formats.perfdata import FieldIn, Sample, open_recording

_SHARED = Path(__file__).parents[2].parent / "shared/data/recordings"
_THREE_BOOTS = _SHARED / "svm-three-tiny-boots.perf.data"


def _three_boots() -> Path:
    if not _THREE_BOOTS.exists():
        pytest.skip(f"{_THREE_BOOTS.name} is not beside this checkout")
    return _THREE_BOOTS


def test_three_boots_are_read_as_perf_does() -> None:
    """Every sample of three boots on AMD SVM equals the line that perf printed there."""
    recording = open_recording(_three_boots(), tracefs=None)

    samples = render(r for r in recording.records() if isinstance(r, Sample))

    assert parse(_three_boots().with_suffix(".txt").read_text()) == samples


def test_header_tells_who_recorded() -> None:
    """Command, kernel, perf version and clock are those of the recording."""
    header = open_recording(_three_boots(), tracefs=None).header

    facts = (header.os_release, header.perf_version, header.clock, *header.command[:3])
    expected = ("6.1.0-56-amd64", "6.1.192", "perf", "/usr/bin/perf", "record", "-a")
    assert expected == facts


def test_unwanted_samples_are_left_out() -> None:
    """Only port writes to 0xf4 and 0xf5 remain: 5 in each of three boots."""
    recording = open_recording(
        _three_boots(),
        wanted={"kvm:kvm_pio"},
        where=[FieldIn("kvm:kvm_pio", "port", {0xF4, 0xF5})],
    )

    values = [r.fields["val"] for r in recording.records() if isinstance(r, Sample)]

    expected = [1, 5, 3, 6, 7] * 3
    assert expected == values


def test_a_line_of_perf_is_parsed() -> None:
    """Spaces in a comm do not move the other columns."""
    line = "   tmux: server  1/2   [003]     9.000000001:   kvm:kvm_entry: vcpu 0, rip 0x0"

    assert [Line(9_000_000_001, 1, 2, 3, "kvm:kvm_entry: vcpu 0, rip 0x0")] == parse(line)
