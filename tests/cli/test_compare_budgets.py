"""``qbt compare`` with budgets: they are of the second side, and the first is their baseline."""

import json
from pathlib import Path

import pytest

from budgets import NIGHT, table, told
from qemu_boot_time.cli.compare import command
from qemu_boot_time.errors import ExitStatus


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    """Give a table, and one of kernels that are 20 ms faster."""
    return (
        table(tmp_path / "old.csv"),
        table(tmp_path / "new.csv", [each - 20 for each in NIGHT]),
    )


def test_budgets_are_of_the_second_side(sides: tuple[str, str]) -> None:
    """One line each below the sentence; status 1 although it is faster."""
    words = ("--fail-if", "kernel > 85ms", "--fail-if", "kernel > 100ms")

    found = told(command, *sides, *words)

    assert ExitStatus.NO == found.status
    assert ["budget broken: kernel > 85ms: it is 90.000 ms"] == found.budgets
    assert "\nFASTER: " in found.text


@pytest.mark.parametrize(
    ("condition", "status"),
    [("kernel faster than 10%", ExitStatus.DONE), ("kernel faster than 50%", ExitStatus.NO)],
)
def test_the_first_side_is_the_baseline(
    sides: tuple[str, str], condition: str, status: ExitStatus
) -> None:
    """A gain may be asked for."""
    assert status == told(command, *sides, "--require", condition).status


def test_documents_and_files(sides: tuple[str, str], tmp_path: Path) -> None:
    """The same budgets for a program, a CI system and a reviewer."""
    files = ("--junit", str(tmp_path / "qbt.xml"), "--markdown", str(tmp_path / "qbt.md"))

    found = told(command, "--json", *sides, "--fail-if", "kernel > 85ms", *files)

    assert ["broken"] == [gate["state"] for gate in json.loads(found.text)["gates"]]
    assert '<failure message="it is 90.000 ms" type="broken">' in (tmp_path / "qbt.xml").read_text()
    comment = (tmp_path / "qbt.md").read_text()
    assert comment.startswith("### Boot time: ❌ 1 of 1 budgets broken\n\n**FASTER: ")


def test_the_comment_in_place_of_the_table(sides: tuple[str, str]) -> None:
    """Without budgets, too."""
    found = told(command, *sides, "--markdown", "-")

    assert (ExitStatus.DONE, True) == (found.status, found.text.startswith("### Boot time\n"))


def test_each_configuration_is_judged_by_itself(tmp_path: Path) -> None:
    """One that is over its budget is not hidden behind another."""
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        table(tmp_path / side / "q35.csv")
    table(tmp_path / "old/microvm.csv")
    table(tmp_path / "new/microvm.csv", [each - 20 for each in NIGHT])
    words = (str(tmp_path / "old"), str(tmp_path / "new"), "--fail-if", "kernel > 100ms")

    found = told(command, *words, "--junit", str(tmp_path / "qbt.xml"))

    assert ExitStatus.NO == found.status
    assert ["budget broken: kernel > 100ms: it is 110.000 ms"] == found.budgets
    assert 2 == (tmp_path / "qbt.xml").read_text().count("<testsuite ")


def test_two_commands_are_checked_before_the_first_boot() -> None:
    """As for ``qbt run``."""
    qemu = "/nowhere/qemu-system-x86_64"

    found = told(command, "--a", qemu, "--b", qemu, "-n", "30", "--fail-if", "kernel.p95 > 1s")

    assert (ExitStatus.USAGE, "'kernel.p95 > 1s': takes 59 boots, not 30") == (
        found.status,
        found.text,
    )
