"""``qbt show``: a kept run, made anew from its raw files."""

from pathlib import Path

import pytest

from qbt_process import World
from qemu_boot_time.model import EndedBy
from runs import boot_facts, debugcon_lines, make_run


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world without runs."""
    (tmp_path / "tmp").mkdir()
    return World(tmp_path, tmp_path / "tmp")


def kept(world: World) -> Path:
    """Give where runs are kept."""
    return world.directory / "state/qemu-boot-time/runs"


def test_the_last_run_is_shown(world: World) -> None:
    """Without an argument; also by its id and its path."""
    run = make_run(kept(world) / "20261123-144500")

    shown = [world.qbt("show", "--json", *words).document for words in ((), ("last",), (str(run),))]

    totals = [row["median_ns"] for row in shown[0]["summary"]["phases"] if row["name"] == "total"]
    assert [14_000_000] == totals
    assert shown[0] == shown[1] == shown[2]
    assert ["qemu-system-x86_64", "-accel", "kvm"] == shown[0]["run"]["command"]


def test_a_document_is_shown_like_its_run(world: World) -> None:
    """What --json printed, printed again, is the same; so is the table."""
    make_run(kept(world) / "night")
    baseline = world.directory / "baseline.json"
    baseline.write_text(world.qbt("show", "--json").stdout)

    shown = [world.qbt("show", *words).stdout for words in (("--json",), ())]

    assert shown == [
        world.qbt(*words, str(baseline)).stdout for words in (("show", "--json"), ("analyze",))
    ]


def test_a_run_with_a_failed_boot(world: World) -> None:
    """The table, then exit status 4."""
    boots = [boot_facts(0), boot_facts(1, ended_by=EndedBy.TIMEOUT, message="\x1b[31mstuck")]
    make_run(kept(world) / "night", boots)

    done = world.qbt("show", "night")

    assert (4, "") == (done.status, done.stderr)
    assert r"failed: boot 2: timeout after linux_start_user: \x1b[31mstuck" in done.stdout


def test_a_run_that_was_killed(world: World) -> None:
    """Boots that had ended are shown, a line cut short is not."""
    run = make_run(kept(world) / "night", raw=debugcon_lines(0) + debugcon_lines(1)[:-9])
    boots = (run / "boots.jsonl").read_text()
    (run / "boots.jsonl").write_text(boots[:-9])

    done = world.qbt("show", "--json")

    assert (0, ["reached"]) == (done.status, done.outcomes)


@pytest.mark.parametrize("words", [(), ("nowhere",)])
def test_no_run(world: World, words: tuple[str, ...]) -> None:
    """Bad input, and the next step."""
    done = world.qbt("show", *words)

    assert (3, "", True) == (done.status, done.stdout, "\nhint: qbt " in done.stderr)


def test_a_corrupt_run(world: World) -> None:
    """The byte is named."""
    run = make_run(kept(world) / "night")
    (run / "run.json").write_text('{"schema": 1}')

    done = world.qbt("show")

    assert (3, True) == (done.status, "run.json: facts at byte 0" in done.stderr)
    assert done.stderr.count("\n") <= 4


def test_the_timeline_of_one_boot(world: World) -> None:
    """The one nearest to the median, or the one that is asked for; the document has it, too."""
    make_run(kept(world) / "night", [boot_facts(0), boot_facts(1)])

    shown = [world.qbt("show", *words).stdout for words in (("--timeline",), ("--boot", "2"), ())]
    document = world.qbt("show", "--json", "--boot", "2").document

    titles = ["boot 1 (ms since exec)", "boot 2 (ms since exec)"]
    assert [[t in text for t in titles] for text in shown] == [
        [True, False],
        [False, True],
        [False, False],
    ]
    (timeline,) = document["timelines"]
    assert ("boot 2", 1, "total") == (
        timeline["title"],
        timeline["index"],
        timeline["rows"][0]["name"],
    )
    assert "timelines" not in world.qbt("show", "--json").document


def test_a_run_that_failed_as_a_whole_has_no_timeline_in_the_middle(world: World) -> None:
    """A line says so, and how any boot is shown."""
    make_run(kept(world) / "night", [boot_facts(0, ended_by=EndedBy.TIMEOUT)])

    whole, one = (world.qbt("show", *words) for words in (("--timeline",), ("--boot", "1")))

    assert (4, 4, "") == (whole.status, one.status, one.stderr)
    assert "no boot counts" in whole.stderr
    assert "boot 1 (ms since exec)" in one.stdout


def test_a_boot_that_is_not_there_has_no_timeline(world: World) -> None:
    """With the boots that there are."""
    make_run(kept(world) / "night")

    done = world.qbt("show", "--timeline", "--boot", "9")

    assert (2, "") == (done.status, done.stdout)
    assert "--boot 9: no such boot\nhint: boots of this run: 1, 2" in done.stderr
