"""Options that would be without effect are refused, in one line that says why."""

import json
from pathlib import Path

import click
import pytest

from budgets import NIGHT, Told, run_of, table, told
from qemu_boot_time.cli import analyze, compare, doctor, overhead, report, run, show
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.report.json import to_json
from runs import make_run

RECORDING = Path(__file__).parents[1] / "data/perf-all-cpus/perf.data"
MARK = ("--until", "linux_start_user")
READ = (
    "says how recordings and tables are read: kept runs, --json files and FILE:COLUMN:UNIT say it"
)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    """Give an input of each kind."""
    totals = tmp_path / "night.txt"
    totals.write_text("300\n310\n320\n")
    (tmp_path / "night.json").write_text(to_json(run_of(NIGHT)))
    return {
        "run": str(make_run(tmp_path / "run")),
        "document": str(tmp_path / "night.json"),
        "table": table(tmp_path / "night.csv"),
        "column": f"{tmp_path / 'night.csv'}:2:ms",
        "list": str(totals),
        "recording": str(RECORDING),
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


@pytest.mark.parametrize(
    ("kind", "words", "line"),
    [
        (
            "table",
            ("--comm", "crosvm"),
            "--comm is of recordings: tables and lists name no program",
        ),
        ("list", ("--comm", "crosvm"), "--comm is of recordings: tables and lists name no program"),
        ("list", MARK, "--until is of marks: a list of totals has none"),
        (
            "list",
            ("--phase", "all=exec..fw_start"),
            "--phase is of marks: a list of totals has none",
        ),
        ("recording", ("--unit", "ns"), "--unit is of tables and lists: recordings have their own"),
        ("column", ("--unit", "ns"), f"--unit {READ}"),
    ],
)
def test_each_kind_of_input_has_its_options(
    inputs: dict[str, str], kind: str, words: tuple[str, ...], line: str
) -> None:
    """One that is of another kind is refused."""
    assert line == refused(analyze.command, inputs[kind], *words)


def test_an_option_of_one_input_is_for_that_one(inputs: dict[str, str]) -> None:
    """A report of several kinds takes what any of them takes, and no more."""
    both = (inputs["run"], inputs["list"], "--bmf", "-")

    assert ExitStatus.DONE == told(report.command, *both, "--unit", "us").status
    assert "--until is of marks: a list of totals has none" == refused(report.command, *both, *MARK)


def test_a_report_of_a_run_has_its_definitions(inputs: dict[str, str]) -> None:
    """As its table has."""
    assert f"--until {READ}" == refused(report.command, inputs["run"], "--csv", "-", *MARK)


def test_a_run_is_shown_in_its_own_unit(inputs: dict[str, str]) -> None:
    """A table beside it has one to tell."""
    words = ("--unit", "us", "--fail-if", "total slower than 9%", "--anyway", "--baseline")

    assert f"--unit {READ}" == refused(show.command, inputs["run"], *words[:2])
    assert ExitStatus.USAGE != told(show.command, inputs["run"], *words, inputs["list"]).status


def test_directories_of_runs_have_their_definitions(tmp_path: Path) -> None:
    """What is in them counts: runs say themselves what tables are told."""
    runs, tables = tmp_path / "runs", configurations(tmp_path / "tables", "small")
    make_run(runs / "small")

    assert f"--until {READ}" == refused(compare.command, str(runs), str(runs), *MARK)
    assert ExitStatus.DONE == told(compare.command, tables, tables, *MARK).status


@pytest.mark.parametrize("command", [analyze.command, show.command])
@pytest.mark.parametrize(
    "words", [("--stats",), ("--waterfall",), ("--timeline",), ("--boot", "1")]
)
def test_nothing_is_added_to_a_table_that_is_not_printed(
    inputs: dict[str, str], command: click.Command, words: tuple[str, ...]
) -> None:
    """Markdown in its place has neither."""
    line = refused(command, inputs["table"], *words, "--markdown", "-")

    assert f"{words[0]} is of the table, and --markdown - prints in its place" == line


def test_a_document_has_no_picture(inputs: dict[str, str]) -> None:
    """All else is in it, asked for or not."""
    line = refused(show.command, inputs["table"], "--json", "--waterfall")

    assert "--waterfall draws a picture, and --json prints numbers" == line
    assert ExitStatus.DONE == told(show.command, inputs["table"], "--json", "--stats", "-v").status


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


@pytest.mark.parametrize(
    ("words", "option"), [(("--scope", "process"), "--scope process"), (("--comm", "vm"), "--comm")]
)
def test_what_is_of_kvm_takes_a_source_of_its_events(words: tuple[str, ...], option: str) -> None:
    """Others know neither processes nor their names."""
    given = ("--source", "debugcon", *words, "--", "qemu-system-x86_64", "-accel", "tcg")

    assert f"{option}: source debugcon records no event of KVM" == refused(run.command, *given)


GUEST = ("--", "qemu-system-x86_64", "-accel", "tcg")


def test_nothing_settles_without_an_observer() -> None:
    """Sources are ready when a boot begins."""
    line = refused(overhead.command, "--settle", "1", *GUEST)

    assert (
        "--settle is the time of an --observer to get going: sources are ready when a boot begins"
    ) == line


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "process"),
        ("--kvm-console",),
        ("--comm", "vm"),
        ("--clock", "instructions"),
        ("--count",),
        ("--probe", "pci=pci_subsys_init"),
        ("--match", "up=ready"),
        ("--symbols", "vmlinux"),
        ("--mark", "42=up"),
        ("--phase", "all=exec..linux_start_user"),
        ("--config", "/dev/null"),
    ],
)
def test_an_observer_sees_nothing_for_us(words: tuple[str, ...]) -> None:
    """What sources are told, nobody is."""
    line = refused(overhead.command, "--observer", "sleep 9", *words, *GUEST)

    assert f"{words[0]} says what sources see, and --observer runs in their place" == line


def test_only_a_question_is_answered() -> None:
    """--yes is for what --fix asks."""
    assert "--yes answers what --fix asks: add --fix" == refused(doctor.command, "--yes")


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
