"""Budgets of runs that are really made, in time and in instructions."""

import shutil

import pytest

from qbt_process import World, tiny_qemu
from qemu_boot_time.guest import tiny
from real_host import require

pytestmark = pytest.mark.real

BIOS_BASE = 0xFFFF0000
"""Where QEMU maps an image of 64 KiB, and where its code runs from reset on."""


def test_a_run_over_its_budget(world: World) -> None:
    """Status 1, one line, and the run is kept."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit())
    words = ("--source", "debugcon", "--fail-if", "total > 1ns", "--fail-if", "total > 60s")

    done = world.qbt("run", "-n", "2", *words, "--", *tiny_qemu(bios))

    lines = [line for line in done.stdout.splitlines() if line.startswith("budget ")]
    assert (1, 1) == (done.status, len(lines))
    assert lines[0].startswith("budget broken: total > 1ns: it is ")
    assert 1 == len(world.runs)


def test_instructions_against_a_baseline_in_a_file(world: World) -> None:
    """A hundred turns of a loop more are two hundred instructions, which one boot a side shows."""
    require(shutil.which("gcc") is not None, "no gcc for the plugin")
    marks = tiny.marks(*tiny.PROTOCOL)
    for name, loops in (("before", 1000), ("after", 1100)):
        world.bios(*marks, tiny.Spin(loops), tiny.DebugExit(), name=f"{name}.bin")
    behind = BIOS_BASE + sum(len(step.code()) for step in (*marks, tiny.Spin(1000)))
    counted = ("-n", "1", "--clock", "instructions", "--probe", f"spun={behind:#x}")
    before, after = (tiny_qemu(world.directory / f"{name}.bin") for name in ("before", "after"))
    base = world.qbt("run", "--json", *counted, "--", *before)
    (world.directory / "base.json").write_text(base.stdout)
    words = ("--baseline", "base.json", "--fail-if", "total slower than 0%")

    same = world.qbt("run", *counted, *words, "--", *before)
    more = world.qbt("run", "--json", *counted, *words, "--", *after)

    assert (0, 1) == (same.status, more.status), same.stdout + more.stdout
    (gate,) = more.document["gates"]
    assert ("broken", 2 * 100) == (gate["state"], gate["value_instructions"])
