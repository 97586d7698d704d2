"""``qbt overhead``: boots with sources and without, and what is left of both. No time is asserted."""

import contextlib
import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qbt_process import DEADLINE_S, World, tiny_qemu
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

_UTIME = 13
"""The place of the time spent in user mode in /proc/PID/stat, in ticks (proc(5))."""


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


def test_any_observer_has_its_cost(world: World) -> None:
    """It runs beside each watched boot, in a directory of its own, is interrupted, and is named."""
    script = world.directory / "watcher"
    script.write_text(
        "#!/bin/sh\ntrap 'echo over >>seen; exit' INT\necho begun >>seen\nwhile :; do sleep 0.1; done\n"
    )
    script.chmod(0o755)
    words = ("--observer", f"{script} --all", "--settle", "1", "-n", "2", "--out", "out")

    done = world.qbt("overhead", "--json", *words, "--", *guest(world))

    assert done.status in {ExitStatus.DONE, ExitStatus.NO}, done.stderr
    assert [f"{script} --all"] == json.loads(done.stdout)["watchers"]
    alone, watched = sides(world)
    assert [] == list(alone.glob("raw/*/seen"))
    assert ["begun\nover\n"] * 2 == [file.read_text() for file in watched.glob("raw/*/seen")]
    assert f"watched by {script} --all a boot takes" in " ".join(
        world.qbt("show", str(watched)).stdout.split()
    )


@pytest.mark.parametrize("observer", ["false", "sh -c 'sleep 0.6; echo enough >&2'"])
def test_an_observer_that_ends_by_itself_has_no_cost(world: World, observer: str) -> None:
    """Before the boot or during it: the measurement is given up, and its last words are told."""
    endless = tiny_qemu(world.bios(*tiny.marks("fw_start")))
    words = ("--observer", observer, "--settle", "0.2", "--timeout", "2", "-n", "1", "--")

    done = world.qbt("overhead", *words, *endless)

    assert ExitStatus.BOOT_FAILED == done.status
    assert "ended by itself" in done.stderr
    assert ("enough" in observer) is (
        "enough" in done.stderr.splitlines()[0].partition(": ended")[2]
    )


@pytest.mark.parametrize("then", ["", "; while :; do sleep 0.1; done"])
def test_what_an_observer_leaves_behind_is_ended(world: World, then: str) -> None:
    """It may have made a daemon of itself, or of a helper; nothing of it watches the next boot."""
    observer = f"sh -c '(setsid sleep 61 &){then}'"
    words = ("--observer", observer, "--settle", "0.5", "-n", "1", "--", *guest(world))

    world.qbt("overhead", *words)

    assert [] == world.leftovers()


@pytest.mark.parametrize("how", ["", "setsid "])
def test_what_an_observer_detaches_meanwhile_is_none_of_the_boots(world: World, how: str) -> None:
    """Boots end with their guest, however many helpers are left behind while one goes on; none of those stays."""
    observer = f"sh -c 'while :; do ({how}sleep 61 &); sleep 0.05; done'"
    words = ("--observer", observer, "--settle", "0.3", "-n", "2", "--out", "out")

    done = world.qbt("overhead", *words, "--", *guest(world))

    assert done.status in {ExitStatus.DONE, ExitStatus.NO}, done.stderr
    alone, watched = map(load_run, sides(world))
    outcomes = [[boot.outcome for boot in run.boots] for run in (alone, watched)]
    assert [[Outcome.REACHED] * 2] * 2 == outcomes
    assert [] == world.leftovers()


def test_a_helper_that_has_worked_is_not_charged(world: World) -> None:
    """It was detached, and ended, while the guest slept: its CPU time is not in the boot's."""
    asleep = tiny_qemu(world.bios(*tiny.marks("fw_start")))
    burn = "i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done; cat /proc/$$/stat >took"
    observer = world.script(f"(sh -c '{burn}' &)\nwhile :; do sleep 0.1; done", "observer")
    words = ("--observer", observer, "--settle", "0", "--timeout", "8", "-n", "1", "--out", "out")

    world.qbt("overhead", *words, "--", *asleep)

    (boot,) = read_facts(sides(world)[1])[1]
    (took,) = sides(world)[1].glob("raw/*/took")
    assert boot.cpu_ns is not None
    ticks = int(took.read_text().split()[_UTIME])
    assert 0 < boot.cpu_ns < ticks * 10**9 // os.sysconf("SC_CLK_TCK")


def test_an_observer_leaves_with_us(world: World) -> None:
    """Killed outright in the middle of a boot, we leave neither it nor what it has started, wherever that went."""
    endless = tiny_qemu(world.bios(*tiny.marks("fw_start")))
    observer = "sh -c 'sleep 61 & (setsid sleep 62 &); echo begun >seen; wait'"
    watched_first = next(seed for seed in range(99) if next(block_orders(2, seed))[0])
    words = (
        "--observer",
        observer,
        "--settle",
        "0.2",
        "--seed",
        str(watched_first),
        "--out",
        "out",
    )

    with world.start("overhead", *words, "--", *endless) as child:
        deadline = time.monotonic() + DEADLINE_S
        while not list(sides(world)[1].glob("raw/*/seen")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.kill()

    assert [] == world.leftovers()


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
