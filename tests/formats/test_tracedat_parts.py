"""A recording in parts that only grow, and the trace.dat made of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from build import PIO
from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.tracedat import Lost, Record, TraceEvent, open_recording, parts
from qemu_boot_time.formats.tracing_data import TracingFiles
from tracedat_build import HEADER_EVENT, PAGE_BYTES, Ring, header_page

RING = Ring()
FILES = TracingFiles(header_page(8).encode(), HEADER_EVENT.encode(), {"kvm": [PIO.encode()]})
CLOCK = "local global [mono] boot\n"


def _page(time: int, value: int, *, tid: int = 42) -> bytes:
    return RING.page(time, RING.pio(0, 0xF5, value, tid=tid))


def _parts(directory: Path, pages: Mapping[int, Sequence[bytes]], comms: str = "") -> Path:
    (directory / parts.HEAD).write_bytes(parts.head(FILES, page_bytes=PAGE_BYTES))
    (directory / parts.CLOCK).write_text(CLOCK)
    (directory / parts.COMMS).write_text(comms)
    for cpu, each in pages.items():
        (directory / parts.PAGES.format(cpu)).write_bytes(b"".join(each))
    return directory


def _records(directory: Path) -> list[Record]:
    file = directory / "trace.dat"
    parts.assemble(directory, file)
    recording = open_recording(file)
    assert "mono" == recording.header.clock
    return list(recording.records())


def test_pages_of_all_cpus_are_joined(tmp_path: Path) -> None:
    """In the order of their times, with the CPU they came from, though one has none."""
    pages = {0: [_page(10, 1), _page(30, 3)], 2: [_page(20, 2)]}

    records = _records(_parts(tmp_path, pages, comms="42 kvm\n42 qemu-system-x86\n"))

    events = [record for record in records if isinstance(record, TraceEvent)]
    assert [(10, 0, 1), (20, 2, 2), (30, 0, 3)] == [
        (event.time_ns, event.cpu, event.fields["val"]) for event in events
    ]
    assert {"qemu-system-x86"} == {event.comm for event in events}


def test_a_page_cut_short_is_left_out(tmp_path: Path) -> None:
    """What a killed writer had begun costs nothing of what it had finished, on no CPU."""
    pages = {0: [_page(10, 1), _page(30, 3)[:100]], 1: [_page(20, 2)]}

    records = _records(_parts(tmp_path, pages))

    assert [10, 20] == [record.time_ns for record in records]


def test_a_recording_without_a_page(tmp_path: Path) -> None:
    """Nothing was seen: that is no error."""
    assert [] == _records(_parts(tmp_path, {}))


def test_a_loss_is_told_as_the_kernel_does(tmp_path: Path) -> None:
    """A page of its own says when and how many."""
    lost = parts.lost_page(15, 7, page_bytes=PAGE_BYTES)

    records = _records(_parts(tmp_path, {0: [_page(10, 1), lost, _page(20, 2)]}))

    assert [10, 15, 20] == [record.time_ns for record in records]
    assert Lost(15, 0, 7, "") == records[1]


@pytest.mark.parametrize("part", [parts.HEAD, parts.CLOCK, parts.COMMS])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    """Nothing can be read without it."""
    (_parts(tmp_path, {0: [_page(10, 1)]}) / part).unlink()

    with pytest.raises(InputError, match=rf"/{part}: No such file"):
        _records(tmp_path)
