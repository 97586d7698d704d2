"""A serial port's writes become lines again, and the lines that Linux writes are known."""

import pytest

from qemu_boot_time.sources.kvm_console import Line, SerialPort, shown_by


def written(data: bytes, *, begin_ns: int = 100) -> list[Line]:
    """Write a byte each nanosecond."""
    port = SerialPort()
    return [line for i, byte in enumerate(data) for line in port.write(begin_ns + i, 0x3F8, byte)]


def test_a_line_has_the_stamp_of_its_first_byte() -> None:
    """That is nearest to when the guest had made it."""
    assert [Line(100, "one"), Line(105, "two")] == written(b"one\r\ntwo\nthree")


def test_a_baud_rate_is_no_text() -> None:
    """Behind the divisor latch the data port takes something else."""
    port = SerialPort()
    writes = [(0x3F8, 0x41), (0x3FB, 0x93), (0x3F8, 0x01), (0x3FB, 0x13), (0x3F8, 0x0A)]

    lines = [line for i, write in enumerate(writes) for line in port.write(i, *write)]

    assert [Line(0, "A")] == lines


def test_a_line_that_never_ends_is_cut() -> None:
    """What a guest writes is not collected for ever."""
    (line,) = written(b"x" * 5000)

    assert 4096 == len(line.text)


def test_bytes_that_are_no_text_are_replaced() -> None:
    """A guest may write anything."""
    assert [Line(100, "\N{REPLACEMENT CHARACTER}!")] == written(b"\xff!\n")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@...)",
            ["linux_start_kernel"],
        ),
        ("[   11.273592] Run /init as init process", ["linux_start_user"]),
        ("Run /bin/sh as init process", ["linux_start_user"]),
        ("Run /init as init process, it says", []),
        ("Rerun x as init process", []),
        ("GRUB loads Linux versions", []),
    ],
)
def test_lines_that_tell_where_linux_is(text: str, names: list[str]) -> None:
    """With a time or without; what only resembles them is passed over."""
    assert names == list(shown_by(Line(1, text)))
