"""The tiny guest: its bytes, and that a disassembler reads in them what we meant."""

import re
import shutil
import struct
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.guest import tiny


def instructions(code: bytes, directory: Path) -> list[str]:
    """Read 16-bit code with objdump: the mnemonics and operands alone."""
    if shutil.which("objdump") is None:
        pytest.skip("objdump is not installed (package binutils)")
    file = directory / "code.bin"
    file.write_bytes(code)
    shown = process.run(["objdump", "-D", "-b", "binary", "-m", "i8086", "-M", "intel", str(file)])
    lines = re.findall(r"^ +[0-9a-f]+:\t[0-9a-f ]+\t(.+)$", shown.stdout, re.MULTILINE)
    return [re.sub(r"\s+", " ", line).strip() for line in lines]


def test_marks_are_the_port_writes_of_the_patches() -> None:
    """A mark is `mov al, value; out port, al`, the very bytes that instrumented code has."""
    steps = tiny.marks("fw_start", "linux_start_user")

    code = b"".join(step.code() for step in steps)

    assert code == bytes.fromhex("b001e6f5 b007e6f4")


def test_image_begins_at_the_reset_vector() -> None:
    """The jump at 4 GiB - 16 lands on the first step, and the image is 64 KiB."""
    image = tiny.image(tiny.Write(0xF4, 42))

    opcode, distance = struct.unpack_from("<BH", image, 0xFFF0)

    assert (len(image), opcode) == (65536, 0xE9)
    assert (0xFFF3 + distance) % 65536 == 0
    assert image.startswith(bytes.fromhex("b02ae6f4 faf4ebfd"))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (tiny.Write(0xF4, 42), ["mov al,0x2a", "out 0xf4,al"]),
        (tiny.Write(0x501, 3), ["mov dx,0x501", "mov al,0x3", "out dx,al"]),
        (tiny.Spin(70000), ["mov ecx,0x11170", "dec ecx", "jne 0x6"]),
        (
            tiny.Flood(30000),
            ["mov dx,0xe70", "mov ecx,0x7530", "out dx,al", "dec ecx", "jne 0x9"],
        ),
        (
            tiny.Print(9),
            [
                "mov ecx,0x9",
                "mov dx,0x3fd",
                "in al,dx",
                "test al,0x20",
                "je 0x9",
                "mov dx,0x3f8",
                "mov al,0x78",
                "out dx,al",
                "dec ecx",
                "jne 0x6",
            ],
        ),
        (tiny.Hang(), ["cli", "hlt", "jmp 0x1"]),
        (tiny.DebugExit(1), ["mov dx,0x501", "mov al,0x1", "out dx,al"]),
        (
            tiny.Reset(2, tiny.ResetBy.TRIPLE_FAULT),
            [
                "cmp BYTE PTR ds:0x500,0x2",
                "jae 0x15",
                "inc BYTE PTR ds:0x500",
                "lidtw ds:0x600",
                "int3",
                "cli",
                "hlt",
                "jmp 0x12",
            ],
        ),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)
def test_a_disassembler_reads_what_we_meant(
    step: tiny.Step, expected: list[str], tmp_path: Path
) -> None:
    """Each step is the instructions its name promises, by objdump's account."""
    assert expected == instructions(step.code(), tmp_path)


def test_power_off_places_the_registers_before_it_writes_them(tmp_path: Path) -> None:
    """Four writes to PCI configuration, then the sleep bit to PM1 control."""
    lines = instructions(tiny.PowerOff().code(), tmp_path)

    values = [line.removeprefix("mov ") for line in lines if line.startswith(("mov ea", "mov ax"))]

    assert values == [
        "eax,0x80000b40",
        "eax,0x601",
        "eax,0x80000b80",
        "eax,0x1",
        "eax,0x8000f840",
        "eax,0x601",
        "eax,0x8000f844",
        "eax,0x80",
        "ax,0x2000",
    ]
    assert lines[-3:] == ["mov dx,0x604", "mov ax,0x2000", "out dx,ax"]


@pytest.mark.parametrize("step", [tiny.Spin(0), tiny.Flood(0), tiny.Print(0)])
def test_a_count_of_nothing_is_no_code(step: tiny.Step) -> None:
    """A countdown from zero would wrap and last four billion loops."""
    assert step.code() == b""


def test_delays_come_before_their_marks() -> None:
    """`spin` puts a countdown before each mark, so that every phase has a length."""
    steps = tiny.marks("fw_start", "fw_do_boot", spin=9)

    assert steps == (
        tiny.Spin(9),
        tiny.Write(0xF5, 1),
        tiny.Spin(9),
        tiny.Write(0xF5, 5),
    )


def test_a_point_that_nobody_writes_is_refused() -> None:
    """`qemu_init_end` is seen from outside: no guest can write it."""
    with pytest.raises(KeyError):
        tiny.marks("qemu_init_end")


def test_too_many_steps_are_refused() -> None:
    """Code that would run into the reset vector raises instead of overwriting it."""
    with pytest.raises(ValueError, match="at most 65520 fit"):
        tiny.image(*[tiny.Write(0xF4, 1)] * 16_380)


def test_the_most_steps_that_fit_are_taken() -> None:
    """The last byte before the reset vector can be used."""
    image = tiny.image(*[tiny.Write(0xF4, 1)] * 16_379)

    assert image[0xFFEC:0xFFF1] == bytes.fromhex("faf4ebfde9")
