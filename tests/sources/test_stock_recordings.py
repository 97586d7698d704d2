"""Recordings of an unpatched guest: marks at the very lines that perf and trace-cmd printed."""

import re
from pathlib import Path

import pytest

from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Boot

_DATA = Path(__file__).parents[1] / "data"
_TIME = re.compile(r" (\d+)\.(\d{9}):")
_PERF = {
    "exec": r"filename=\S+/qemu-system-x86_64 ",
    "qemu_init_end": r"kvm_entry: vcpu 0, rip 0xfff0",
    "fw_start": r"kvm_entry: vcpu 0, rip 0xfff0",
    "linux_start_boot": r"pio_write at 0xf1 ",
    "decompress_start": r"pio_write at 0xf1 ",
    "decompress_end": r"msr_write c0000080 = 0xd01",
    "linux_start_kernel": r"msr_write c0000080 = 0xd01",
    "linux_smp_init": r"dst 1 vec 0 \(INIT\|physical\|assert",
    "power_off": r"pio_write at 0x604 .* val 0x2001",
    "ends of bounds": r"msr_write c0000080 = 0x100|msr_read 8b",
}
_TRACE_CMD = {
    "exec": r"filename=\S+/qemu-system-x86_64 ",
    "qemu_init_end": r"kvm_entry: .* rip=0xfff0",
    "fw_start": r"kvm_entry: .* rip=0xfff0",
    "linux_start_boot": r"port=0xf1 ",
    "decompress_start": r"port=0xf1 ",
    "decompress_end": r"write=1 ecx=c0000080 data=0xd01",
    "linux_start_kernel": r"write=1 ecx=c0000080 data=0xd01",
    "linux_smp_init": r"icr_low=0 dest_id=1",
    "power_off": r"port=0x604 .* val=0x2001",
    "ends of bounds": r"write=1 ecx=c0000080 data=0x100|ecx=8b",
}
_BOUNDS = {
    "qemu_init_end": "exact",
    "fw_start": "ge",
    "linux_start_boot": "le",
    "decompress_start": "ge",
    "decompress_end": "le",
    "linux_start_kernel": "ge",
    "linux_smp_init": "le",
    "power_off": "exact",
}
_RECORDED = pytest.mark.parametrize(
    ("recording", "text", "lines"),
    [
        ("perf-stock/perf.data", "script.txt", _PERF),
        ("stock-tracecmd/trace.dat", "report.txt", _TRACE_CMD),
    ],
)


def boot_in(recording: str) -> Boot:
    """Read the only boot of a kept recording."""
    if recording.endswith(".dat"):
        pytest.importorskip("zstandard")
    (boot,) = open_input(str(_DATA / recording), Options()).boots
    return boot


def printed(recording: str, text: str, pattern: str) -> list[int]:
    """Give the times of all lines in which the pattern is."""
    lines = (_DATA / recording).with_name(text).read_text().splitlines()
    times = (_TIME.search(line) for line in lines if re.search(pattern, line))
    return [int(found[1]) * 10**9 + int(found[2]) for found in times if found]


@_RECORDED
def test_every_mark_is_at_its_line(recording: str, text: str, lines: dict[str, str]) -> None:
    """The first line that shows it, in the order of the boot, and with its bound."""
    boot = boot_in(recording)

    exec_ns = printed(recording, text, lines["exec"])[0]
    expected = {name: printed(recording, text, lines[name])[0] - exec_ns for name in _BOUNDS}
    assert exec_ns == boot.exec_ns
    assert list(expected.items()) == [(mark.name, mark.time_ns) for mark in boot.marks]
    assert _BOUNDS == {mark.name: mark.bound for mark in boot.marks}


@_RECORDED
def test_what_lies_between_two_lines_says_so(
    recording: str, text: str, lines: dict[str, str]
) -> None:
    """Its error reaches to the next line that shows that the place was passed."""
    boot = boot_in(recording)

    ends = [
        time_ns - (boot.exec_ns or 0)
        for time_ns in printed(recording, text, lines["ends of bounds"])
    ]
    reach = {mark.name: mark.time_ns + mark.error_ns for mark in boot.marks if mark.error_ns}
    assert {"decompress_start": ends[0], "linux_start_kernel": ends[1]} == reach
