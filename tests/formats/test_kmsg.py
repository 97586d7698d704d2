"""Records of /dev/kmsg."""

import pytest

from qemu_boot_time.formats.kmsg import Record, records


def test_a_record_is_a_time_and_a_text() -> None:
    """Microseconds become nanoseconds; flags and the caller are left out."""
    lines = ["6,339,5140900,-;NET: Registered; and more", "15,5,0,c,caller=T1;x"]

    assert [Record(5_140_900_000, "NET: Registered; and more"), Record(0, "x")] == list(
        records(lines)
    )


@pytest.mark.parametrize(
    "line", ["", " SUBSYSTEM=acpi", "6,1,-5,-;x", "6,1,5,-", "6,1,;x", "six,1,5,-;x", "6,1,٣,-;x"]
)
def test_a_line_that_is_no_record_is_left_out(line: str) -> None:
    """Continuation lines, torn ones, and nonsense."""
    assert [] == list(records([line]))
