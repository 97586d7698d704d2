"""``qbt report``: runs as files, all of them or none."""

import os
import signal
import time
from pathlib import Path

import pytest

from budgets import NIGHT, Told, table, told
from qbt_process import World
from qemu_boot_time.cli import compare
from qemu_boot_time.cli.report import command
from qemu_boot_time.model import EndedBy
from qemu_boot_time.report.exports import FORMATS, Holds
from runs import boot_facts, make_run

_PATIENCE_S = 60.0


def report(*words: object) -> Told:
    """Run the command; give what the shell is told."""
    return told(command, *map(str, words))


def test_every_format_at_once(tmp_path: Path) -> None:
    """Each in its file, and nothing besides."""
    run = make_run(tmp_path / "night")
    files = {name: tmp_path / f"boots.{name}" for name in FORMATS}

    done = report(run, *(word for name, file in files.items() for word in (f"--{name}", file)))

    assert Told(0, "") == done
    assert all(file.stat().st_size for file in files.values())


@pytest.mark.parametrize("name", [n for n, form in FORMATS.items() if form.holds is Holds.TEXT])
def test_text_is_printed_as_it_is_written(name: str, tmp_path: Path) -> None:
    """A dash is standard output."""
    run, file = make_run(tmp_path / "night"), tmp_path / "file"

    done = [report(run, f"--{name}", where) for where in ("-", file)]

    assert Told(0, "") == done[1]
    assert Told(0, file.read_text()) == done[0]


def test_a_document_is_reported_like_its_run(tmp_path: Path) -> None:
    """Also when it was measured: what --json printed says so."""
    world = World(tmp_path, tmp_path)
    run = make_run(tmp_path / "night")
    (tmp_path / "night.json").write_text(world.qbt("show", "--json", str(run)).stdout)

    of_run, of_document = (report(each, "--otava", "-") for each in (run, run.with_suffix(".json")))

    assert "2026-11-23T14:45:00Z,night,2," in of_run.text
    assert of_run == of_document


def test_a_run_without_a_boot(tmp_path: Path) -> None:
    """Is no input: there is nothing to report."""
    run = make_run(tmp_path / "night", boots=())

    done = report(run, "--csv", tmp_path / "x")

    assert (3, "night: no boot in it", False) == (done.status, done.text, (tmp_path / "x").exists())


def test_without_a_format(tmp_path: Path) -> None:
    """All that there are, by name."""
    done = report(table(tmp_path / "night.csv"))

    assert (2, "no file to write") == (done.status, done.text)
    assert all(f"--{name}" in done.hint for name in FORMATS)


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (("--perfetto", "-"), "--perfetto -: takes a file"),
        (("--csv", "nowhere/x"), "nowhere/x: there is no directory nowhere"),
        (("--csv", "x", "--bmf", "./x"), "x: written to twice"),
        (("--csv", "-", "--bmf", "-"), "-: written to twice"),
        (("--csv", "x", "--csv", "y"), "--csv: given twice"),
    ],
)
def test_what_can_never_be_written(words: tuple[str, ...], trouble: str, tmp_path: Path) -> None:
    """Is refused before anything is read."""
    done = report(tmp_path / "nothing", *words)

    assert (2, trouble) == (done.status, done.text)


def test_a_csv_takes_one_run(tmp_path: Path) -> None:
    """Two runs in one table would be read as one."""
    done = report(tmp_path / "a", tmp_path / "b", "--csv", "-")

    assert (2, "--csv: one run a file") == (done.status, done.text)


def test_two_runs_of_one_name_go_by_what_the_user_calls_them(tmp_path: Path) -> None:
    """Directories of one name in two places; one run twice is refused."""
    first, second = make_run(tmp_path / "a/night"), make_run(tmp_path / "b/night")

    done = report(first, second, "--otava", "-")

    assert [str(first), str(second)] == [row.split(",")[1] for row in done.text.splitlines()[1:]]
    assert f"{first}: given twice" == report(first, first, "--otava", "-").text


def test_a_format_that_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    """Nothing is written where one of the files has nothing to hold."""
    run = table(tmp_path / "night.csv")

    done = report(run, "--bmf", tmp_path / "bmf.json", "--otava", tmp_path / "otava.csv")

    assert (3, False) == (done.status, (tmp_path / "bmf.json").exists())


def test_boots_that_failed_are_told_of(tmp_path: Path) -> None:
    """A warning, for a reader of the file may not see it; what was asked for is done."""
    world = World(tmp_path, tmp_path)
    make_run(tmp_path / "night", [boot_facts(0), boot_facts(1, ended_by=EndedBy.TIMEOUT)])

    done = world.qbt("report", "./night", "--bmf", "-")

    assert (0, "warning: night: 1 of 2 boots failed, and no statistics count them\n") == (
        done.status,
        done.stderr,
    )


def test_boots_that_end_elsewhere_are_told_of(tmp_path: Path) -> None:
    """Where a format takes one total a run, by how many it has; where it takes all, nothing is said."""
    world = World(tmp_path, tmp_path)
    (tmp_path / "a.csv").write_text("fw_start,fw_do_boot\n1,2\n1,\n1,2\n")

    some = world.qbt("report", "a.csv", "--hyperfine", "-")
    every = world.qbt("report", "a.csv", "--bmf", "-")

    said = "a.csv: --hyperfine has the 2 of 3 boots that end at fw_do_boot, as most do"
    assert (0, f"warning: {said}\n", "") == (some.status, some.stderr, every.stderr)
    assert [0.002, 0.002] == some.document["results"][0]["times"]


def test_a_table_and_its_report_have_the_same_numbers(tmp_path: Path) -> None:
    """From CSV to CSV: the unit of what is read is said as everywhere."""
    source = table(tmp_path / "night.csv", NIGHT)

    done = report(source, "--csv", "-", "--unit", "us")

    assert "1,0.010000,0.110000" == done.text.splitlines()[1]


# --- an A and a B -----------------------------------------------------------------------------


def test_two_runs_in_markdown_are_what_compare_says(tmp_path: Path) -> None:
    """The same comment for a pull request, sentence and verdicts."""
    sides = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", [each + 50 for each in NIGHT])]

    reported = report(*sides, "--markdown", "-")

    assert "SLOWER" in reported.text
    assert told(compare.command, *sides, "--markdown", "-").text == reported.text


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_sides_that_are_not_alike_are_refused(name: str, tmp_path: Path) -> None:
    """As qbt compare does, unless the user insists; the page then warns."""
    first = make_run(tmp_path / "a")
    (tmp_path / "c.txt").write_text("1\n2\n3\n")
    words = (first, tmp_path / "c.txt", f"--{name}", "-")

    refused = report(*words)
    insisted = report(*words, "--same-definition", "--anyway")

    assert (2, True) == (refused.status, "--same-definition" in refused.hint)
    assert 0 == insisted.status
    assert "<li>warning: " in insisted.text or "⚠️" in insisted.text


def test_two_runs_in_a_picture_are_an_a_and_a_b(tmp_path: Path) -> None:
    """How far each phase moved, below what qbt compare says."""
    sides = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", [each + 50 for each in NIGHT])]

    done = report(*sides, "--svg", "-")

    assert 0 == done.status
    assert "SLOWER" in done.text
    assert "From a.csv to b.csv: how far each phase moved" in done.text


@pytest.mark.parametrize("option", ["--same-definition", "--anyway"])
@pytest.mark.parametrize(
    ("sides", "name"), [(2, "bmf"), (1, "html"), (3, "html")], ids=["format", "one", "three"]
)
def test_nothing_is_insisted_on_where_nothing_is_compared(
    sides: int, name: str, option: str, tmp_path: Path
) -> None:
    """Neither in a format that compares nothing, nor of one run or of three; before anything is read."""
    runs = [tmp_path / f"nothing{i}" for i in range(sides)]

    done = report(*runs, f"--{name}", "-", option)

    assert 2 == done.status
    assert f"{option} is of two runs in a format that compares them" == done.text
    assert "--html" in done.hint


def test_what_is_not_compared_takes_any_two_runs(tmp_path: Path) -> None:
    """A table of points says nothing of a difference."""
    first = make_run(tmp_path / "a")
    (tmp_path / "c.txt").write_text("1\n2\n3\n")

    done = report(first, tmp_path / "c.txt", "--bmf", "-")

    assert 0 == done.status


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_is_ended_while_it_draws(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """What draws hears no Ctrl-C itself: it is ended, whatever it is at, and leaves no file."""
    make_run(tmp_path / "night", [boot_facts(0)])
    world = World(tmp_path, tmp_path)

    with world.start("report", "./night", "--svg", "night.svg") as child:
        drawing = _child_of(child.pid)
        os.kill(drawing, signal.SIGSTOP)
        child.send_signal(number)
        child.communicate(timeout=_PATIENCE_S)

    assert status == child.returncode
    assert not (tmp_path / "night.svg").exists()
    assert not Path(f"/proc/{drawing}").exists()


def _child_of(pid: int) -> int:
    """Wait for the process that it starts, and until that draws."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"vl_convert" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.01)
    raise AssertionError("it starts none")
