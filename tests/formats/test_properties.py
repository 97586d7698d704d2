"""Properties as systemctl show prints them."""

import pytest

from qemu_boot_time.formats.properties import blocks, time_ns


def test_blocks_are_parted_by_empty_lines() -> None:
    """A value may hold the sign, or nothing; the last block needs no line after it."""
    lines = ["Id=a.service", "ExecStart=x=y", "", "", "Id=b.target", "Names="]

    expected = [{"Id": "a.service", "ExecStart": "x=y"}, {"Id": "b.target", "Names": ""}]
    assert expected == list(blocks(lines))


def test_no_lines_are_no_blocks() -> None:
    """Lines without the sign are none."""
    assert [] == list(blocks([]))
    assert [] == list(blocks(["Failed to connect to bus"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9000872", 9_000_872_000),
        ("0", 0),
        ("", 0),
        ("-1", 0),
        ("n/a", 0),
        ("9" * 400, 0),
        ("²", 0),
    ],
)
def test_a_time_that_makes_no_sense_never_was(text: str, expected: int) -> None:
    """As one that systemd says never was."""
    assert expected == time_ns({"FinishTimestampMonotonic": text}, "FinishTimestampMonotonic")


def test_a_time_that_is_not_there_never_was() -> None:
    """An older systemd has fewer of them."""
    assert 0 == time_ns({}, "FinishTimestampMonotonic")
