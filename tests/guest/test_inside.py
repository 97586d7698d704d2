"""What is added to a guest that is looked into."""

import re
import stat

import pytest

from qemu_boot_time.formats import cpio
from qemu_boot_time.formats.handed_out import NAMES, UNIT
from qemu_boot_time.guest import inside
from qemu_boot_time.model import Purpose
from qemu_boot_time.protocol import (
    CLOCK_AFTER,
    CLOCK_BEFORE,
    HANDED_OUT,
    INSIDE_PORT,
    LOG_AFTER,
)


def test_the_archive_holds_a_program_a_log_and_a_unit() -> None:
    """The unit lies twice: for the program, and for a systemd that is there before it."""
    entries = {entry.name: entry for entry in cpio.unpack(inside.archive())}

    files = [name for name, entry in entries.items() if not stat.S_ISDIR(entry.mode)]
    assert [
        "dev/console",
        "qbt-inside",
        "qbt-kmsg",
        "qbt-inside.service",
        "etc/systemd/system/qbt-inside.service",
        "etc/systemd/system/multi-user.target.wants/qbt-inside.service",
        "etc/systemd/system/default.target.wants/qbt-inside.service",
    ] == files
    assert (1, 11) == entries["qbt-kmsg"].node
    assert entries[UNIT].data == entries[f"etc/systemd/system/{UNIT}"].data


@pytest.mark.parametrize("length", [0, 4, 5, 511])
def test_the_guests_own_initrd_comes_first(length: int) -> None:
    """Ours begins at a multiple of four bytes, or the kernel would not find it."""
    own = b"\x1f\x8b" * length

    extended = inside.extended(own)

    at = extended.index(b"070701")
    assert (own, 0) == (extended[: len(own)], at % 4)
    assert inside.archive() == extended[at:]


def test_the_words_for_the_kernel() -> None:
    """Only who looks at initcalls asks for them: that costs."""
    ours = ("printk.devkmsg=on", "rdinit=/qbt-inside", "qbt_next=/init")

    assert (*ours, "qbt_inside=units") == inside.parameters(Purpose.UNITS, "/init")
    assert (
        *("initcall_debug", "log_buf_len=16M"),
        *("trace_event=initcall:initcall_start,initcall:initcall_finish", "trace_clock=x86-tsc"),
        *(*ours, "qbt_inside=initcalls"),
    ) == inside.parameters(Purpose.INITCALLS, "/init")


def test_the_program_and_the_protocol_agree() -> None:
    """Port and values are the same numbers in both languages."""
    numbers = dict(re.findall(r"(\w+) = (0x[0-9a-f]+|\d+)\b", inside.source()))
    names = ("DATA_PORT", "BEFORE_CLOCK", "AFTER_CLOCK", "AFTER_LOG", "ALL_HANDED_OUT")

    assert [INSIDE_PORT, CLOCK_BEFORE, CLOCK_AFTER, LOG_AFTER, HANDED_OUT] == [
        int(numbers[name], 0) for name in names
    ]


def test_every_section_is_known_to_the_reader() -> None:
    """Those of the program, and those of the unit."""
    unit = next(entry.data for entry in cpio.unpack(inside.archive()) if entry.name == UNIT)
    named = re.findall(r'(?:section\(|drain\(.*, )"(\w+)"\)', inside.source())

    assert set(named) | set(re.findall(r"echo @(\w+)", unit.decode())) == NAMES


def test_the_unit_fits_the_programs_buffer() -> None:
    """It reads 4096 bytes of it."""
    unit = next(entry.data for entry in cpio.unpack(inside.archive()) if entry.name == UNIT)

    assert len(unit) < 4096
