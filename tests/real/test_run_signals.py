"""``qbt run`` stopped in the middle: what has ended is kept, and nothing goes on."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qbt_process import DEADLINE_S, World, tiny_qemu
from qemu_boot_time.guest import tiny

pytestmark = pytest.mark.real

POLL_S = 0.01


def until(true: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(POLL_S)


def alternating(world: World) -> str:
    """Give a VM that ends by itself the first time, and hangs from the second time on."""
    short = world.bios(*tiny.marks("fw_start"), tiny.DebugExit(), name="short.bin")
    endless = world.bios(*tiny.marks("fw_start"), name="endless.bin")
    ends, hangs = (" ".join(tiny_qemu(bios)) for bios in (short, endless))
    return world.script(f'if mkdir once 2>/dev/null; then exec {ends} "$@"; fi\nexec {hangs} "$@"')


def in_second_boot(world: World) -> bool:
    """Whether the first boot is on disk, and the second runs."""
    return bool(world.runs) and len(world.facts()) == 1 and runs(world, "endless.bin")


def runs(world: World, word: str) -> bool:
    """Whether a QEMU of this world was told this word."""
    return any(word in command for command in world.processes("qemu").values())


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_run_and_keeps_it(
    world: World, number: signal.Signals, status: int
) -> None:
    """The boot it meets is kept as interrupted, the one before as it was; QEMU is gone."""
    script = alternating(world)

    with world.start("run", "-n", "5", "--source", "debugcon", "--", script) as child:
        until(lambda: in_second_boot(world))
        child.send_signal(number)
        _, stderr = child.communicate(timeout=DEADLINE_S)

    assert status == child.returncode
    assert ["itself", "user"] == [boot["ended_by"] for boot in world.facts()]
    assert len(stderr.splitlines()) <= 4
    again = world.qbt("show", "last", "--json")
    assert ["reached", "interrupted"] == again.outcomes


def test_an_interrupted_run_is_shown_all_the_same(world: World) -> None:
    """Ctrl-C prints the table of what there is, and where it is kept."""
    script = alternating(world)

    with world.start("run", "-n", "5", "--source", "debugcon", "--", script) as child:
        until(lambda: in_second_boot(world))
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate(timeout=DEADLINE_S)

    assert "2 boots, 1 interrupted" in stdout
    assert f"qbt show {world.runs[-1].name}" in stderr


@pytest.mark.parametrize("how", ["exec {}", "{} &", "setsid {} &", "{} -daemonize"])
def test_nothing_outlives_a_killed_qbt(world: World, how: str) -> None:
    """SIGKILL leaves no chance: the guard ends QEMU, wherever it went, and removes the sockets."""
    command = " ".join(tiny_qemu(world.bios(*tiny.marks("fw_start")))) + ' "$@"'
    script = world.script(how.format(command))
    with world.start("run", "--source", "debugcon", "--", script) as child:
        until(lambda: runs(world, "-bios") and monitors(child.pid) == 2)
        child.kill()

    assert world.leftovers() == []


def monitors(pid: int) -> int:
    """Give how many sockets of a monitor a process has: the one that listens, and QEMU's."""
    lines = Path(f"/proc/{pid}/net/unix").read_text().splitlines()
    inodes = {line.split()[6] for line in lines if line.endswith("/qmp")}
    opened = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    return sum(f"socket:[{inode}]" in opened for inode in inodes)


def test_a_killed_run_can_be_shown(world: World) -> None:
    """The boots that had ended before the SIGKILL are all there."""
    script = alternating(world)
    with world.start("run", "-n", "5", "--source", "debugcon", "--", script) as child:
        until(lambda: in_second_boot(world))
        child.kill()

    done = world.qbt("show", "last", "--json")

    assert (0, ["reached"]) == (done.status, done.outcomes)
    assert ["fw_start"] == done.marks()


def test_a_killed_perf_run_can_be_shown(world: World, perf: str) -> None:
    """Perf's file ends where it was cut; the marks of the boot before it are in it."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.Spin(200_000), tiny.DebugExit())
    command = tiny_qemu(bios, accelerator=perf)
    with world.start("run", "-n", "500", "--source", "perf", "--", *command) as child:
        until(lambda: bool(world.runs) and len(world.facts()) >= 2)
        child.kill()

    assert world.leftovers() == []
    done = world.qbt("show", "last", "--json")
    assert ["qemu_init_end", "fw_start"] == done.marks()
    assert 0 == done.status


def test_a_ctrl_c_at_the_terminal_reaches_qbt_alone(world: World) -> None:
    """QEMU is in a process group of its own: we decide how it ends."""
    bios = world.bios(*tiny.marks("fw_start"))

    with world.start("run", "--source", "debugcon", "--", *tiny_qemu(bios)) as child:
        until(lambda: runs(world, "-bios"))
        groups = {os.getpgid(pid) for pid in world.processes("qemu")}
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=DEADLINE_S)

    assert groups.isdisjoint({os.getpgid(0), child.pid})
