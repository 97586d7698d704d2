"""``qbt list``: the runs that are kept."""

from pathlib import Path

import pytest

from qbt_process import World
from qemu_boot_time.model import Purpose
from qemu_boot_time.store.facts import RunKind, RunWriter
from runs import boot_facts, make_run, run_facts


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world without runs."""
    (tmp_path / "tmp").mkdir()
    return World(tmp_path, tmp_path / "tmp")


def kept(world: World) -> Path:
    """Give where runs are kept."""
    return world.directory / "state/qemu-boot-time/runs"


def test_runs_stand_in_the_order_of_their_ids(world: World) -> None:
    """Boots that ended, of those that were asked for; warm-up, and looking inside, does not count."""
    looked = boot_facts(1, purpose=Purpose.UNITS)
    make_run(kept(world) / "20261123-2")
    make_run(kept(world) / "20261123-1", [boot_facts(-1), boot_facts(0), looked])

    header, *rows = [line.split() for line in world.qbt("list").stdout.splitlines()]

    assert ["run", "boots", "sources", "command"] == header
    assert [["20261123-1", "1/2", "debugcon"], ["20261123-2", "2/2", "debugcon"]] == [
        row[:3] for row in rows
    ]


def test_a_line_fits_a_terminal_and_obeys_no_command(world: World) -> None:
    """Long commands end in dots, escape sequences are shown."""
    command = ("qemu-system-x86_64", "-append", "\x1b[31m\n" + "x" * 200)
    make_run(kept(world) / "night", command=command, sources=("perf", "debugcon"))

    _, line = world.qbt("list").stdout.splitlines()

    assert (80, True, False) == (len(line), line.endswith("..."), "\x1b" in line)


def test_columns_are_as_wide_as_what_is_in_them(world: World) -> None:
    """The commands stand below each other, whatever sources there are."""
    make_run(kept(world) / "20261126-073137", sources=("plugin", "debugcon"))
    make_run(kept(world) / "night")

    header, *rows = world.qbt("list").stdout.splitlines()

    at = header.index("command")
    assert ["qemu-system-x86_64"] * 2 == [row[at:].split()[0] for row in rows]
    assert [" "] * 3 == [line[at - 1] for line in (header, *rows)]


def test_the_document(world: World) -> None:
    """The same as JSON, with the whole command."""
    run = make_run(kept(world) / "night")

    (found,) = world.qbt("list", "--json").document["runs"]

    assert ("night", str(run), 2) == (found["id"], found["path"], found["boots"])
    assert ["qemu-system-x86_64", "-accel", "kvm"] == found["command"]


def test_an_unreadable_run_hides_no_other(world: World) -> None:
    """It is told on standard error."""
    make_run(kept(world) / "good")
    (make_run(kept(world) / "bad") / "run.json").write_text("{")
    RunWriter.begin(kept(world) / "emptied", run_facts(kind=RunKind.RECORDED, sources=("tracefs",)))

    done = world.qbt("list")

    assert (0, ["run", "good"]) == (
        done.status,
        [line.split()[0] for line in done.stdout.splitlines()],
    )
    assert ["bad  unreadable", "emptied  unreadable"] == [
        line.partition(":")[0] for line in done.stderr.splitlines()
    ]


def test_no_run(world: World) -> None:
    """Nothing to list is no failure; where they would be is said beside the data."""
    done = world.qbt("list")

    assert (0, "", True) == (done.status, done.stdout, str(kept(world)) in done.stderr)
