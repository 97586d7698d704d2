"""Event formats: the field lines of tracefs, and the values they lead to."""

import struct
from pathlib import Path

import pytest

from build import EXEC, PIO, Builder, event_format
from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.cursor import ByteOrder, Cursor
from qemu_boot_time.formats.tracing import (
    FieldError,
    Fields,
    compile_fields,
    parse_format,
    read_tracefs,
    read_tracing_data,
)

_HEAD = bytes(8)


def _decode(field: str, data: bytes, order: ByteOrder = "<") -> Fields:
    event = parse_format(event_format("e", 1, field), system="s")
    return compile_fields(event.fields, order)(data, 0, len(data))


@pytest.mark.parametrize(
    ("field", "data", "expected"),
    [
        ("unsigned int port;8;4;0", b"\xf4\0\0\0", 0xF4),
        ("int ret;8;4;1", b"\xff\xff\xff\xff", -1),
        ("char c;8;1;1", b"\xff", -1),
        ("char comm[16];8;16;0", b"qemu\0rubbish".ljust(16, b"\0"), "qemu"),
        ("char comm[TASK_COMM_LEN];8;16;0", b"init".ljust(16, b"\0"), "init"),
        ("char comm[4];8;4;0", b"a\xff\x1bb", "a\\xff\x1bb"),
        ("unsigned long args[2];8;16;0", struct.pack("<QQ", 3, 4), (3, 4)),
        ("__u8 insn[3];8;3;0", b"\x01\x02\xff", (1, 2, 255)),
        ("s16 both[2];8;4;1", b"\xff\xff\x01\0", (-1, 1)),
        ("const char * name;8;8;0", struct.pack("<Q", 0x1234), 0x1234),
        ("struct timespec64 t;8;16;0", bytes(range(16)), bytes(range(16))),
        ("__data_loc char[] filename;8;4;0", struct.pack("<I", 4 << 16 | 12) + b"/ls\0", "/ls"),
        ("__rel_loc char[] filename;8;4;0", struct.pack("<I", 4 << 16 | 0) + b"/ls\0", "/ls"),
        ("__data_loc u8[] buf;8;4;0", struct.pack("<I", 2 << 16 | 12) + b"\x01\x02", b"\x01\x02"),
    ],
)
def test_a_field_gives_its_value(field: str, data: bytes, expected: object) -> None:
    """Type, sign, size and place of a field line decide what is read."""
    (value,) = _decode(field, _HEAD + data).values()

    assert expected == value


def test_numbers_follow_the_byte_order() -> None:
    """A big-endian recording is read as such."""
    assert _decode("u32 port;8;4;0", _HEAD + b"\0\0\0\xf4", ">") == {"port": 0xF4}


def test_common_fields_are_apart() -> None:
    """What every event has is not repeated in its own fields."""
    event = parse_format(PIO, system="kvm")

    assert (event.full_name, event.id) == ("kvm:kvm_pio", 7)
    assert [field.name for field in event.fields] == ["port", "val"]
    assert [field.name for field in event.common] == [
        "common_type",
        "common_flags",
        "common_preempt_count",
        "common_pid",
    ]


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("u32 port;8;4;0", b"\0"),
        ("__data_loc char[] filename;8;4;0", struct.pack("<I", 99 << 16 | 12)),
        ("__rel_loc char[] filename;8;4;0", struct.pack("<I", 1 << 16 | 0)),
    ],
)
def test_data_that_lie_are_refused(field: str, data: bytes) -> None:
    """Nothing is read past the end of an event."""
    with pytest.raises(FieldError):
        _decode(field, _HEAD + data)


@pytest.mark.parametrize("second", ["u32 b;10;4;0", "u32 b;99999999;4;0"])
def test_fields_that_cannot_be_are_refused(second: str) -> None:
    """Fields that overlap, or lie past any event, are an error in the formats."""
    event = parse_format(event_format("e", 1, "u32 a;8;4;0", second), system="s")

    with pytest.raises(InputError, match="field b at offset"):
        compile_fields(event.fields, "<")


def test_a_text_without_id_is_refused() -> None:
    """A format text must say which event it describes."""
    with pytest.raises(InputError, match="without name or ID"):
        parse_format("name: x\n", system="s")


@pytest.mark.parametrize("order", ["<", ">"])
def test_tracing_data_is_read_in_its_own_order(order: ByteOrder) -> None:
    """The section names its byte order itself."""
    data = Builder(order).tracing_data({"kvm": [PIO], "sched": [EXEC]})

    formats = read_tracing_data(Cursor(data, file="f", structure="s", order="<"))

    assert {number: event.full_name for number, event in formats.items()} == {
        7: "kvm:kvm_pio",
        9: "sched:sched_process_exec",
    }


def test_tracing_data_cut_short_names_the_place() -> None:
    """The error says where in the file the formats end."""
    data = Builder().tracing_data({"kvm": [PIO]})[:-100]

    with pytest.raises(CorruptFileError, match=r"f: s at byte 1\d\d: \d+ bytes expected") as caught:
        read_tracing_data(Cursor(data, file="f", structure="s", order="<", base=24))

    assert caught.value.hint


def test_tracefs_is_asked_by_id(tmp_path: Path) -> None:
    """Only the events asked for are read, and one that is not there is left out."""
    for system, text in (("kvm", PIO), ("sched", EXEC)):
        event = parse_format(text, system=system)
        place = tmp_path / "events" / system / event.name
        place.mkdir(parents=True)
        (place / "id").write_text(f"{event.id}\n")
        (place / "format").write_text(text)

    found = read_tracefs([7, 1234], root=tmp_path)

    assert [event.full_name for event in found.values()] == ["kvm:kvm_pio"]


def test_tracefs_that_is_not_there_knows_nothing(tmp_path: Path) -> None:
    """No tracefs is no error."""
    assert read_tracefs([7], root=tmp_path / "nowhere") == {}
