"""``qbt analyze`` as a process: one document or one table, and the exit status."""

import re
import subprocess
from pathlib import Path

import pytest

from qbt_process import DEADLINE_S, QBT, World

_DATA = Path(__file__).parents[1] / "data"
_SHARED = Path(__file__).parents[2].parent / "shared/data"
_TABLE = """\
boot,qemu_init_end,fw_start,fw_do_boot,linux_start_boot,linux_start_kernel,linux_start_user
1,31.469355,31.652297,40.399720,41.749684,123.361187,251.431310
2,34.533397,34.686310,43.198109,44.526427,122.160835,242.882716
3,36.683444,36.870878,46.268925,47.614155,124.805012,241.910863
"""
"""Three boots published with the original script."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world with the published table in it."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "boots.csv").write_text(_TABLE)
    return World(tmp_path, tmp_path / "tmp")


def test_the_published_boots(world: World) -> None:
    """The right Max, and the right extremes of the kernel phase."""
    done = world.qbt("analyze", "--json", "boots.csv")

    summary = done.document["summary"]
    user, kernel = summary["marks"][-1], summary["phases"][4]
    assert ("linux_start_user", 251_431_310) == (user["name"], user["max_ns"])
    assert ("kernel", 117_105_851, 128_070_123) == (
        kernel["name"],
        kernel["min_ns"],
        kernel["max_ns"],
    )
    assert (0, "") == (done.status, done.stderr)


def test_the_table_for_a_pipe(world: World) -> None:
    """Eighty columns, no colour even where a terminal is promised."""
    world.env["FORCE_COLOR"] = "1"
    done = world.qbt("analyze", "-v", "boots.csv")

    assert (0, "", False) == (done.status, done.stderr, "\x1b" in done.stdout)
    assert 80 >= max(map(len, done.stdout.splitlines()))
    assert re.search(
        r"^kernel +3 +120\.722 +121\.966 +117\.106 +128\.070 +49\.7%$", done.stdout, re.MULTILINE
    )


def test_the_timeline_of_a_recorded_boot(world: World) -> None:
    """What a recording holds is on it, in text and in the document, as of a kept run."""
    recording = str(_DATA / "perf-stock/perf.data")

    text = world.qbt("analyze", "--timeline", recording).stdout
    (timeline,) = world.qbt("analyze", "--json", "--boot", "1", recording).document["timelines"]

    names = [row["name"] for row in timeline["rows"]]
    assert "boot 1" == timeline["title"]
    assert ["total", "vmm", "qemu_libraries", "qemu_main..qemu_init_end"] == names[:4]
    shown = text[text.index("boot 1 (ms since exec)") :].splitlines()
    assert names[:4] == [line.split()[0] for line in shown[1:5]]


def test_one_column_of_published_samples(world: World) -> None:
    """500 boots in microseconds: the median of the paper's data."""
    samples = _SHARED / "nsdi2020/boot-serial-qemu.dat"
    if not samples.exists():
        pytest.skip("nsdi2020 is not beside this checkout")

    total = world.qbt("analyze", "--json", f"{samples}:1:us").document["summary"]["phases"][0]

    assert ("total", 500, 243_525_000) == (total["name"], total["n"], total["median_ns"])


def test_names_phases_and_until(world: World) -> None:
    """The user's rules apply to a table as to anything else."""
    (world.directory / "boots.csv").write_text("linux_start_user,ready\n100,130\n100,\n")
    own = ("--mark", "42=ready", "--until", "ready", "--phase", "mine=exec..ready")

    done = world.qbt("analyze", "--json", *own, "boots.csv")

    phases = {row["name"]: row["median_ns"] for row in done.document["summary"]["phases"]}
    assert (4, ["reached", "ended"]) == (done.status, done.outcomes)
    assert (30_000_000, 130_000_000) == (phases["user"], phases["mine"])


@pytest.mark.parametrize(
    ("words", "status", "what"),
    [
        (("nowhere.csv",), 3, "nowhere.csv: no such run, file or recording"),
        (("junk",), 3, "junk: neither a recording nor a table"),
        (("tmp",), 3, "tmp: neither a run nor a file that can be read twice"),
        (("--until", "linux_start_usr", "boots.csv"), 2, "no mark is called 'linux_start_usr'"),
        (("--unit", "h", "boots.csv"), 2, "'h' is no unit of the numbers that are read"),
        (("--unit", "h", str(_DATA / "perf-pipe/perf.data")), 2, "'h' is no unit of the numbers"),
        (("boots.csv:1:h",), 2, "'h' is no unit of the numbers that are read"),
        (("--unit", "s", "totals.txt"), 3, "hint: which unit is it in? --unit ns|us|ms|s"),
        (("--colour", "boots.csv"), 2, "No such option"),
        ((), 2, "Missing argument 'FILE'"),
        (("boots.csv:9:ms",), 2, "no column '9'"),
    ],
)
def test_what_cannot_be_done(world: World, words: tuple[str, ...], status: int, what: str) -> None:
    """At most four lines on standard error, nothing on standard output, never a traceback."""
    (world.directory / "totals.txt").write_text("1e9\n")
    (world.directory / "junk").write_bytes(b"\x7fELF\0\0\x1b[31m")
    done = world.qbt("analyze", *words)

    assert (status, "", True) == (done.status, done.stdout, what in done.stderr), done.stderr
    assert (True, True) == (done.stderr.startswith("qbt: "), done.stderr.count("\n") <= 4)


def test_a_damaged_recording_gives_its_table_and_status_3(world: World) -> None:
    """What could be read is printed first."""
    whole = (_DATA / "perf-pipe/perf.data").read_bytes()
    (world.directory / "cut.data").write_bytes(whole[:-20])

    done = world.qbt("analyze", "--json", "cut.data")

    assert (3, 3, True) == (done.status, len(done.document["boots"]), "cut.data: " in done.stderr)
    assert done.document["run"]["damage"].startswith("cut.data: ")
    assert "hint: the boots above are what could be read; for the rest copy the file" in done.stderr


def test_a_reader_that_leaves_is_no_failure_to_tell(world: World) -> None:
    """``qbt analyze ... | head -1``: not a word on standard error, and the shell's usual status."""
    with world.start("analyze", "boots.csv", bufsize=0) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        trouble, status = child.stderr.read(), child.wait(timeout=DEADLINE_S)

    assert ("", 141) == (trouble, status)


def test_a_full_disk_is_told(world: World) -> None:
    """One line, no traceback, no success."""
    with Path("/dev/full").open("w") as full:
        done = world.qbt("analyze", "boots.csv", stdout=full)

    assert (5, True) == (done.status, "No space left on device" in done.stderr)
    assert 2 >= done.stderr.count("\n")


def test_analyze_loads_nothing_that_it_does_not_need(world: World) -> None:
    """JSON of a table needs no rich; a table no reader of perf.data."""
    script = (
        "import sys; from qemu_boot_time.cli import main; "
        "sys.argv = ['qbt', 'analyze', '--json', 'boots.csv']; main._status(); "
        "print([n for n in ('rich', 'numpy', 'qemu_boot_time.formats.perfdata') if n in sys.modules],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [QBT[0], "-c", script],
        cwd=world.directory,
        env=world.environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[]\n" == done.stderr


def test_what_is_read_again_is_the_same(world: World) -> None:
    """Byte for byte, in whatever order Python happens to keep sets in that process."""
    recording = str(_DATA / "tracecmd-monotonic-v6/trace.dat")

    said = []
    for seed in ("0", "1", "2"):
        world.env["PYTHONHASHSEED"] = seed
        said.append(world.qbt("analyze", "--json", recording).stdout)

    assert said[0]
    assert [said[0]] * 3 == said
