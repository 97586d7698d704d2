"""``budgets.toml``: what it may hold, and what is said of the rest."""

from pathlib import Path

import pytest

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.budgets import BudgetsFile, read_budgets

WHOLE = """
baseline = "base.json"
fail_if = ["linux_start_user.p95 > 300ms", "kernel slower than 2%"]
require = ["kernel.instructions <= 160_000_000"]
"""


def written(directory: Path, text: str) -> Path:
    """Write a file of budgets."""
    file = directory / "budgets.toml"
    file.write_text(text)
    return file


def test_a_whole_file(tmp_path: Path) -> None:
    """Every key there is."""
    expected = BudgetsFile(
        baseline="base.json",
        fail_if=("linux_start_user.p95 > 300ms", "kernel slower than 2%"),
        require=("kernel.instructions <= 160_000_000",),
    )

    assert expected == read_budgets(written(tmp_path, WHOLE))


def test_every_key_may_be_left_out(tmp_path: Path) -> None:
    """A file that asks for nothing is one."""
    assert BudgetsFile() == read_budgets(written(tmp_path, "# none yet\n"))


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("fail-if = []", "`fail-if`"),
        ("[budgets]\nfail_if = []", "`budgets`"),
        ('fail_if = "kernel > 3ms"', "$.fail_if"),
        ('require = ["kernel > 3ms", 3]', "$.require[1]"),
        ("margin = 0.01", "margin"),
        ("baseline = ", "Invalid value"),
        ("fail_if = []\nfail_if = []", "Cannot overwrite a value"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(tmp_path: Path, text: str, trouble: str) -> None:
    """The file and the key are named, and which keys there are."""
    file = written(tmp_path, text)

    with pytest.raises(InputError) as caught:
        read_budgets(file)

    assert caught.value.what.startswith(f"{file}: ")
    assert trouble in caught.value.what
    assert "keys: baseline, fail_if, require" == caught.value.hint


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """It is bad input, like one that is not there."""
    file = tmp_path / "budgets.toml"
    file.write_bytes(b"\xff\xfe")

    for each in (file, tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(InputError, match=str(each)):
            read_budgets(each)
