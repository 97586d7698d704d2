"""Records built byte by byte: every layout that perf writes, and some that it will."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from build import EXEC, PIO, USUAL, Builder
from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.perfdata import (
    Comm,
    Decoder,
    Exit,
    FieldIn,
    Fork,
    LossKind,
    Lost,
    Record,
    Recording,
    Sample,
    Throttle,
    WallClock,
    Wanted,
    open_recording,
)
from qemu_boot_time.formats.perfdata.abi import (
    MISC_COMM_EXEC,
    AttrFlag,
    Feature,
    ReadFormat,
    RecordType,
)
from qemu_boot_time.formats.perfdata.abi import Sample as Bit

B = Builder()
SYSTEMS = {"kvm": [PIO], "sched": [EXEC]}
SEEN = Sample(5, 41, 42, 3, "kvm:kvm_pio", {"port": 0xF4, "val": 6})


def _open(tmp_path: Path, data: bytes, *, wanted: Sequence[str] | None = None) -> Recording:
    file = tmp_path / "perf.data"
    file.write_bytes(data)
    return open_recording(file, wanted=wanted, tracefs=None)


def _records(tmp_path: Path, records: bytes, attr: bytes | None = None) -> list[Record]:
    attr = B.attr(7) if attr is None else attr
    data = B.file([(attr, [1])], records, B.features(SYSTEMS))
    return list(_open(tmp_path, data).records())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("attr_size", [64, 96, 128, 144])
def test_files_of_both_byte_orders(tmp_path: Path, order: ByteOrder, attr_size: int) -> None:
    """Numbers, the bit field of the attr and the feature bitmap follow the file's byte order."""
    b = Builder(order)
    exec_body = b.pack("II", 41, 42) + b"qemu\0\0\0\0" + b.trailer()
    records = b.sample(b.pio(0xF4, 6)) + b.record(RecordType.COMM, exec_body, misc=MISC_COMM_EXEC)
    attr = b.attr(7, size=attr_size)
    data = b.file([(attr, [1])], records, b.features(SYSTEMS), attr_room=max(attr_size, 64))

    recording = _open(tmp_path, data)

    assert [SEEN, Comm(5, 41, 42, "qemu", is_exec=True)] == list(recording.records())
    assert (recording.header.hostname, recording.header.command) == ("box", ("perf", "record"))


def test_features_of_a_32_bit_big_endian_machine(tmp_path: Path) -> None:
    """There the bitmap is an array of 32-bit words."""
    b = Builder(">")
    data = bytearray(b.file([(b.attr(7), [1])], b.sample(b.pio(1, 1)), b.features(SYSTEMS)))
    data[72:80] = data[76:80] + data[72:76]

    assert _open(tmp_path, bytes(data)).header.hostname == "box"


def test_an_attr_larger_than_its_place(tmp_path: Path) -> None:
    """header.attr_size gives the stride, whatever size an attr claims."""
    attr = B.attr(7, size=128)[:96]
    data = B.file([(attr, [1])], B.sample(B.pio(0xF4, 6)), B.features(SYSTEMS), attr_room=96)

    assert list(_open(tmp_path, data).records()) == [SEEN]


def test_the_clock_is_named(tmp_path: Path) -> None:
    """The clock id is the attr's; CLOCK_DATA ties it to the wall clock."""
    attr = B.attr(7, flags=AttrFlag.SAMPLE_ID_ALL | AttrFlag.USE_CLOCKID, clock_id=4)
    clock_data = B.pack("IIQQ", 1, 4, 1_700_000_000_000_000_000, 77)
    features = {**B.features(SYSTEMS), Feature.CLOCK_DATA: clock_data}

    header = _open(tmp_path, B.file([(attr, [1])], B.sample(B.pio(1, 1)), features)).header

    assert ("monotonic_raw", WallClock(77, 1_700_000_000_000_000_000)) == (
        header.clock,
        header.wall_clock,
    )


READS = [
    (0, (9,)),
    (ReadFormat.ID | ReadFormat.LOST, (9, 1, 0)),
    (ReadFormat.TOTAL_TIME_ENABLED | ReadFormat.TOTAL_TIME_RUNNING, (9, 8, 8)),
    (ReadFormat.GROUP, (2, 9, 9)),
    (ReadFormat.GROUP | ReadFormat.ID | ReadFormat.TOTAL_TIME_ENABLED, (2, 8, 9, 1, 9, 2)),
    (ReadFormat.GROUP | ReadFormat.ID | ReadFormat.LOST, (1, 9, 1, 0)),
]


@pytest.mark.parametrize(("read_format", "words"), READS)
def test_raw_data_behind_counts_and_call_chain(
    tmp_path: Path, read_format: int, words: tuple[int, ...]
) -> None:
    """READ in all its forms and a call chain are stepped over to reach the raw data."""
    attr = B.attr(
        7,
        sample_type=USUAL | Bit.IDENTIFIER | Bit.READ | Bit.CALLCHAIN,
        read_format=read_format,
    )
    before = B.pack(f"{len(words)}Q", *words) + B.pack("4Q", 3, 0xA, 0xB, 0xC)

    assert _records(tmp_path, B.sample(B.pio(0xF4, 6), before_raw=before), attr) == [SEEN]


def test_the_id_may_stand_in_the_middle(tmp_path: Path) -> None:
    """Without IDENTIFIER the id follows ADDR; in trailers STREAM_ID and CPU follow it."""
    kinds = USUAL | Bit.ID | Bit.ADDR | Bit.STREAM_ID
    fixed = B.pack("QiiQQQQIIQ", 0xFFFF, 41, 42, 5, 0xADD2, 2, 99, 3, 0, 1)
    sample = B.record(RecordType.SAMPLE, fixed + B.raw(B.pio(0xF4, 6)))
    trailer = B.pack("iiQQQII", 41, 42, 6, 2, 99, 3, 0)
    lost = B.record(RecordType.LOST, B.pack("QQ", 2, 11) + trailer)
    attrs = [(B.attr(9, sample_type=kinds), [1]), (B.attr(7, sample_type=kinds), [2])]

    recording = _open(tmp_path, B.file(attrs, sample + lost, B.features(SYSTEMS)))

    assert [SEEN, Lost(6, 3, 11, "kvm:kvm_pio", LossKind.RING)] == list(recording.records())


def test_no_id_at_all(tmp_path: Path) -> None:
    """A single event needs no id, wanted or not."""
    fixed = B.pack("QiiQIIQ", 0xFFFF, 41, 42, 5, 3, 0, 1)
    sample = B.record(RecordType.SAMPLE, fixed + B.raw(B.pio(0xF4, 6)))
    data = B.file([(B.attr(7, sample_type=USUAL), [])], sample, B.features(SYSTEMS))

    assert list(_open(tmp_path, data).records()) == [SEEN]
    assert list(_open(tmp_path, data, wanted=["sched:sched_process_exec"]).records()) == []


def test_ids_at_different_places_are_refused(tmp_path: Path) -> None:
    """Samples whose id cannot be found are not guessed at."""
    attrs = [
        (B.attr(7, sample_type=USUAL | Bit.ID), [1]),
        (B.attr(9, sample_type=USUAL | Bit.ID | Bit.ADDR), [2]),
    ]
    recording = _open(tmp_path, B.file(attrs, B.sample(B.pio(1, 1)), B.features(SYSTEMS)))

    with pytest.raises(InputError, match="different places of their samples"):
        list(recording.records())


def test_samples_without_time_are_refused(tmp_path: Path) -> None:
    """A tracer of times has no use for events without."""
    attr = B.attr(7, sample_type=Bit.IDENTIFIER | Bit.TID | Bit.RAW)

    with pytest.raises(InputError, match="without times"):
        _records(tmp_path, B.sample(B.pio(1, 1)), attr)


def test_records_that_are_no_samples(tmp_path: Path) -> None:
    """Names, tasks, losses and throttling come typed, with the trailer's time and CPU."""
    tail, none = B.trailer(), B.trailer(number=0, time_ns=0, cpu=0)
    task = B.pack("4IQ", 41, 40, 42, 40, 4)
    records = [
        B.record(RecordType.COMM, B.pack("II", 41, 42) + b"qemu-system-x86\0" + none),
        B.record(RecordType.FORK, task + tail),
        B.record(RecordType.EXIT, task + tail),
        B.record(RecordType.LOST, B.pack("QQ", 1, 11) + tail),
        B.record(RecordType.LOST_SAMPLES, B.pack("Q", 12) + B.trailer(time_ns=0, cpu=0)),
        B.record(RecordType.THROTTLE, B.pack("QQQ", 4, 1, 1) + tail),
        B.record(RecordType.UNTHROTTLE, B.pack("QQQ", 6, 1, 1) + tail),
    ]

    expected = [
        Comm(0, 41, 42, "qemu-system-x86", is_exec=False),
        Fork(5, 41, 40, 42, 40),
        Exit(5, 41, 40, 42, 40),
        Lost(5, 3, 11, "kvm:kvm_pio", LossKind.RING),
        Lost(0, -1, 12, "kvm:kvm_pio", LossKind.TOTAL),
        Throttle(4, 3, "kvm:kvm_pio", stopped=True),
        Throttle(6, 3, "kvm:kvm_pio", stopped=False),
    ]
    assert expected == _records(tmp_path, b"".join(records))


def test_records_without_trailer(tmp_path: Path) -> None:
    """Before sample_id_all a COMM has no time, a FORK has its own."""
    records = B.record(RecordType.COMM, B.pack("II", 41, 42) + b"qemu\0\0\0\0")
    records += B.record(RecordType.FORK, B.pack("4IQ", 41, 40, 42, 40, 4))

    expected = [Comm(0, 41, 42, "qemu", is_exec=False), Fork(4, 41, 40, 42, 40)]
    assert expected == _records(tmp_path, records, B.attr(7, flags=0))


def test_what_is_not_known_is_skipped_and_counted(tmp_path: Path) -> None:
    """Newer record types and ids of no event are no reason to stop."""
    newer = B.record(4711, bytes(16))
    stray = B.sample(B.pio(1, 1), number=99)
    records = newer + stray + newer + B.sample(B.pio(0xF4, 6))
    recording = _open(tmp_path, B.file([(B.attr(7), [1])], records, B.features(SYSTEMS)))

    assert [list(recording.records()) for _ in range(2)] == [[SEEN]] * 2
    assert recording.unknown == {"record type 4711": 2, "sample of an unknown event": 1}


def test_an_event_without_name_keeps_its_samples(tmp_path: Path) -> None:
    """Without formats a tracepoint is `unknown event N`, and asking for it by name is an error."""
    data = B.file([(B.attr(7), [1])], B.sample(B.pio(0xF4, 6)), {})

    assert [Sample(5, 41, 42, 3, "unknown event 7", {})] == list(_open(tmp_path, data).records())
    with pytest.raises(InputError, match="kvm:kvm_pio cannot be told from others"):
        list(_open(tmp_path, data, wanted=["kvm:kvm_pio"]).records())


def test_only_the_field_values_asked_for(tmp_path: Path) -> None:
    """A test on a field comes before anything else of a sample is decoded."""
    records = b"".join(B.sample(B.pio(port, 6)) for port in (0x3F8, 0xF4, 0x60))
    file = tmp_path / "perf.data"
    file.write_bytes(B.file([(B.attr(7), [1])], records, B.features(SYSTEMS)))
    pio = "kvm:kvm_pio"

    port, other = FieldIn(pio, "port", {0xF4, 0xF5}), FieldIn(pio, "val", {7})

    assert list(open_recording(file, where=[port]).records()) == [SEEN]
    assert list(open_recording(file, where=[port, other]).records()) == []
    with pytest.raises(InputError, match="has no field prot"):
        list(open_recording(file, where=[FieldIn(pio, "prot", {0xF4})]).records())


def _stream(*records: bytes) -> bytes:
    attr = B.record(RecordType.HEADER_ATTR, B.attr(7) + B.pack("QQ", 1, 2))
    host = B.record(RecordType.HEADER_FEATURE, B.pack("Q", Feature.HOSTNAME) + B.string("box"))
    return B.stream(attr, host, B.described(SYSTEMS), *records)


@pytest.mark.parametrize("step", [1, 7, 64, 1 << 20])
def test_a_stream_is_read_as_it_comes(step: int) -> None:
    """The size of the chunks changes nothing; each record comes with its last byte at the latest."""
    finished = B.record(RecordType.FINISHED_ROUND, b"")
    data = _stream(B.sample(B.pio(0xF4, 6)), finished, B.sample(B.pio(0xF4, 6)), finished)
    decoder = Decoder(wanted=Wanted(frozenset({"kvm:kvm_pio"})))

    seen = [r for at in range(0, len(data), step) for r in decoder.feed(data[at : at + step])]
    decoder.finish()

    assert seen == [SEEN, SEEN]
    assert decoder.session is not None
    assert decoder.session.header.hostname == "box"


def test_a_stream_kept_in_a_file(tmp_path: Path) -> None:
    """Its facts are there before the first record is read, and it can be read twice."""
    recording = _open(tmp_path, _stream(B.sample(B.pio(0xF4, 6))))

    assert (
        recording.header.hostname,
        [event.name for event in recording.events],
    ) == ("box", ["kvm:kvm_pio"])
    assert [SEEN] == list(recording.records()) == list(recording.records())


def test_bytes_that_follow_a_record(tmp_path: Path) -> None:
    """AUXTRACE says itself how many bytes follow it, and they need not be in one chunk."""
    aux = B.record(RecordType.AUXTRACE, B.pack("QQQIIII", 3 << 20, 0, 0, 0, 0, 0, 0))
    records = aux + bytes(3 << 20) + B.sample(B.pio(0xF4, 6))

    assert _records(tmp_path, records) == [SEEN]


def _compressed(data: bytes, *sizes: int) -> list[bytes]:
    """Compress into one zstd stream, flushed after every ``sizes`` bytes of input."""
    zstandard = pytest.importorskip("zstandard")
    stream = zstandard.ZstdCompressor().compressobj()
    pieces, at = [], 0
    for size in [*sizes, len(data)]:
        piece = stream.compress(data[at : at + size])
        pieces.append(piece + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        at += size
    return pieces


def test_compressed_records(tmp_path: Path) -> None:
    """Records straddle the pieces of one stream, in the old record and in the new one."""
    one = B.sample(B.pio(0xF4, 6))
    old, new, last = _compressed(one * 3, len(one) + 5, 11)
    padded = B.pack("Q", len(new)) + new + bytes(-len(new) % 8)
    records = [
        B.record(RecordType.COMPRESSED, old),
        B.record(RecordType.COMPRESSED2, padded),
        B.record(RecordType.COMPRESSED, last),
    ]

    assert _records(tmp_path, b"".join(records)) == [SEEN] * 3


def test_compression_without_zstandard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the optional module is missing, the error says what to install."""
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(InputError, match="compressed") as caught:
        _records(tmp_path, B.record(RecordType.COMPRESSED, b"x"))

    assert caught.value.hint.endswith("-m pip install zstandard")
