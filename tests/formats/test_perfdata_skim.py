"""Passing over what nobody wants: never a record too many, whatever the layout."""

import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from build import EXEC, PIO, USUAL, Builder
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.perfdata import (
    FieldIn,
    FirstOf,
    Lost,
    Record,
    Sample,
    open_recording,
    skim,
)
from qemu_boot_time.formats.perfdata.abi import RecordType
from qemu_boot_time.formats.perfdata.abi import Sample as Bit

DATA = Path(__file__).parents[1] / "data"
RECORDINGS = sorted(DATA.glob("perf-*/perf.data"))
NEVER = sys.maxsize
NAME = "kvm:kvm_pio"
SYSTEMS = {"kvm": [PIO], "sched": [EXEC]}
TICK_NS = 1 << 24
RARE = FieldIn(NAME, "port", {0xF4, 0xF5})


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have the expression compiled at the first record read in vain, and again soon."""
    monkeypatch.setattr(skim, "_PAYS_AFTER", 1)
    return monkeypatch


def _records(file: Path, **narrowed: object) -> list[Record]:
    return list(open_recording(file, tracefs=None, **narrowed).records())  # type: ignore[arg-type]  # keywords as they are


def _file(tmp_path: Path, records: bytes, *, order: ByteOrder = "<", sample_type: int = 0) -> Path:
    b = Builder(order)
    attrs = [
        (b.attr(7, sample_type=sample_type or USUAL | Bit.IDENTIFIER), [1, 2, 0x103]),
        (b.attr(9), [4]),
    ]
    file = tmp_path / "perf.data"
    file.write_bytes(b.file(attrs, records, b.features(SYSTEMS)))
    return file


def _ports(records: Sequence[Record]) -> list[tuple[int, object]]:
    return [(r.time_ns, r.fields["port"]) for r in records if isinstance(r, Sample)]


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("wanted", [[], ["sched:sched_process_exec"], [NAME]], ids=len)
def test_real_recordings_give_the_same(
    eager: pytest.MonkeyPatch, file: Path, wanted: list[str]
) -> None:
    """What is passed over is what reading it would have left out."""
    tracefs, where = file.parent / "tracefs", [RARE] if NAME in wanted else []
    recording = open_recording(file, wanted=wanted, where=where, tracefs=tracefs)
    skimmed = list(recording.records())

    eager.setattr(skim, "_PAYS_AFTER", NEVER)
    recording = open_recording(file, wanted=wanted, where=where, tracefs=tracefs)

    assert list(recording.records()) == skimmed


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_field_is_looked_at_in_passing(tmp_path: Path, order: ByteOrder) -> None:
    """Of a thousand writes just those to the wanted ports are given, on whatever CPU."""
    b = Builder(order)
    ports = [*range(0x400), 0xF4]
    samples = [
        b.sample(b.pio(port, 1), number=(1, 2, 0x103)[port % 3], time_ns=time_ns)
        for time_ns, port in enumerate(ports)
    ]

    found = _records(_file(tmp_path, b"".join(samples), order=order), where=[RARE])

    assert [(0xF4, 0xF4), (0xF5, 0xF5), (0x400, 0xF4)] == _ports(found)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_first_of_each_while_is_given(tmp_path: Path, order: ByteOrder) -> None:
    """Others may be left out, those asked for besides may not; losses between them stay."""
    b = Builder(order)
    times = [tick * TICK_NS + ns for tick in range(5) for ns in range(100)]
    samples = [b.sample(b.pio(ns % 1000, 1), time_ns=ns) for ns in times]
    samples[250:250] = [b.record(RecordType.LOST, b.pack("QQ", 1, 3) + b.trailer())]
    rule = FirstOf(NAME, FieldIn(NAME, "port", {(2 * TICK_NS + 77) % 1000}))

    found = _records(_file(tmp_path, b"".join(samples), order=order), first_of=[rule])

    seen = [time_ns for time_ns, _ in _ports(found)]
    assert {0, TICK_NS, 2 * TICK_NS, 2 * TICK_NS + 77, 3 * TICK_NS, 4 * TICK_NS} <= set(seen)
    assert sorted(seen) == seen
    assert len(seen) < len(times) / 5
    assert [3] == [record.count for record in found if isinstance(record, Lost)]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("changed", ["tid", "cpu"])
def test_each_thread_and_cpu_has_a_first(tmp_path: Path, changed: str) -> None:
    """Rings lie one behind the other: the second CPU's first may be the thread's."""
    b = Builder()
    one = b.sample(b.pio(1, 1), time_ns=900)
    at = {"tid": 28, "cpu": 40}[changed]
    other = one[:at] + b.pack("I", 77) + one[at + 4 :]
    other = other[:32] + b.pack("Q", 800) + other[40:]

    found = _records(_file(tmp_path, 50 * one + 50 * other), first_of=[FirstOf(NAME)])

    assert [900] == list(
        takewhile(lambda ns: ns == 900, dict.fromkeys(t for t, _ in _ports(found)))
    )
    assert 800 in [time_ns for time_ns, _ in _ports(found)]


@pytest.mark.usefixtures("eager")
def test_layouts_that_move_the_raw_data_are_read_whole(tmp_path: Path) -> None:
    """Behind a call chain nothing lies still, so no sample is left out unread."""
    b = Builder()
    chain = [b.pack("Q", n % 3) + b.pack("Q", 1) * (n % 3) for n in range(60)]
    samples = [
        b.sample(b.pio(0xF4 if n % 7 else 1, 1), time_ns=n, before_raw=chain[n]) for n in range(60)
    ]
    file = _file(tmp_path, b"".join(samples), sample_type=USUAL | Bit.IDENTIFIER | Bit.CALLCHAIN)

    found = _records(file, where=[RARE])

    assert [(n, 0xF4) for n in range(60) if n % 7] == _ports(found)
