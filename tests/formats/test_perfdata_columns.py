"""Samples as columns, held against the reader that reads them one by one."""

import struct
from pathlib import Path

import pytest

from build import PIO, Builder
from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.formats.perfdata import Sample, open_recording, writer
from qemu_boot_time.formats.perfdata.abi import AttrFlag, Feature, ReadFormat, RecordType
from qemu_boot_time.formats.perfdata.columns import Table, read_columns
from qemu_boot_time.formats.tracing_data import TracingFiles

B = Builder()
ATTR = writer.AttrRequest(2, 7, AttrFlag.DISABLED, 1, 1, ReadFormat.ID).packed()
HEAD = b"".join(
    [
        writer.pipe_header(),
        writer.attr_record(ATTR, [31, 32]),
        writer.tracing_data_record(TracingFiles(b"page", b"event", {"kvm": [PIO.encode()]})),
        writer.feature_record(Feature.HOSTNAME, writer.text_section("box")),
        writer.feature_record(Feature.EVENT_DESC, writer.names_section([("kvm:kvm_pio", ATTR)])),
    ]
)
FIELDS = {"kvm:kvm_pio": ("port", "val"), "kvm:kvm_exit": ("isa",)}


def sample(time_ns: int, port: int, value: int, *, number: int = 31, tid: int = 42) -> bytes:
    """Build a sample as the kernel does."""
    fixed = struct.pack("<QiiQII", number, 41, tid, time_ns, 3, 0)
    return B.record(RecordType.SAMPLE, fixed + B.raw(B.pio(port, value)))


def table(tmp_path: Path, *records: bytes) -> Table:
    """Read a recording of these records."""
    file = tmp_path / "exits.data"
    file.write_bytes(HEAD + b"".join(records))
    return read_columns(file, FIELDS)


def rows(found: Table) -> list[tuple[int, int, int, int]]:
    """Give time, thread, port and value of each sample."""
    pio = found.events["kvm:kvm_pio"]
    columns = (pio.time_ns, pio.tid, pio.fields["port"], pio.fields["val"])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_reader_says_the_same(tmp_path: Path) -> None:
    """Of hundreds of samples with other records between them."""
    records = [sample(1000 + i, i % 7, i, number=31 + i % 2, tid=40 + i % 3) for i in range(300)]
    records[100:100] = [writer.lost_record(31, 5, time_ns=9)]

    found = rows(table(tmp_path, *records))

    read = open_recording(tmp_path / "exits.data", tracefs=None).records()
    samples = [each for each in read if isinstance(each, Sample)]
    expected = [(s.time_ns, s.tid, s.fields["port"], s.fields["val"]) for s in samples]
    assert (300, expected) == (len(found), found)


def test_what_looks_like_a_sample_is_none(tmp_path: Path) -> None:
    """A guest may write what it likes: only where a record ends another one begins."""
    (head,) = struct.unpack("<Q", sample(1, 2, 3)[:8])
    false = struct.pack("<QQ", head, 31) * 2
    hidden = B.record(RecordType.COMM, struct.pack("<ii", 41, 42) + false + bytes(40))

    found = table(tmp_path, sample(1, 2, 3), hidden, sample(4, 5, 6))

    assert ([(1, 42, 2, 3), (4, 42, 5, 6)], "") == (rows(found), found.damage)


def test_losses_are_counted_once(tmp_path: Path) -> None:
    """What rings told is part of what was added up at the end."""
    told, in_all = writer.lost_record(31, 5, time_ns=9), writer.lost_samples_record(31, 7)

    found = table(tmp_path, sample(1, 2, 3), told, sample(4, 5, 6), in_all)

    assert (7, 2) == (found.lost, len(rows(found)))


@pytest.mark.parametrize("cut", [1, 8, 40])
def test_a_torn_end_is_told(tmp_path: Path, cut: int) -> None:
    """The samples before it are read."""
    found = table(tmp_path, sample(1, 2, 3), sample(4, 5, 6)[:-cut])

    assert [(1, 42, 2, 3)] == rows(found)
    assert "the file ends inside it" in found.damage


@pytest.mark.parametrize(("cut", "has"), [(8, 56), (16, 48)])
def test_a_sample_that_is_shorter_than_its_event(tmp_path: Path, cut: int, has: int) -> None:
    """What lies behind it is another record's, and no field of it."""
    whole = sample(4, 5, 6)
    short = B.record(RecordType.SAMPLE, whole[8:-cut])

    with pytest.raises(CorruptFileError) as damaged:
        table(tmp_path, sample(1, 2, 3), short, sample(7, 8, 9))

    at = len(HEAD) + len(whole)
    assert f"sample at byte {at}: its event takes 60 bytes, it has {has}" in damaged.value.what


def test_a_sample_whose_data_are_shorter_than_its_event(tmp_path: Path) -> None:
    """The record has room for them, and something else may be there."""
    fixed = struct.pack("<QiiQII", 31, 41, 42, 4, 3, 0)
    short = B.record(RecordType.SAMPLE, fixed + struct.pack("<I12x", 4))

    with pytest.raises(CorruptFileError, match="sample at byte"):
        table(tmp_path, sample(1, 2, 3), short)


def test_nothing_happened(tmp_path: Path) -> None:
    """An event that never came has no samples, one that was not recorded is not there."""
    found = table(tmp_path)

    assert (["kvm:kvm_pio"], [], 0, "") == (
        list(found.events),
        rows(found),
        found.lost,
        found.damage,
    )
