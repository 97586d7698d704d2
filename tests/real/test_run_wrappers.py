"""QEMU commands as people have them: behind wrappers and scripts, with monitors of their own."""

import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from qbt_process import DEADLINE_S, World, tiny_qemu
from qemu_boot_time.guest import tiny
from real_host import require

pytestmark = pytest.mark.real

DEBUGCON = ("--source", "debugcon")
MARKS = ("fw_start", "fw_do_boot")


def ends(world: World) -> Path:
    """Give a guest that ends by itself."""
    return world.bios(*tiny.marks(*MARKS), tiny.DebugExit())


def hangs(world: World) -> Path:
    """Give a guest that does not."""
    return world.bios(*tiny.marks(*MARKS))


@pytest.mark.parametrize(
    "wrapper",
    [
        ("taskset", "-c", "0"),
        ("env", "A=1"),
        ("nice",),
        ("sudo", "-n"),
        ("setsid", "--wait"),
        ("sh", "-c", '"$@"; exit 3', "sh"),
        ("sh", "-c", 'exec "$@"', "sh"),
    ],
    ids=" ".join,
)
def test_a_wrapper_is_followed(world: World, wrapper: tuple[str, ...]) -> None:
    """What a wrapper is told behind its own words reaches QEMU, and so does its end."""
    require(shutil.which(wrapper[0]) is not None, f"{wrapper[0]} is not installed")

    done = world.run("--until", "fw_do_boot", "--", *wrapper, *tiny_qemu(hangs(world)))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert list(MARKS) == done.marks()
    assert (
        f"time zero is the exec of {wrapper[0]}, not that of QEMU" in done.document["run"]["notes"]
    )


@pytest.mark.parametrize("how", ['exec {} "$@"', '{} "$@"', '{} "$@" &', 'setsid {} "$@" &'])
def test_a_script_is_followed(world: World, how: str) -> None:
    """A script may become QEMU, wait for it, or leave it in the background."""
    script = world.script(how.format(" ".join(tiny_qemu(ends(world)))))

    done = world.run(*DEBUGCON, "--", script)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert list(MARKS) == done.marks()


def test_a_script_that_daemonizes_qemu_is_followed(world: World) -> None:
    """A hidden -daemonize takes QEMU out of its group, not out of our hands."""
    script = world.script(" ".join(tiny_qemu(hangs(world))) + ' "$@" -daemonize')

    done = world.run(*DEBUGCON, "--until", "fw_do_boot", "--", script)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)


def test_daemonize_is_refused(world: World) -> None:
    """Where we can see it, we say why, and what to do."""
    done = world.run("--", *tiny_qemu(ends(world)), "-daemonize")

    assert 2 == done.status
    assert "hint: leave -daemonize out" in done.stderr


@pytest.mark.parametrize("how", ["{}", "{} &", "setsid {} &", "{} -daemonize"])
def test_a_script_that_drops_our_words_is_advised(world: World, how: str) -> None:
    """Nothing can be seen then; the reason is given, and its QEMU still ends with the boot."""
    script = world.script(how.format(" ".join(tiny_qemu(hangs(world)))))

    done = world.run(*DEBUGCON, "-n", "1", "--timeout", "0.7", "--", script)

    assert (4, ["timeout"]) == (done.status, done.outcomes)
    assert 'must end with exec qemu-system-x86_64 ... "$@"' in done.document["run"]["notes"][-1]


def test_perf_sees_a_script_that_drops_our_words(world: World, perf: str) -> None:
    """Perf needs nothing of QEMU: auto lets it look wherever options are hidden."""
    command = " ".join(tiny_qemu(hangs(world), accelerator=perf))
    script = world.script(command)

    done = world.run("--until", "fw_do_boot", "--timeout", "20", "--", script)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert ["qemu_init_end", *MARKS] == done.marks()


def test_a_script_under_tcg_is_seen_without_a_word(world: World) -> None:
    """Where perf would see nothing, debugcon looks too: auto cannot know what a script runs."""
    script = world.script(f'exec {" ".join(tiny_qemu(ends(world)))} "$@"')

    done = world.run("--", script)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert list(MARKS) == done.marks()


def test_a_paused_guest_is_let_go(world: World) -> None:
    """With -S and nobody else at the monitor it is for us to continue."""
    done = world.run(*DEBUGCON, "--", *tiny_qemu(ends(world)), "-S", "-monitor", "none")

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)


def test_a_guest_paused_for_somebody_else_stays_paused(world: World) -> None:
    """With -S and a monitor of the user's own, the user continues; nobody doing so is told."""
    own = ("-S", "-qmp", f"unix:{world.directory}/q,server=on,wait=off")

    done = world.run(*DEBUGCON, "-n", "1", "--timeout", "0.7", "--", *tiny_qemu(ends(world)), *own)

    assert (4, ["timeout"]) == (done.status, done.outcomes)
    assert "nobody but you starts the guest" in done.document["run"]["notes"][-1]


def test_the_users_own_monitor_works_meanwhile(world: World) -> None:
    """Our monitor is one more: the user's lets the guest go, and the boot is measured."""
    own = world.directory / "q"
    command = (*tiny_qemu(ends(world)), "-S", "-qmp", f"unix:{own},server=on,wait=off")
    continuing = threading.Thread(target=let_go, args=(own,))
    continuing.start()

    done = world.run(*DEBUGCON, "-n", "1", "--timeout", "30", "--", *command)
    continuing.join()

    assert (0, ["reached"]) == (done.status, done.outcomes)


def let_go(path: Path) -> None:
    """Continue the guest whose monitor listens there."""
    deadline = time.monotonic() + DEADLINE_S
    with socket.socket(socket.AF_UNIX) as monitor:
        while time.monotonic() < deadline:
            try:
                monitor.connect(str(path))
                break
            except OSError:
                time.sleep(0.01)
        monitor.sendall(b'{"execute":"qmp_capabilities"}{"execute":"cont"}')
        while monitor.recv(4096):
            pass
