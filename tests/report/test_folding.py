"""Where names that are longer than their column are parted."""

import pytest
from rich.console import Console

from qemu_boot_time.report.folding import Name
from qemu_boot_time.report.parts import PIPE, fitting_width, grid, rendered

CONSOLE = Console()


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("kernel", 24, ["kernel"]),
        ("fw_do_boot..linux_start_kernel", 25, ["fw_do_boot..", "  linux_start_kernel"]),
        (
            "  unaccounted linux_start_user..first_user_instruction",
            36,
            ["  unaccounted linux_start_user..", "    first_user_instruction"],
        ),
        ("  unaccounted linux_start_user", 24, ["  unaccounted", "    linux_start_user"]),
        ("abcdefghijklm..n", 10, ["abcdefghij", "  klm..n"]),
        ("日本語日本語", 7, ["日本語", "  日本", "  語"]),
    ],
)
def test_a_name_is_parted(name: str, width: int, lines: list[str]) -> None:
    """Between marks, then between words, then anywhere; what goes on is set in."""
    assert lines == [line.plain for line in Name.of(name).wrap(CONSOLE, width)]


def test_a_table_of_80_columns() -> None:
    """Numbers stay beside the first line of their name."""
    table = grid("phase (ms)", [*"abcdef"])
    table.add_row("fw_do_boot..linux_start_kernel", *["1234567"] * 6)

    _, first, second = rendered([table], fitting_width(table), PIPE).splitlines()

    assert (80, ["fw_do_boot..", *["1234567"] * 6]) == (fitting_width(table), first.split())
    assert "  linux_start_kernel" == second.rstrip()


def test_numbers_are_never_cut() -> None:
    """A table that needs more than 80 columns beside the least of its names is wider."""
    table = grid("phase (ms)", [*"abcdef"])
    table.add_row("fw_do_boot..linux_start_kernel", *["100000.000"] * 6)

    shown = rendered([table], fitting_width(table), PIPE)

    assert 6 == shown.count("100000.000")


def test_a_name_is_no_markup_once_it_is_text() -> None:
    """What a guest is called is shown as it is; a colour stays where it was."""
    name = Name.of(Name("[red]:smile:", style="cyan"))

    assert ("[red]:smile:", "cyan") == (name.plain, name.style)
