"""Options that would be without effect are refused, in one line that says why."""

import json
from pathlib import Path

import click
import pytest

from budgets import NIGHT, Told, run_of, table, told
from qemu_boot_time.cli import analyze, compare, run, show
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.report.json import to_json
from runs import make_run

MARK = ("--until", "linux_start_user")
READ = "says how recordings and tables are read: a kept run and a --json file know themselves"


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    """Give an input of each kind."""
    (tmp_path / "night.json").write_text(to_json(run_of(NIGHT)))
    return {
        "run": str(make_run(tmp_path / "run")),
        "document": str(tmp_path / "night.json"),
        "table": table(tmp_path / "night.csv"),
    }


def refused(command: click.Command, *words: str) -> str:
    """Give the line of a command that is refused."""
    found = told(command, *words)
    assert ExitStatus.USAGE == found.status, found
    return found.text


@pytest.mark.parametrize("sides", [("run", "run"), ("document", "document")])
@pytest.mark.parametrize(
    "words", [MARK, ("--unit", "us"), ("--mark", "42=up"), ("--phase", "x=exec..fw_start")]
)
def test_runs_have_their_own_definitions(
    inputs: dict[str, str], sides: tuple[str, str], words: tuple[str, str]
) -> None:
    """Where both sides are kept, nothing is read anew."""
    line = refused(compare.command, *(inputs[side] for side in sides), *words)

    assert f"{words[0]} {READ}" == line


def test_a_table_is_read_as_the_user_says(inputs: dict[str, str]) -> None:
    """One side is enough for an option to have an effect."""
    found = told(compare.command, inputs["document"], inputs["table"], *MARK, "--anyway")

    assert ExitStatus.DONE == found.status


def test_a_run_is_analyzed_as_it_was_measured(inputs: dict[str, str]) -> None:
    """Neither its marks nor its unit can be told anew."""
    assert f"--until {READ}" == refused(analyze.command, inputs["run"], *MARK)
    assert ExitStatus.DONE == told(analyze.command, inputs["table"], *MARK).status


@pytest.mark.parametrize("command", [analyze.command, show.command])
@pytest.mark.parametrize("option", ["--anyway", "--same-definition"])
def test_insisting_takes_a_baseline(
    inputs: dict[str, str], command: click.Command, option: str
) -> None:
    """Without one there is nothing that could be refused."""
    assert f"{option}: nothing is compared" == refused(command, option, inputs["run"])


def test_insisting_takes_a_baseline_before_the_first_boot() -> None:
    """As for what is kept."""
    words = ("--anyway", "--", "qemu-system-x86_64", "-accel", "tcg")

    assert "--anyway: nothing is compared" == refused(run.command, *words)


def test_two_commands_have_no_unit() -> None:
    """They are measured in nanoseconds."""
    line = refused(compare.command, "--a", "qemu", "--b", "qemu", "--unit", "us")

    assert "--unit is of tables and lists: what is measured now has its own" == line


def configurations(directory: Path, *names: str) -> str:
    """Write tables of these names; give their directory."""
    directory.mkdir()
    for name in names:
        table(directory / f"{name}.csv")
    return str(directory)


def test_names_of_configurations_reach_no_terminal_as_they_came(tmp_path: Path) -> None:
    """A file may be called anything: what is no text, and what a terminal would obey."""
    names = ("\udcff", "\x1b[31mx")
    sides = configurations(tmp_path / "a", *names), configurations(tmp_path / "b", *names)

    found: Told = told(compare.command, *sides)
    document = json.loads(told(compare.command, "--json", *sides).text)

    assert [r"\x1b[31mx: ", r"\xff: "] == [
        line[: line.index(": ") + 2] for line in found.text.splitlines()[-2:]
    ]
    assert {"\x1b[31mx", r"\udcff"} == {each["name"] for each in document["configurations"]}
