"""Recordings made here and now: our reader against ``perf script``, record by record."""

import os
import shutil
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

import perf_oracle
from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.perfdata import (
    Decoder,
    LossKind,
    Lost,
    Record,
    Recording,
    Sample,
    open_recording,
)
from qemu_boot_time.guest import tiny
from real_host import require

pytestmark = pytest.mark.real

EXEC = "sched:sched_process_exec"
SCHED = ("-e", "sched:sched_switch", "-e", EXEC, "-e", "sched:sched_waking")
SYSCALLS = ("-e", "raw_syscalls:sys_enter", "-e", "raw_syscalls:sys_exit")
SHELL = ("sh", "-c", "ls / | sort >/dev/null & ls /usr/bin >/dev/null; wait")
COPY = "dd if=/dev/zero of=/dev/null bs=1 count=300 2>/dev/null"

KINDS = {
    "all-cpus": ("-a", *SCHED),
    "one-event": ("-e", EXEC),
    "one-event-all-cpus": ("-a", "-e", EXEC),
    "inherited": (*SCHED, *SYSCALLS),
    "compressed": ("-z", "-a", *SCHED, *SYSCALLS),
    "compressed-threads": ("-z", "--threads", "-a", *SCHED),
    "threads": ("--threads", "-a", *SCHED),
    "call-graph": ("-g", "-a", *SCHED),
    "call-graph-stacks": ("--call-graph", "dwarf", *SCHED),
    "monotonic": ("-k", "CLOCK_MONOTONIC", "-a", *SCHED),
    "monotonic-raw": ("-k", "CLOCK_MONOTONIC_RAW", *SCHED),
    "filtered": ("-a", "-e", "sched:sched_switch", "--filter", "prev_pid!=0", "-e", EXEC),
    "with-a-timer": ("-a", "-e", "cpu-clock", "-F", "999", *SCHED),
    "more-of-all": ("-a", "-d", "--phys-data", "-W", "--transaction", *SCHED),
}


def _trouble(*argv: str) -> str:
    try:
        process.run(argv, timeout_s=120)
    except HostError as error:
        return error.what
    return ""


@pytest.fixture(scope="module")
def perf(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the perf program, where it may record trace events."""
    found = shutil.which("perf")
    require(found is not None, "perf is not installed")
    probe = tmp_path_factory.mktemp("probe") / "perf.data"
    trouble = _trouble("perf", "record", "-q", "-o", str(probe), "-a", "-e", EXEC, "true")
    require(not trouble, f"perf cannot record trace events here: {trouble}")
    return str(found)


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the shell command of a boot under KVM, where one works."""
    require(os.access("/dev/kvm", os.R_OK | os.W_OK), "/dev/kvm cannot be opened")
    require(shutil.which("qemu-system-x86_64") is not None, "QEMU is not installed")
    bios = tmp_path_factory.mktemp("tiny") / "tiny.bin"
    bios.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
    command = f"qemu-system-x86_64 -accel kvm {' '.join(tiny.qemu_args(bios))} 2>/dev/null"
    trouble = _trouble("sh", "-c", f"{command}; test $? -eq 1")
    require(not trouble, f"KVM does not run the tiny guest: {trouble}")
    return f"{command}; true"


def _record(directory: Path, options: Sequence[str], work: Sequence[str] = SHELL) -> Path:
    file = directory / "perf.data"
    argv = ["perf", "record", "-q", "-o", str(file), *options, "--", *work]
    process.run(argv, timeout_s=60)
    return file


def _oracle(file: Path) -> list[perf_oracle.Line]:
    printed = process.run([*perf_oracle.SCRIPT, str(file)], timeout_s=120).stdout
    return perf_oracle.parse(printed)


def _as_perf(recording: Recording) -> list[perf_oracle.Line]:
    lines = perf_oracle.render(recording.records())
    assert recording.unknown == {}
    return lines


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_recording_is_read_as_perf_does(perf: str, tmp_path: Path, kind: str) -> None:
    """Time, pid, tid, CPU, event and fields of every record equal what perf prints."""
    assert perf
    file = _record(tmp_path, KINDS[kind])

    assert _oracle(file) == _as_perf(open_recording(file, tracefs=None))


def test_boots_are_read_as_perf_does(perf: str, boot: str, tmp_path: Path) -> None:
    """Three boots, recorded with all KVM events: the same as perf says, and all marks in order."""
    assert perf
    file = _record(tmp_path, ("-a", "-e", "kvm:*", "-e", EXEC), ("sh", "-c", f"{boot};" * 3))
    recording = open_recording(file, tracefs=None)

    assert _oracle(file) == _as_perf(recording)
    pios = sorted(
        (record.time_ns, record.fields["val"])
        for record in open_recording(file, wanted=["kvm:kvm_pio"]).records()
        if isinstance(record, Sample) and record.fields["port"] in {0xF4, 0xF5}
    )
    assert [value for _, value in pios] == [1, 5, 3, 6, 7] * 3


def test_concurrent_processes_are_read_as_perf_does(perf: str, boot: str, tmp_path: Path) -> None:
    """Boots at the same time, each with its threads, in one inherited recording."""
    assert perf
    events = ("-e", "kvm:kvm_pio", "-e", "kvm:kvm_fpu", *SCHED)
    file = _record(tmp_path, events, ("sh", "-c", f"({boot})& ({boot})& ({boot})& wait"))

    assert _oracle(file) == _as_perf(open_recording(file, tracefs=None))


def test_the_samples_of_a_group_are_those_of_its_leader(perf: str, tmp_path: Path) -> None:
    """A leader that reads its group: perf makes up samples of the others, we do not."""
    assert perf
    group = "{sched:sched_switch,sched:sched_waking,raw_syscalls:sys_enter}:S"
    file = _record(tmp_path, ("-e", group))

    said = [line for line in _oracle(file) if line.text.startswith(("sched:sched_switch", "PERF"))]

    assert said == _as_perf(open_recording(file, tracefs=None))


@pytest.mark.parametrize("options", [(), ("-z",)], ids=["plain", "compressed"])
def test_a_stream_is_read_while_it_is_written(
    perf: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """What the decoder gives of perf's output is what perf says of the same bytes in a file."""
    file = tmp_path / "stream.data"
    argv = [perf, "record", "-q", "-o", "-", *options, "-a", *SCHED, "--", *SHELL]
    decoder = Decoder()
    seen: list[Record] = []
    child, _ = process.start(process.Start(tuple(argv), stdout=subprocess.PIPE))
    with child, file.open("wb") as kept:
        assert child.stdout is not None
        while chunk := os.read(child.stdout.fileno(), 4096):
            kept.write(chunk)
            seen += decoder.feed(chunk)
    decoder.finish()

    assert _oracle(file) == perf_oracle.render(seen)
    assert seen == list(open_recording(file, tracefs=None).records())


def test_losses_are_told_as_perf_does(perf: str, tmp_path: Path) -> None:
    """One CPU for perf and its prey, a ring of one page: events are lost, and both say how many."""
    assert perf
    argv = ["taskset", "-c", "0", "perf", "record", "-q", "-m", "1", *SYSCALLS, "-o"]
    file = tmp_path / "perf.data"
    process.run(
        [*argv, str(file), "--", "sh", "-c", f"{COPY}; sleep 0.2; {COPY}; sleep 0.2; {COPY}"]
    )
    recording = open_recording(file, tracefs=None)

    assert _oracle(file) == _as_perf(recording)
    lost: Counter[LossKind] = Counter()
    for record in recording.records():
        if isinstance(record, Lost):
            lost[record.kind] += record.count
    assert 0 < lost[LossKind.RING] <= lost[LossKind.TOTAL]


def _with_end_of(whole: Path, killed: Path, repaired: Path) -> None:
    """Give a killed recording a size, and the event formats of a whole one, for perf to read it."""
    donor, data = whole.read_bytes(), bytearray(killed.read_bytes())
    table = sum(struct.unpack_from("<QQ", donor, 40))
    at, size = struct.unpack_from("<QQ", donor, table)
    begin = struct.unpack_from("<Q", data, 40)[0]
    struct.pack_into("<QQQQ4Q", data, 40, begin, len(data) - begin, 0, 0, 1 << 1, 0, 0, 0)
    section = struct.pack("<QQ", len(data) + 16, size)
    repaired.write_bytes(data + section + donor[at : at + size])


def test_a_killed_recording_is_read_through_the_live_tracefs(perf: str, tmp_path: Path) -> None:
    """Killed before it wrote sizes and names: the records are there, names come from the kernel."""
    whole = _record(tmp_path, ("-a", *SCHED, *SYSCALLS))
    killed = tmp_path / "killed.data"
    work = ("sh", "-c", "while :; do ls /usr/bin >/dev/null; done")
    argv = (
        perf,
        "record",
        "-q",
        "-m",
        "4",
        "-o",
        str(killed),
        "-a",
        *SCHED,
        *SYSCALLS,
        "--",
        *work,
    )
    child, _ = process.start(process.Start(argv))
    try:
        deadline = time.monotonic() + 120
        while not (killed.exists() and _size(killed) > 1 << 20):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.kill()
        child.wait()
    finally:
        process.end_group(child)

    recording = open_recording(killed)
    seen = perf_oracle.render(recording.records())

    _with_end_of(whole, killed, tmp_path / "repaired.data")
    assert recording.killed
    assert _oracle(tmp_path / "repaired.data") == seen


def _size(file: Path) -> int:
    return file.stat().st_size
