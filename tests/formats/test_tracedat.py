"""trace.dat, byte by byte: both versions, both byte orders, entries, options."""

import struct
from pathlib import Path

import pytest

from build import EXEC, PIO, event_format
from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat import Guest, Lost, Record, Recording, open_recording
from qemu_boot_time.formats.tracedat.abi import Option
from tracedat_build import HEADER_EVENT, Ring, TraceDat

_RING = Ring()


def _open(tmp_path: Path, data: bytes) -> Recording:
    file = tmp_path / "trace.dat"
    file.write_bytes(data)
    return open_recording(file)


def _records(tmp_path: Path, *cpus: bytes, ring: Ring = _RING) -> list[Record]:
    return list(_open(tmp_path, TraceDat(cpus, ring).version6()).records())


def _times(tmp_path: Path, *entries: bytes) -> list[int]:
    return [record.time_ns for record in _records(tmp_path, _RING.page(1000, *entries))]


@pytest.mark.parametrize("version", ["6", "7", "7 zlib"])
@pytest.mark.parametrize("long_bytes", [4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_versions_and_byte_orders_hold_the_same(
    tmp_path: Path, order: ByteOrder, long_bytes: int, version: str
) -> None:
    """Time, CPU, thread, comm, name and fields survive each way to write them down."""
    ring = Ring(order, long_bytes)
    pages = ring.page(100, ring.pio(1, 0xF5, 1)) + ring.page(200, ring.pio(2, 0xF4, 7))
    built = TraceDat([pages * 3, ring.page(150, ring.pio(0, 0x501, 0, tid=9))], ring)
    data = {"6": built.version6(), "7": built.version7(), "7 zlib": built.version7("zlib")}

    records = list(_open(tmp_path, data[version]).records())

    qemu = (42, 0, "qemu-system-x86", "kvm:kvm_pio")
    first = (101, *qemu, {"port": 0xF5, "val": 1}, "")
    last = (202, *qemu, {"port": 0xF4, "val": 7}, "")
    other = (150, 9, 1, "", "kvm:kvm_pio", {"port": 0x501, "val": 0}, "")
    assert [first, other, last, first, last, first, last] == records


def test_deltas_add_up(tmp_path: Path) -> None:
    """Each entry's time counts from the one before it, the first from the page's."""
    times = _times(tmp_path, _RING.pio(5, 0xF5, 1), _RING.pio(7, 0xF5, 5), _RING.pio(0, 0xF4, 3))

    assert [1005, 1012, 1012] == times


def test_time_extends_add_59_bits(tmp_path: Path) -> None:
    """What does not fit a delta comes in an entry of its own."""
    times = _times(tmp_path, _RING.extend((5 << 27) + 3), _RING.pio(1, 0xF5, 1))

    assert [1000 + (5 << 27) + 3 + 1] == times


@pytest.mark.parametrize(
    ("before", "stamp", "time"),
    [(1000, 5000, 5000), ((3 << 59) + 10, 20, (3 << 59) + 20), ((1 << 59) - 5, 7, (1 << 59) + 7)],
)
def test_absolute_stamps_take_their_upper_bits_from_before(
    tmp_path: Path, before: int, stamp: int, time: int
) -> None:
    """A stamp has 59 bits; one that is smaller than the time before it has wrapped."""
    page = _RING.page(before, _RING.stamp(stamp), _RING.pio(1, 0xF5, 1))

    assert [time + 1] == [record.time_ns for record in _records(tmp_path, page)]


def test_discarded_entries_take_time_and_nothing_else(tmp_path: Path) -> None:
    """As in trace-cmd, the delta of a discarded event counts."""
    times = _times(tmp_path, _RING.padding(9, 16), _RING.pio(1, 0xF5, 1))

    assert [1010] == times


def test_the_rest_of_a_page_may_be_unused(tmp_path: Path) -> None:
    """Padding without a delta ends the page."""
    times = _times(tmp_path, _RING.pio(1, 0xF5, 1), _RING.padding(0, 16), _RING.pio(1, 0xF5, 5))

    assert [1001] == times


def test_a_long_event_tells_its_size_in_bytes(tmp_path: Path) -> None:
    """The word behind the first one counts itself and the data, which is rounded up to words."""
    data = _RING.pio_data(0xF5, 1) + b"odd"

    times = _times(tmp_path, _RING.long_event(1, data), _RING.pio(2, 0xF5, 5))

    assert [1001, 1003] == times


@pytest.mark.parametrize("missed", [449, None])
def test_losses_have_the_count_of_their_page(tmp_path: Path, missed: int | None) -> None:
    """A page tells that events were lost before it, and how many if it has room for that."""
    records = _records(tmp_path, _RING.page(50, _RING.pio(0, 0xF5, 1), missed=missed))

    assert Lost(50, 0, missed, "") == records[0]


def test_text_of_any_length_is_read(tmp_path: Path) -> None:
    """A file name follows its event's fields."""
    name = b"/usr/bin/qemu-system-x86_64\0"
    data = struct.pack("<HBBiIi", 9, 0, 0, 42, len(name) << 16 | 16, 42) + name

    (record,) = _records(tmp_path, _RING.page(0, _RING.event(0, data)))

    assert not isinstance(record, Lost)
    assert record.fields == {"filename": "/usr/bin/qemu-system-x86_64", "pid": 42}


def test_events_that_nothing_describes_are_counted(tmp_path: Path) -> None:
    """An id without a format is skipped."""
    page = _RING.page(0, _RING.pio(0, 1, 1, number=77), _RING.pio(0, 0xF5, 1))
    recording = _open(tmp_path, TraceDat([page]).version6())

    assert len(list(recording.records())) == 1
    assert recording.unknown == {77: 1}


@pytest.mark.parametrize(
    ("options", "time_ns"),
    [
        ([(Option.OFFSET, b"500\0")], 1500),
        ([(Option.OFFSET, b"-0x10\0")], 984),
        ([(Option.DATE, b"0x2\0")], 3000),
        ([(Option.TSC2NSEC, struct.pack("<IIQ", 3, 1, 99))], 1500),
        ([(Option.TSC2NSEC, struct.pack("<IIQ", 1, 2, 0)), (Option.OFFSET, b"7\0")], 257),
    ],
)
def test_options_move_times(tmp_path: Path, options: list[tuple[int, bytes]], time_ns: int) -> None:
    """Offset in ns, date in us, scale of the TSC: as trace-cmd report applies them."""
    page = _RING.page(1000, _RING.pio(0, 0xF5, 1))
    recording = _open(tmp_path, TraceDat([page], options=options).version7())

    assert [time_ns] == [record.time_ns for record in recording.records()]


def test_options_tell_facts(tmp_path: Path) -> None:
    """CPUs, trace id, losses, guests and their vCPUs' threads; what is not known is skipped."""
    stats = b"CPU: %d\noverrun: %d\ncommit overrun: 2\ndropped events: 3\n\0"
    guest = b"vm\0" + struct.pack("<QIIIII", 5, 2, 1, 102, 0, 101)
    options = [
        (Option.CPUCOUNT, struct.pack("<I", 2)),
        (Option.TRACEID, struct.pack("<Q", 77)),
        (Option.CPUSTAT, stats % (0, 10)),
        (Option.CPUSTAT, stats % (1, 100)),
        (Option.GUEST, guest),
        (Option.TIME_SHIFT, struct.pack("<QII", 78, 0, 0)),
        (999, b"what is this"),
    ]
    header = _open(tmp_path, TraceDat([b"", b""], options=options, clock="mono").version7()).header

    assert (header.cpus, header.trace_id, header.clock) == (2, 77, "mono")
    assert header.lost == 120
    assert header.guests == (Guest("vm", 5, (101, 102)),)
    assert header.host_trace_id == 78


def test_an_option_counts_the_cpus_of_the_tables(tmp_path: Path) -> None:
    """Version 6: the number before the options may be another one, for older readers."""
    options = [(Option.CPUCOUNT, struct.pack("<I", 2))]
    pages = [_RING.page(time, _RING.pio(0, 0xF5, 1)) for time in (1, 2)]
    data = TraceDat(pages, options=options).version6()
    count = struct.pack("<I", 2) + b"options"

    recording = _open(tmp_path, data.replace(count, struct.pack("<I", 1) + b"options"))

    assert [record.cpu for record in recording.records()] == [0, 1]


def test_the_clock_may_stand_behind_the_tables_alone(tmp_path: Path) -> None:
    """Version 6: the option says that there is one, and older trace-cmd said no more in it."""
    named = struct.pack("<HI", Option.TRACECLOCK, 7) + b"[mono]\0"
    data = TraceDat([], clock="mono").version6()
    assert named in data

    recording = _open(tmp_path, data.replace(named, struct.pack("<HI", Option.TRACECLOCK, 0)))

    assert recording.header.clock == "mono"


def test_latency_text_is_refused(tmp_path: Path) -> None:
    """A tracer's text has no events."""
    with pytest.raises(InputError, match="latency tracer"):
        _open(tmp_path, TraceDat([]).version6(b"latency  \0"))


def test_latency_text_of_version_7_is_refused(tmp_path: Path) -> None:
    """Likewise where an option tells it."""
    data = (
        TraceDat([])
        .version7()
        .replace(struct.pack("<HI", Option.BUFFER, 23), struct.pack("<HI", Option.BUFFER_TEXT, 23))
    )

    with pytest.raises(InputError, match="latency tracer"):
        _open(tmp_path, data)


@pytest.mark.parametrize("version", ["5", "8", "x"])
def test_other_versions_are_refused(tmp_path: Path, version: str) -> None:
    """The error says what converts them."""
    with pytest.raises(InputError, match=f"version '{version}'") as caught:
        _open(tmp_path, TraceDat([]).start(version) + bytes(100))

    assert "trace-cmd convert" in caught.value.hint


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    """The error says how to do without."""
    data = TraceDat([]).version7().replace(b"none\0", b"lz77\0")

    with pytest.raises(InputError, match="compressed with 'lz77'") as caught:
        _open(tmp_path, data)

    assert "--compression none" in caught.value.hint


def test_a_missing_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without zstandard, the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    data = TraceDat([]).version7().replace(b"none\0", b"zstd\0")

    with pytest.raises(InputError, match="module zstandard is missing") as caught:
        _open(tmp_path, data)

    assert "pip install zstandard" in caught.value.hint


def test_another_ring_buffer_is_refused(tmp_path: Path) -> None:
    """A kernel that says that its entries are different is believed."""
    text = HEADER_EVENT.replace("type == 30", "type == 40")

    with pytest.raises(InputError, match="time_extend is 40 instead of 30"):
        _open(tmp_path, TraceDat([], header_event=text).version6())


def test_no_event_formats_at_all_are_refused(tmp_path: Path) -> None:
    """Nothing tells where the thread of an event stands."""
    with pytest.raises(InputError, match="no event format"):
        _open(tmp_path, TraceDat([], events={}).version6())


def test_something_else_is_refused(tmp_path: Path) -> None:
    """Only the magic makes a trace.dat."""
    with pytest.raises(InputError, match=r"no trace\.dat"):
        _open(tmp_path, b"PERFILE2" * 100)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(InputError, match="nowhere: No such file"):
        open_recording(tmp_path / "nowhere")


def test_formats_of_events_that_never_came_do_no_harm(tmp_path: Path) -> None:
    """Fields that overlap matter only in an event that is there."""
    odd = event_format("odd", 8, "u32 a;8;4;0", "u32 b;10;4;0")
    page = _RING.page(0, _RING.pio(0, 0xF5, 1))
    recording = _open(tmp_path, TraceDat([page], events={"kvm": [PIO, EXEC, odd]}).version6())

    assert len(list(recording.records())) == 1
