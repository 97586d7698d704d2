"""A stream made by our writer, held against the format's own numbers and against our reader."""

import struct
from pathlib import Path

import pytest

from build import EXEC, PIO, Builder
from qemu_boot_time.formats.perfdata import (
    Comm,
    Decoder,
    LossKind,
    Lost,
    Recording,
    Sample,
    WallClock,
    open_recording,
    writer,
)
from qemu_boot_time.formats.perfdata.abi import AttrFlag, Feature, ReadFormat, RecordType
from qemu_boot_time.formats.tracing_data import TracingFiles

B = Builder()
MONOTONIC = 1
PIO_ATTR = writer.AttrRequest(2, 7, AttrFlag.DISABLED, 1, MONOTONIC, ReadFormat.ID).packed()
DUMMY_ATTR = writer.AttrRequest(
    1, 9, AttrFlag.TASK | AttrFlag.COMM, 4096, MONOTONIC, ReadFormat.ID
).packed()
FILES = TracingFiles(b"page", b"event", {"kvm": [PIO.encode()], "sched": [EXEC.encode() + b"\n"]})
FEATURES = (
    writer.feature_record(Feature.HOSTNAME, writer.text_section("box")),
    writer.feature_record(Feature.CMDLINE, writer.command_section(("qbt", "run"))),
    writer.feature_record(
        Feature.CLOCK_DATA, writer.clock_section(MONOTONIC, clock_ns=5, realtime_ns=6)
    ),
    writer.feature_record(
        Feature.EVENT_DESC,
        writer.names_section([("kvm:kvm_pio", PIO_ATTR), ("dummy", DUMMY_ATTR)]),
    ),
)
HEAD = b"".join(
    [
        writer.pipe_header(),
        writer.attr_record(PIO_ATTR, [31, 32]),
        writer.attr_record(DUMMY_ATTR, [41, 42]),
        writer.tracing_data_record(FILES),
        *FEATURES,
    ]
)


def _sample(number: int, time_ns: int, port: int, value: int) -> bytes:
    """Build a sample of the writer's sample_type of pid 41, tid 42 on CPU 3, as the kernel does."""
    fixed = struct.pack("<QiiQII", number, 41, 42, time_ns, 3, 0)
    return B.record(RecordType.SAMPLE, fixed + B.raw(B.pio(port, value)))


def _open(tmp_path: Path, records: bytes) -> Recording:
    file = tmp_path / "perf_event.data"
    file.write_bytes(HEAD + records)
    return open_recording(file, tracefs=None)


def test_an_attr_as_the_kernel_lays_it_out() -> None:
    """Every number lies where struct perf_event_attr of linux/perf_event.h has it."""
    attr = writer.AttrRequest(2, 0x6E, AttrFlag.INHERIT, 4096, 11, ReadFormat.LOST).packed()

    assert len(attr) == 128
    assert (2, 128, 0x6E, 1) == struct.unpack_from("<IIQQ", attr, 0)
    assert (1 << 16 | 1 << 1 | 1 << 2 | 1 << 7 | 1 << 10, 1 << 4) == struct.unpack_from(
        "<QQ", attr, 24
    )
    flags = 1 << 1 | 1 << 14 | 1 << 18 | 1 << 25  # inherit, watermark, sample_id_all, use_clockid
    assert (flags, 4096) == struct.unpack_from("<QI", attr, 40)
    assert (11,) == struct.unpack_from("<i", attr, 92)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Facts, names, formats, ids and samples come back as they went in."""
    recording = _open(tmp_path, _sample(32, 77, 0xF5, 1) + writer.round_record())

    records = list(recording.records())

    pio = {"port": 0xF5, "val": 1}
    assert [Sample(77, 41, 42, 3, "kvm:kvm_pio", pio)] == records
    assert ["kvm:kvm_pio", "dummy"] == [event.name for event in recording.events]
    assert [(31, 32), (41, 42)] == [event.attr.ids for event in recording.events]
    header = recording.header
    assert ("box", ("qbt", "run"), "monotonic") == (header.hostname, header.command, header.clock)
    assert WallClock(clock_ns=5, realtime_ns=6) == header.wall_clock
    assert {} == recording.unknown


def test_a_loss_is_told_as_the_kernel_tells_it(tmp_path: Path) -> None:
    """A LOST record of ours reads as one of the kernel: time, count and event."""
    recording = _open(tmp_path, writer.lost_record(32, 9, time_ns=123))

    assert [Lost(123, 0, 9, "kvm:kvm_pio", LossKind.RING)] == list(recording.records())


@pytest.mark.parametrize("comm", [b"", b"kvm", b"8 bytes.", b"qemu-system-x86"])
def test_a_process_is_named_as_perf_names_it(tmp_path: Path, comm: bytes) -> None:
    """A COMM record of ours reads as one of the kernel, whatever the length of the name."""
    recording = _open(tmp_path, writer.comm_record(42, 7, comm, time_ns=123))

    assert [Comm(123, 7, 7, comm.decode(), is_exec=False)] == list(recording.records())


def test_event_formats_are_padded() -> None:
    """The bytes behind TRACING_DATA are a multiple of 8, as perf insists, whatever the formats."""
    sizes = set()
    for length in range(8):
        files = TracingFiles(b"p" * length, b"", {})
        record = writer.tracing_data_record(files)
        size, payload = struct.unpack_from("<6xHI", record)
        assert len(record) == size + payload
        sizes.add(payload % 8)

    assert {0} == sizes


def test_the_live_reader_needs_no_more_than_the_head() -> None:
    """The stream is read as it grows, byte by byte too, without a look at the running kernel."""
    decoder = Decoder()

    stream = HEAD + _sample(31, 5, 0xF4, 6)
    seen = [record for byte in stream for record in decoder.feed(bytes([byte]))]

    assert [Sample(5, 41, 42, 3, "kvm:kvm_pio", {"port": 0xF4, "val": 6})] == seen
