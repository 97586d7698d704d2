"""Two VMs measured in turn: two runs, in an order that the seed tells."""

import contextlib
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qbt_process import DEADLINE_S, World, tiny_qemu
from qemu_boot_time.cli.measuring import facts_of
from qemu_boot_time.guest import tiny
from qemu_boot_time.host import Probe
from qemu_boot_time.measure import Plan, Side, Silence, block_orders, measure_interleaved
from qemu_boot_time.model import Event
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Needs, Source
from qemu_boot_time.store.facts import RunWriter, read_facts
from qemu_boot_time.store.load import load_run
from qemu_boot_time.vm.command import parse
from real_host import require

pytestmark = pytest.mark.real

_PROGRAM = """
import json, sys
from pathlib import Path
from qemu_boot_time.cli.side_by_side import measure_sides
from qemu_boot_time.cli.wanted import Wanted
from qemu_boot_time.errors import QbtError
from qemu_boot_time.phases import Rules
from qemu_boot_time.stats.precision import Precision
*commands, wanted = sys.argv[1:]
wanted = json.loads(wanted)
wanted["out"] = Path(wanted["out"])
wanted["sources"] = tuple(wanted.get("sources", ["debugcon"]))
wanted["rules"] = Rules(until=wanted.pop("until", None))
if "precision" in wanted:
    wanted["precision"] = Precision(*wanted["precision"])
try:
    measure_sides(commands, Wanted(**wanted))
except QbtError as error:
    sys.exit(error.what)
"""


def ending(world: World, name: str, *steps: tiny.Step, accelerator: str = "tcg") -> str:
    """Give a VM that ends by itself."""
    bios = world.bios(*tiny.marks("fw_start"), *steps, tiny.DebugExit(), name=f"{name}.bin")
    return shlex.join(tiny_qemu(bios, accelerator=accelerator))


@contextlib.contextmanager
def started(world: World, *commands: str, **wanted: Any) -> Iterator[subprocess.Popen[str]]:
    """Measure the commands in a process of its own, into ``out``."""
    words = (sys.executable, "-c", _PROGRAM, *commands, json.dumps({"out": "out", **wanted}))
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    how = {**streams, "cwd": world.directory, "env": world.environment()}
    with subprocess.Popen(words, **how) as child:
        try:
            yield child
        finally:
            child.kill()


def measured(world: World, *commands: str, **wanted: Any) -> tuple[int, list[str]]:
    """Measure to the end; give the status, and the lines of standard error."""
    with started(world, *commands, **wanted) as child:
        _, stderr = child.communicate(timeout=DEADLINE_S)
    return child.returncode, stderr.splitlines()


def await_qemu(world: World, word: str) -> None:
    """Wait for a QEMU that was told this word."""
    deadline = time.monotonic() + DEADLINE_S
    while not any(word in command for command in world.processes("qemu").values()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sides(world: World) -> list[Path]:
    """Give the two runs."""
    return [world.directory / "out" / side for side in "ab"]


def order(world: World) -> list[tuple[int, int]]:
    """Give (side, index) of every boot, in the order of their times."""
    boots = [
        (boot.exec_stamp_ns, side, boot.index)
        for side, run in enumerate(sides(world))
        for boot in read_facts(run)[1]
    ]
    return [(side, index) for _, side, index in sorted(boots)]


def test_both_sides_are_booted_as_often_in_the_order_of_the_seed(world: World) -> None:
    """Block by block, warm-ups too; each run names the seed, its side, and the other run."""
    wanted = {"boots": 6, "warmup": 2, "seed": 12}

    status, _ = measured(world, ending(world, "short"), ending(world, "other"), **wanted)

    blocks = itertools.islice(block_orders(2, 12), 8)
    assert [(side, i - 2) for i, block in enumerate(blocks) for side in block] == order(world)
    told = [read_facts(run)[0].interleaved for run in sides(world)]
    assert [(12, "a", "b"), (12, "b", "a")] == [(t.seed, t.side, t.other) for t in told if t]
    assert 0 == status


def seen(run: Path) -> list[tuple[list[str], tuple[str, ...]]]:
    """Give the marks of each boot, and why it should not be trusted."""
    return [([mark.name for mark in boot.marks], boot.suspect) for boot in load_run(run).boots]


def test_each_run_has_what_its_own_side_did(world: World) -> None:
    """Marks of one guest never come into the run of the other, though both sources listen."""
    one = ending(world, "one")
    two = ending(world, "two", *tiny.marks("fw_do_boot"))

    measured(world, one, two, boots=2, seed=3)

    assert [[(["fw_start"], ())] * 2, [(["fw_start", "fw_do_boot"], ())] * 2] == [
        seen(run) for run in sides(world)
    ]


@pytest.mark.parametrize("source", ["perf_event", "perf", "tracefs"])
def test_sources_that_see_all_vms_tell_the_sides_apart(
    world: World, perf: str, source: str
) -> None:
    """Both recorders record the boots of both; each run has those of its own alone."""
    require(os.geteuid() == 0 or source != "tracefs", "tracefs is root's")
    one = ending(world, "one", accelerator=perf)
    two = ending(world, "two", *tiny.marks("fw_do_boot"), accelerator=perf)

    status, said = measured(world, one, two, boots=3, warmup=1, seed=3, sources=[source])

    assert 0 == status, said
    first = ["qemu_init_end", "fw_start"]
    assert [[(first, ())] * 3, [([*first, "fw_do_boot"], ())] * 3] == [
        seen(run) for run in sides(world)
    ]


class Bell:
    """A source's session that is rung when another side begins, and counts how often it was read."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.others: list[Bell] = []
        self.read_by_others = 0
        self.boots = False

    def arguments(self) -> tuple[str, ...]:
        """Need nothing of QEMU."""
        return ()

    def before_exec(self) -> None:
        """Need nothing of the process."""

    def begin(self, boot: int) -> None:
        """Ring at the others."""
        del boot
        self.boots = True
        for other in self.others:
            os.eventfd_write(other.fd, 1)

    def stdout(self) -> None:
        """Read no output."""

    def readers(self) -> dict[int, Callable[[], list[Event]]]:
        """Give what is rung."""
        return {self.fd: self.read}

    def read(self) -> list[Event]:
        """Count."""
        os.eventfd_read(self.fd)
        self.read_by_others += not self.boots
        return []

    def end(self, boot: int) -> list[Event]:
        """See nothing."""
        del boot
        self.boots = False
        return []


def ringing(bell: Bell) -> Source:
    """Give the source of one bell."""
    return Source(
        name="bell",
        sees="nothing",
        needs=Needs.NOTHING,
        probe=lambda: Probe(ok=True, what="it rings"),
        arm=lambda _request, _guard: contextlib.nullcontext(bell),
        read=lambda _request: iter(()),
    )


def test_the_sources_of_the_side_that_waits_are_read(world: World) -> None:
    """One that nobody empties is full at some time, and misses what its own side does."""
    one, two = Bell(), Bell()
    one.others, two.others = [two], [one]
    command = parse(shlex.split(ending(world, "short")))
    plans = [Plan(command, 3, Rules(), (ringing(bell),)) for bell in (one, two)]
    runs = [
        Side(plan, RunWriter.begin(world.directory / side, facts_of(plan, ())), Silence())
        for side, plan in zip("ab", plans, strict=True)
    ]

    measure_interleaved(runs, seed=1)

    assert (3, 3) == (one.read_by_others, two.read_by_others)


@pytest.mark.parametrize("source", ["perf_event", "perf", "tracefs"])
def test_a_mark_ends_the_boot_of_its_own_side(world: World, perf: str, source: str) -> None:
    """What the other side's boot left in a recorder ends none of ours."""
    require(os.geteuid() == 0 or source != "tracefs", "tracefs is root's")
    endless = world.bios(*tiny.marks("fw_start"), name="endless.bin")
    hangs = shlex.join(tiny_qemu(endless, accelerator=perf))
    wanted = {"boots": 3, "seed": 3, "sources": [source], "timeout_s": 60, "until": "fw_start"}

    status, said = measured(world, hangs, hangs, **wanted)

    assert 0 == status, said
    first = ["qemu_init_end", "fw_start"]
    assert [[(first, ())] * 3] * 2 == [seen(run) for run in sides(world)]
    ended = [boot.ended_by for run in sides(world) for boot in read_facts(run)[1]]
    assert ["mark"] * 6 == ended


def test_each_command_has_its_own_sources(world: World, perf: str) -> None:
    """Chosen by what it boots; whether the two can be compared is another question."""
    one = ending(world, "one", accelerator=perf)

    _, said = measured(world, one, ending(world, "two"), boots=2, sources=["auto"])

    assert [("perf_event",), ("debugcon",)] == [read_facts(run)[0].sources for run in sides(world)]
    assert [2, 2] == [sum(boot.ok for boot in load_run(run).boots) for run in sides(world)]
    assert "note: a: source perf_event" in said


def test_a_new_order_is_drawn_where_none_is_given(world: World) -> None:
    """Both sides keep the same seed, and a further run has another one."""
    short = ending(world, "short")

    measured(world, short, short, boots=1)
    measured(world, short, short, boots=1, out="again")

    runs = [*sides(world), *(world.directory / "again" / side for side in "ab")]
    seeds = [found.seed for run in runs if (found := read_facts(run)[0].interleaved)]
    assert seeds[0] == seeds[1] != seeds[2] == seeds[3]


def test_a_ctrl_c_keeps_both_runs(world: World) -> None:
    """The boot that it meets is interrupted, all before are whole; how to compare them is told."""
    hangs = shlex.join(tiny_qemu(world.bios(*tiny.marks("fw_start"), name="endless.bin")))
    short = ending(world, "short")
    blocks = list(itertools.islice(block_orders(2, 4), 2))
    script = world.script(
        f'if mkdir once 2>/dev/null; then exec {short} "$@"; fi\nexec {hangs} "$@"'
    )

    with started(world, short, script, boots=5, seed=4) as child:
        await_qemu(world, "endless.bin")
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=DEADLINE_S)

    ended = [[boot.ended_by for boot in read_facts(run)[1]] for run in sides(world)]
    first_in_second_block = 2 if blocks[1][0] == 0 else 1
    assert [["itself"] * first_in_second_block, ["itself", "user"]] == ended
    assert "interrupted; both runs are kept: qbt compare out/a out/b" in stderr


def test_a_side_that_always_fails_ends_both(world: World) -> None:
    """After three blocks, which are whole; both runs say why there are no more."""
    dies = world.script("exit 3")

    status, said = measured(world, ending(world, "short"), dies, boots=9)

    assert [3, 3] == [len(read_facts(run)[1]) for run in sides(world)]
    (line,) = (line for line in said if "no more tried" in line)
    assert [
        "a: no more tried: the boots of the other side all failed (--keep-going does)",
        "b: 3 boots, all failed: no more tried (--keep-going does)",
    ] == [each for each in line.removeprefix("note: ").split("; ") if "no more tried" in each]
    assert 0 == status


def test_a_side_that_always_fails_goes_on_where_wanted(world: World) -> None:
    """As with one command."""
    dies = world.script("exit 3")

    measured(world, ending(world, "short"), dies, boots=5, keep_going=True)

    assert [5, 5] == [len(read_facts(run)[1]) for run in sides(world)]


@pytest.mark.parametrize(("other", "boots"), [("short", 6), ("dies", 8)])
def test_both_sides_must_be_precise(world: World, other: str, boots: int) -> None:
    """One that is does not end it while the other is not; each says how precise it is."""
    commands = {"short": ending(world, "short"), "dies": world.script("exit 3")}

    wanted = {"boots": 8, "precision": (10, 6, 8), "keep_going": True}

    measured(world, commands["short"], commands[other], **wanted)

    one, two = (load_run(run) for run in sides(world))
    assert [boots, boots] == [len(one.boots), len(two.boots)]
    told = [[note for note in run.notes if note.startswith("precision")] for run in (one, two)]
    assert [1, {"short": 1, "dies": 0}[other]] == [len(notes) for notes in told]
    assert told[0][0].endswith(f"after {boots} boots")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-program -m 1G", "--b 'no-such-program -m 1G': no-such-program: not found"),
        ("qemu 'half", '--b "qemu \'half": no closing quotation'),
        ("", "--b '': no command to boot"),
    ],
)
def test_what_cannot_be_measured_names_its_side(world: World, command: str, said: str) -> None:
    """Before anything is booted or kept."""
    status, lines = measured(world, ending(world, "short"), command, boots=2)

    assert (1, said) == (status, lines[-1])
    assert not (world.directory / "out").exists()
