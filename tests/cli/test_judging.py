"""Who is told of budgets besides the terminal: files, and commands of two sides."""

from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from budgets import NIGHT, table, told
from qemu_boot_time.cli import analyze, show
from qemu_boot_time.cli.gating import Gating, gate_options_of_two_sides, gating_of
from qemu_boot_time.cli.judging import judged_sides, status_of, write_reports
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.stats.verdict import Margin
from runs import make_run

# --- files ------------------------------------------------------------------------------------


def test_reports_are_written(tmp_path: Path) -> None:
    """Beside the table, which stays."""
    junit, markdown = tmp_path / "qbt.xml", tmp_path / "qbt.md"
    words = ("--junit", str(junit), "--markdown", str(markdown), "--fail-if", "kernel > 1ms")

    found = told(analyze.command, table(tmp_path / "night.csv"), *words)

    assert (ExitStatus.NO, 1) == (found.status, len(found.budgets))
    assert '<failure message="it is 110.000 ms" type="broken">' in junit.read_text()
    assert markdown.read_text().startswith("### Boot time: ❌ 1 of 1 budgets broken\n")


def test_markdown_in_place_of_the_table(tmp_path: Path) -> None:
    """So that it can be piped to whoever posts it."""
    words = ("--markdown", "-", "--fail-if", "kernel > 1ms")

    found = told(analyze.command, table(tmp_path / "night.csv"), *words)

    assert found.text.startswith("### Boot time: ❌ 1 of 1 budgets broken\n")
    assert (ExitStatus.NO, []) == (found.status, found.budgets)


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (("--junit", "nowhere/qbt.xml"), "there is no directory nowhere"),
        (("--markdown", "nowhere/qbt.md"), "there is no directory nowhere"),
        (("--junit", "-"), "--junit -: takes a file"),
        (("--json", "--markdown", "-"), "--markdown -: --json prints already"),
    ],
)
def test_reports_that_cannot_be_written(tmp_path: Path, words: Sequence[str], trouble: str) -> None:
    """It is told at once."""
    found = told(analyze.command, table(tmp_path / "night.csv"), *words)

    assert ExitStatus.USAGE == found.status
    assert trouble in found.text


def test_what_was_measured_is_in_the_reports(tmp_path: Path) -> None:
    """The command, the source, the host."""
    kept = make_run(tmp_path / "night", host={"kernel": "6.18", "cpu_model": "A | B"})

    told(show.command, str(kept), "--junit", str(tmp_path / "qbt.xml"))

    text = (tmp_path / "qbt.xml").read_text()
    assert '<property name="host kernel" value="6.18" />' in text
    assert '<property name="command" value="qemu-system-x86_64 -accel kvm" />' in text


# --- two sides --------------------------------------------------------------------------------


def test_the_first_of_two_sides_is_the_baseline(tmp_path: Path) -> None:
    """Limits are judged on the second side; one document holds all configurations."""
    sides = [
        open_input(table(tmp_path / f"{name}.csv", [each + by for each in NIGHT]), Options())
        for name, by in (("old", 0), ("new", 50))
    ]
    gating = gating_of(fail_if=["kernel slower than 2%", "kernel > 150ms"])

    found = judged_sides(
        gating, (sides[0], sides[1]), sentence="SLOWER: +50 ms", margin=Margin(share=0)
    )

    assert [True, True] == [each.breaks for each in found.judged]
    assert ExitStatus.NO == status_of([found])
    written = Gating(junit=tmp_path / "qbt.xml", markdown=tmp_path / "qbt.md")
    write_reports(written, [found, found])
    assert 2 == (tmp_path / "qbt.md").read_text().count("**SLOWER: +50 ms**")
    assert 2 == (tmp_path / "qbt.xml").read_text().count("<testsuite ")


def test_a_command_of_two_sides_takes_no_baseline() -> None:
    """It has one."""
    handed: list[Gating] = []

    @click.command()
    @gate_options_of_two_sides
    def command(*, gating: Gating) -> None:
        handed.append(gating)

    runner = CliRunner()
    runner.invoke(command, ["--fail-if", "kernel slower than 2%"], standalone_mode=False)
    other = runner.invoke(command, ["--baseline", "x"], standalone_mode=False)

    assert ["kernel slower than 2%"] == [gate.text for each in handed for gate in each.gates]
    assert isinstance(other.exception, click.NoSuchOption)
