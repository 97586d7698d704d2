"""trace.dat with bytes that lie: records or one error, in bounded time and memory."""

import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qemu_boot_time.errors import CorruptFileError, QbtError
from qemu_boot_time.formats.tracedat import Record, open_recording
from qemu_boot_time.formats.tracedat.storage import inflater
from tracedat_build import Ring, TraceDat

_DATA = Path(__file__).parents[1] / "data"
_RING = Ring()
_SMALL = (
    (_DATA / "tracecmd-monotonic-v6/trace.dat").read_bytes(),
    (_DATA / "tracecmd-instance/trace.dat").read_bytes(),
    TraceDat([_RING.page(0, *[_RING.pio(1, 0xF5, 1)] * 50)] * 2).version7("zlib"),
)


def _read(file: Path, data: bytes) -> list[Record]:
    file.write_bytes(data)
    records: list[Record] = []
    try:
        for record in open_recording(file).records():
            records.append(record)  # noqa: PERF402  # what came before an error counts
    except QbtError:
        pass
    return records


def _flaws(data: bytes) -> "st.SearchStrategy[list[tuple[int, int]]]":
    place = st.integers(0, len(data) - 1)
    return st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=8)


@pytest.mark.parametrize("data", _SMALL, ids=["6", "7 zstd", "7 zlib"])
def test_flawed_bytes_give_records_or_one_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever bytes are changed, nothing else is raised."""
    file = tmp_path_factory.mktemp("flawed") / "trace.dat"

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_flaws(data))
    def check(flaws: list[tuple[int, int]]) -> None:
        flawed = bytearray(data)
        for place, byte in flaws:
            flawed[place] = byte
        _read(file, bytes(flawed))

    check()


@pytest.mark.parametrize("data", _SMALL, ids=["6", "7 zstd", "7 zlib"])
def test_a_file_cut_short_gives_what_precedes_the_cut(data: bytes, tmp_path: Path) -> None:
    """The records of a truncated file are among those of the whole one."""
    file = tmp_path / "trace.dat"
    whole = _read(file, data)
    pick = random.Random(4)  # noqa: S311  # the same cuts each time

    for size in [*pick.sample(range(len(data)), 80), len(data) - 1]:
        assert all(record in whole for record in _read(file, data[:size]))


def test_one_cpu_that_is_damaged_leaves_the_others(tmp_path: Path) -> None:
    """Records before the damage and those of other CPUs come first, then the error with its place."""
    good = _RING.page(10, _RING.pio(0, 0xF5, 1))
    bad = _RING.page(20, _RING.pio(0, 0xF5, 5), commit=9999)
    file = tmp_path / "trace.dat"
    data = TraceDat([good + bad, _RING.page(30, _RING.pio(0, 0xF4, 7))]).version6()
    file.write_bytes(data)
    records: list[Record] = []

    with pytest.raises(CorruptFileError, match="page of CPU 0") as caught:
        records.extend(open_recording(file).records())

    assert caught.value.offset == data.index(bad)
    assert [record.time_ns for record in records] == [10, 30]


@pytest.mark.parametrize(
    "entries",
    [
        _RING.head(28, 0),
        _RING.head(0, 0) + _RING.words(0),
        _RING.head(0, 0) + _RING.words(1 << 31),
        _RING.head(0, 0),
        _RING.head(30, 1),
        _RING.head(29, 1),
        _RING.event(0, b"four"),
        _RING.event(0, _RING.pio_data(1, 1)[:12]),
    ],
)
def test_entries_that_cannot_be_are_refused(tmp_path: Path, entries: bytes) -> None:
    """Sizes past the page, below nothing, or too small for the fields."""
    file = tmp_path / "trace.dat"
    file.write_bytes(TraceDat([_RING.page(0, entries)]).version6())

    with pytest.raises(CorruptFileError, match="page of CPU 0"):
        list(open_recording(file).records())


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """Fail where Python allocates more than ``size`` bytes at a time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["zlib", "zstd"])
def test_a_block_that_stands_for_more_than_it_says_costs_no_memory(name: str) -> None:
    """It is not unpacked whole: neither 200 MB nor, by its own header, a window of them."""
    module: Any = pytest.importorskip({"zstd": "zstandard"}.get(name, name))
    bomb = module.compress(bytes(200 << 20))
    inflate = inflater(name, "f")

    with _at_most(1 << 20), pytest.raises(ValueError, match=r"more than|too much memory"):
        inflate(bomb, 4096)


def test_a_block_may_not_ask_for_a_window_of_its_own_size() -> None:
    """Zstd would allocate what the block's header says before it unpacks a byte."""
    zstandard: Any = pytest.importorskip("zstandard")
    wide = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    packed = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    bomb = packed.compress(bytes(4096)) + packed.flush()

    with pytest.raises(ValueError, match="too much memory"):
        inflater("zstd", "f")(bomb, 4096)


@pytest.mark.parametrize("name", ["zlib", "zstd"])
def test_a_block_stands_for_what_it_says(name: str) -> None:
    """The right size gives the bytes, a byte more or less and rubbish an error."""
    module: Any = pytest.importorskip({"zstd": "zstandard"}.get(name, name))
    inflate = inflater(name, "f")
    packed = module.compress(b"page" * 1024)

    assert inflate(packed, 4096) == b"page" * 1024
    for data, size in ((packed, 4095), (packed, 4097), (packed[:-9], 4096), (b"rubbish", 4096)):
        with pytest.raises(ValueError, match=r"."):
            inflate(data, size)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Sixteen megabytes of pages are read in less than one."""
    file = tmp_path / "trace.dat"
    page = _RING.page(0, *[_RING.pio(1, 0xF5, 1)] * 2)
    file.write_bytes(TraceDat([page * 2048] * 2).version7())
    recording = open_recording(file)

    with _at_most(1 << 20):
        count = sum(1 for _ in recording.records())

    assert count == 2 * 2 * 2048


def test_a_section_of_nothing_ends_soon(tmp_path: Path) -> None:
    """Zeros are not taken for millions of systems without a name."""
    built = TraceDat([], events={})
    no_events, zeros = bytes(4), built.number("I", 0xFFFFFFFF) + bytes(1 << 16)
    file = tmp_path / "trace.dat"
    file.write_bytes(built.version6().replace(bytes(16), no_events + zeros, 1))

    with pytest.raises(CorruptFileError, match="a system without a name"):
        open_recording(file)


def test_options_in_a_circle_end(tmp_path: Path) -> None:
    """Sections of options that point to each other are refused."""
    file = tmp_path / "trace.dat"
    data = TraceDat([]).version7()
    at = int.from_bytes(data[-8:], "little")
    start = data.index(b"none\0\0") + 6
    first = data[start : start + 8]
    assert at == 0
    file.write_bytes(data[:-8] + first)

    with pytest.raises(CorruptFileError, match="sections of options"):
        open_recording(file)
