"""``qbt overhead``: boots with sources and without, and what is left of both. No time is asserted."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qbt_process import World, tiny_qemu
from qemu_boot_time.cli.measuring import facts_of
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.guest import tiny
from qemu_boot_time.host import Probe
from qemu_boot_time.measure import Plan, Side, Silence, block_orders, measure_interleaved
from qemu_boot_time.model import Boot, Event, Outcome
from qemu_boot_time.phases import Rules
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Armed, Needs, Source
from qemu_boot_time.sources.debugcon import DebugconSession
from qemu_boot_time.store.facts import RunWriter, read_facts
from qemu_boot_time.store.load import load_run
from qemu_boot_time.vm.command import parse

pytestmark = pytest.mark.real


def guest(world: World, accelerator: str = "tcg") -> tuple[str, ...]:
    """Give a VM that writes every mark and ends by itself."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit())
    return tiny_qemu(bios, accelerator=accelerator)


def sides(world: World) -> list[Path]:
    """Give the run that nobody watched, and the one that was."""
    return [world.directory / "out" / side for side in ("alone", "watched")]


def test_both_sides_boot_in_turn_and_say_what_they_took(world: World) -> None:
    """As often, in the order of the seed, each with its CPU time; one cost of each quantity."""
    words = ("-n", "4", "--warmup", "1", "--seed", "12", "--source", "debugcon", "--out", "out")

    done = world.qbt("overhead", "--json", *words, "--", *guest(world))

    assert done.status in {ExitStatus.DONE, ExitStatus.NO}, done.stderr
    costs = json.loads(done.stdout)["costs"]
    assert [("wall", [4, 4]), ("cpu", [4, 4])] == [(cost["name"], cost["n"]) for cost in costs]
    assert all(0 < cost["ratio_low"] <= cost["ratio"] <= cost["ratio_high"] for cost in costs)
    boots = [
        (boot.exec_stamp_ns, side, boot.index, bool(boot.cpu_ns))
        for side, run in enumerate(sides(world))
        for boot in read_facts(run)[1]
    ]
    blocks = itertools.islice(block_orders(2, 12), 5)
    assert [(side, i - 1, True) for i, block in enumerate(blocks) for side in block] == [
        boot[1:] for boot in sorted(boots)
    ]


@pytest.mark.parametrize("source", ["perf_event", "perf"])
def test_kvms_sources_are_armed_for_each_boot(world: World, perf: str, source: str) -> None:
    """What they saw of each is read back; the side without them has nothing."""
    words = ("-n", "2", "--source", source, "--out", "out", "--", *guest(world, perf))

    done = world.qbt("overhead", *words)

    assert done.status in {ExitStatus.DONE, ExitStatus.NO}, done.stderr
    alone, watched = map(load_run, sides(world))
    assert [(Outcome.REACHED, 0)] * 2 == [(b.outcome, len(b.marks)) for b in alone.boots]
    assert [(Outcome.REACHED, 6, ())] * 2 == [
        (boot.outcome, len(boot.marks), boot.suspect) for boot in watched.boots
    ]


def test_show_quotes_the_cost(world: World) -> None:
    """Of the run that was watched, which is the last one; the other one says why it has no table."""
    world.qbt("overhead", "-n", "2", "--source", "debugcon", "--", *guest(world))

    alone, watched = world.runs

    assert "watched by debugcon a boot takes" in world.qbt("show", str(watched)).stdout
    assert f"; {watched.name}," in world.qbt("show", str(alone)).stdout


def test_a_guest_that_runs_on_has_no_cost(world: World) -> None:
    """Nobody sees a mark to end it at: the boots time out, and the reason is told."""
    endless = tiny_qemu(world.bios(*tiny.marks("fw_start")))
    words = ("-n", "1", "--timeout", "2", "--source", "debugcon", "--", *endless)

    done = world.qbt("overhead", *words)

    assert ExitStatus.BOOT_FAILED == done.status
    assert "nothing is known of what debugcon costs" in done.stdout
    assert "note: the guest must end by itself" in done.stdout


class Diary(Silence):
    """Notes when a source is armed, and when which side boots."""

    def __init__(self, side: str, lines: list[str]) -> None:
        self.side = side
        self.lines = lines

    def ended(self, boot: Boot) -> None:
        """Note it."""
        self.lines.append(f"{self.side} {boot.index}")

    def source(self) -> Source:
        """Give a source that notes when it is armed."""

        @contextlib.contextmanager
        def arm(request: Arm, guard: Guard) -> Iterator[DebugconSession]:
            del guard
            self.lines.append(f"armed {request.raw.name}")
            with contextlib.closing(DebugconSession(request.raw)) as session:
                yield session
            self.lines.append("gone")

        return Source("debugcon", "", Needs.NOTHING, lambda: Probe(ok=True, what=""), arm, _nothing)


def _nothing(_: Arm) -> Iterator[Event]:
    return iter(())


def test_a_source_is_gone_while_the_other_side_boots(world: World) -> None:
    """It is armed just before each boot that it watches, warm-ups too, and closed right after."""
    lines: list[str] = []
    diaries = [Diary(side, lines) for side in ("alone", "watched")]
    command = parse(guest(world))
    plans = [
        Plan(command, 2, Rules(), (), warmup=1),
        Plan(command, 2, Rules(), (diaries[1].source(),), warmup=1, armed=Armed.EACH_BOOT),
    ]
    runs = [
        Side(plan, RunWriter.begin(world.directory / diary.side, facts_of(plan, ())), diary)
        for plan, diary in zip(plans, diaries, strict=True)
    ]

    measure_interleaved(runs, seed=12)

    seen = {-1: "warmup-0001", 0: "boot-0000", 1: "boot-0001"}
    expected = []
    for index, block in zip(seen, block_orders(2, 12), strict=False):
        for side in block:
            watched = [f"armed {seen[index]}", "gone", f"watched {index}"]
            expected += watched if side else [f"alone {index}"]
    assert expected == lines
