"""Damaged, foreign and hostile files: records or one clear error, never anything else."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import PIO, Builder
from qemu_boot_time.errors import CorruptFileError, InputError, QbtError
from qemu_boot_time.formats.perfdata import Decoder, OnDamage, Record, Sample, open_recording
from qemu_boot_time.formats.perfdata.abi import RecordType

B = Builder()
DATA = Path(__file__).parents[1] / "data"
SMALL = ("perf-one-process", "perf-pipe", "perf-zstd", "perf-group-read", "perf-callgraph")
PIO_ONLY = {"kvm": [PIO]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file to be written."""
    return tmp_path / "perf.data"


def _good() -> bytes:
    records = b"".join(B.sample(B.pio(0xF4, value), time_ns=value) for value in (1, 2, 3))
    return B.file([(B.attr(7), [1])], records, B.features(PIO_ONLY))


def _times(records: Iterator[Record]) -> list[int]:
    return [record.time_ns for record in records if isinstance(record, Sample)]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a perf.data file"),
        (b"PERF", "not a perf.data file"),
        (b"\x17\x08\x44tracing6\0", "not a perf.data file"),
        (b"PERFFILE" + bytes(96), "PERFFILE"),
        (
            b"PERFILE2",
            "header at byte 8: 8 bytes should be there, the file ends at byte 8: cut off",
        ),
        (b"PERFILE2" + bytes(96), "header at byte 24: of 0 bytes"),
        (_good()[:90], "header at byte 0"),
        (_good()[:200], "event table at byte 112"),
        (
            _good()[:300],
            r"data at byte 256: \d+ bytes should be there, the file ends at byte 300: cut",
        ),
        (_good()[:-20], "feature CMDLINE"),
    ],
)
def test_what_cannot_be_opened(file: Path, data: bytes, says: str) -> None:
    """The error names the file and the trouble, and says what to do."""
    file.write_bytes(data)

    with pytest.raises(InputError, match=says) as caught:
        open_recording(file, tracefs=None)

    assert str(file) in caught.value.what
    assert caught.value.hint


def test_a_file_that_is_not_there(file: Path) -> None:
    """A missing file is bad input."""
    with pytest.raises(InputError, match="No such file"):
        open_recording(file)


def test_a_recording_that_vanishes(file: Path) -> None:
    """A file that goes away between opening and reading is bad input too."""
    file.write_bytes(_good())
    recording = open_recording(file)
    file.unlink()

    with pytest.raises(InputError, match="No such file"):
        list(recording.records())


def test_a_directory_that_is_no_recording(tmp_path: Path) -> None:
    """A directory without perf's ``data`` in it is bad input."""
    with pytest.raises(InputError, match="No such file"):
        open_recording(tmp_path)


def test_a_cut_file_gives_what_precedes_the_cut(file: Path) -> None:
    """Names are lost with the end of the file, the whole records before the cut are not."""
    size = len(B.sample(B.pio(1, 1)))
    file.write_bytes(_good()[: 256 + 2 * size + 10])

    recording = open_recording(file, tracefs=None, on_damage=OnDamage.STOP)

    assert _times(recording.records()) == [1, 2]
    assert recording.damage is not None
    assert (recording.damage.structure, recording.damage.offset) == ("data", 256)


@pytest.mark.parametrize("end", [340, -300])
def test_names_that_were_cut_off_are_not_blamed_on_perf(file: Path, end: int) -> None:
    """The error says where the file ends and what that took; the hint is to copy it again."""
    file.write_bytes(_good()[:end])
    recording = open_recording(file, tracefs=None, wanted=["kvm:kvm_pio"], on_damage=OnDamage.STOP)

    with pytest.raises(InputError) as caught:
        list(recording.records())

    ends_at = f"the file ends at byte {file.stat().st_size}: cut off?"
    lost = " The names of its events were at its end: kvm:kvm_pio cannot be told from others"
    assert caught.value.what.endswith(ends_at + lost)
    assert caught.value.hint.startswith("copy it again, whole; or read it on the host that")


def test_a_cut_stream_gives_what_precedes_the_cut(file: Path) -> None:
    """The walk raises after the records before the damage."""
    attr = B.record(RecordType.HEADER_ATTR, B.attr(7) + B.pack("Q", 1))
    samples = b"".join(B.sample(B.pio(0xF4, 6), time_ns=time) for time in (1, 2))
    file.write_bytes(B.stream(attr, B.described(PIO_ONLY), samples)[:-1])
    seen: list[Record] = []

    with pytest.raises(CorruptFileError, match="the file ends inside it"):
        seen.extend(open_recording(file).records())
    survivor = open_recording(file, on_damage=OnDamage.STOP)

    assert _times(survivor.records()) == [1]
    assert survivor.damage is not None


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (B.pack("IHH", 9, 0, 0), "record SAMPLE at byte 256: a size of 0 bytes"),
        (B.pack("IHH", 68, 0, 7), "record FINISHED_ROUND at byte 256: a size of 7 bytes"),
        (B.sample(B.pio(1, 1, common_type=8)), "common_type 8 in an event of type 7"),
        (B.sample(B.pio(1, 1) + bytes(64)), "84 bytes of raw data"),
        (B.record(9, B.pack("Q", 1)), "16 bytes, at least 56 needed"),
        (B.record(9, B.pack("Q", 1) + bytes(40)), "it ends before its raw data"),
        (
            B.record(9, B.sample(b"")[8:56] + B.pack("IHH", 9, 7, 0)),
            "9 bytes of raw data in a record",
        ),
        (B.record(RecordType.FORK, bytes(8)), "record FORK at byte 264"),
        (B.record(66, B.pack("II", 1 << 31, 0)), "bytes of event formats"),
        (B.record(81, b"no zstd at all"), "record COMPRESSED at byte 2"),
        (B.record(83, B.pack("Q", 1 << 60)), "record COMPRESSED2 at byte 272"),
        (B.record(71, B.pack("QQQIIII", 1 << 60, 0, 0, 0, 0, 0, 0)), "the file ends inside it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_records_that_cannot_be(file: Path, record: bytes, says: str) -> None:
    """The error names file, offset and structure; what precedes it was given."""
    file.write_bytes(B.file([(B.attr(7), [1])], record, B.features(PIO_ONLY)))

    with pytest.raises(CorruptFileError, match=says) as caught:
        list(open_recording(file, tracefs=None).records())

    assert caught.value.file == str(file)


def test_an_unwanted_sample_without_size(file: Path) -> None:
    """A size of 0 stops the skipping of unwanted samples too, instead of going round for ever."""
    records = B.sample(B.pio(1, 1)) + B.pack("IHHQ", 9, 0, 0, 1) + bytes(64)
    file.write_bytes(B.file([(B.attr(7), [1])], records, B.features(PIO_ONLY)))

    with pytest.raises(CorruptFileError, match=r"SAMPLE at byte 3\d\d: a size of 0 bytes"):
        list(open_recording(file, wanted=["none:such"]).records())


def test_the_torn_end_of_a_killed_recording_is_no_error(file: Path) -> None:
    """Perf was killed while it wrote: the last record is damaged, as one must expect."""
    records = B.sample(B.pio(0xF4, 6), time_ns=1) + B.sample(B.pio(0xF4, 6), time_ns=2)[:-1]
    file.write_bytes(B.file([(B.attr(7), [1])], records, {}, data_size=0))

    recording = open_recording(file, tracefs=None)

    assert _times(recording.records()) == [1]
    assert recording.killed
    assert recording.damage is not None


def test_a_record_of_no_event(file: Path) -> None:
    """A sample in a stream that never described an event is counted, a COMM is an error."""
    file.write_bytes(B.stream(B.sample(B.pio(1, 1))))
    assert list(open_recording(file).records()) == []

    file.write_bytes(B.stream(B.record(RecordType.COMM, bytes(24))))
    with pytest.raises(CorruptFileError, match="no event was described before it"):
        list(open_recording(file).records())


def test_a_small_stream_that_claims_a_bomb(file: Path) -> None:
    """A few bytes that decompress to gigabytes are read in bounded pieces."""
    zstandard = pytest.importorskip("zstandard")
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    file.write_bytes(B.file([(B.attr(7), [1])], B.record(81, bomb), B.features(PIO_ONLY)))

    with pytest.raises(CorruptFileError, match="decompressed record of type 0 at byte 0"):
        list(open_recording(file, tracefs=None).records())


@pytest.mark.parametrize("data", [b"", b"PERFILE2", b"PERFILE2" + B.pack("Q", 104)])
def test_a_live_stream_that_is_none(data: bytes) -> None:
    """Perf that died at once, or that wrote a file's header, is told from a stream."""
    decoder = Decoder()

    with pytest.raises(CorruptFileError, match="perf's output: header"):
        _feed_all(decoder, data)


def _feed_all(decoder: Decoder, data: bytes) -> list[Record]:
    records = list(decoder.feed(data))
    decoder.finish()
    return records


def _read_all(path: Path) -> None:
    """Read a recording in both ways; nothing but QbtError may come of it."""
    for on_damage in OnDamage:
        with suppress(QbtError):
            recording = open_recording(path, tracefs=None, on_damage=on_damage)
            for _ in recording.records():
                pass


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(SMALL), cut=st.floats(0, 1), edits=st.data())
def test_mutated_recordings(name: str, cut: float, edits: st.DataObject) -> None:
    """Cut anywhere and changed at random, a real file gives records or a QbtError."""
    data = bytearray((DATA / name / "perf.data").read_bytes())
    places = st.one_of(st.integers(0, 900), st.integers(0, len(data) - 1))
    changes = st.tuples(places, st.binary(min_size=1, max_size=9))
    for at, new in edits.draw(st.lists(changes, max_size=6)):
        data[at : at + len(new)] = new
    directory = Path(tempfile.mkdtemp())
    try:
        (directory / "perf.data").write_bytes(data[: round(len(data) * (1 if cut > 0.5 else cut))])

        _read_all(directory / "perf.data")
    finally:
        shutil.rmtree(directory)
