"""What ``qbt run`` is asked for, and what it must refuse: options, places, streams, hosts."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from qbt_process import QBT, QEMU, World, tiny_qemu
from qemu_boot_time.guest import tiny
from real_host import require

pytestmark = pytest.mark.real

UART = 0x3F8
CLEAR_SCREEN = b'{"guest": 1}\r\n\x1b[2J'


def vm(world: World) -> tuple[str, ...]:
    """Give a VM that ends by itself."""
    return tiny_qemu(world.bios(*tiny.marks("fw_start"), tiny.DebugExit()))


def test_warm_up_boots_are_not_counted(world: World) -> None:
    """They are on disk with negative indices, and in no number."""
    done = world.run("--warmup", "2", "--", *vm(world))

    assert [-2, -1, 0, 1] == [boot["index"] for boot in world.facts()]
    assert [0, 1] == [boot["index"] for boot in done.document["boots"]]
    assert 2 == done.document["summary"]["boots"]


def test_a_precision_ends_the_run(world: World) -> None:
    """At the first look that is narrow enough; what was achieved is told."""
    done = world.qbt("run", "--json", "--precision", "100%", "--min-boots", "6", "--", *vm(world))

    assert (0, 6) == (done.status, done.document["summary"]["boots"])
    kept = json.loads((world.runs[-1] / "run.json").read_text())
    assert done.document["run"]["notes"][-1].endswith("% after 6 boots")
    assert {"share": 1.0, "least": 6, "most": 1000} == kept["precision"]


def test_a_precision_that_is_not_reached_is_told(world: World) -> None:
    """At the most boots it ends all the same, with status 0."""
    words = ("--precision", "0.0001%", "--min-boots", "6", "--max-boots", "7")

    done = world.qbt("run", *words, "--", *vm(world))

    assert 0 == done.status
    assert "% after 7 boots, not the 0.0001 % asked for (--max-boots 7)" in done.stdout
    assert 7 == len(world.facts())


def test_a_failed_boot_counts_towards_the_most_alone(world: World) -> None:
    """Its total is no value of those whose median is wanted."""
    command = " ".join(vm(world))
    script = world.script(f'if mkdir once 2>/dev/null; then exit 3; fi; exec {command} "$@"')
    words = ("--precision", "0.0001%", "--min-boots", "6", "--max-boots", "7")

    done = world.qbt("run", *words, "--source", "debugcon", "--", script)

    assert 4 == done.status
    assert "% after 6 boots, not the 0.0001 %" in done.stdout
    assert 7 == len(world.facts())


def test_prepare_runs_before_each_boot(world: World) -> None:
    """Warm-up boots too: each boot finds the same."""
    done = world.run("--warmup", "1", "--prepare", "echo x >> log", "--", *vm(world))

    assert 0 == done.status
    assert "x\n" * 3 == (world.directory / "log").read_text()


def test_a_prepare_that_fails_ends_the_run(world: World) -> None:
    """One line says which command failed and how; the boots before it are kept."""
    done = world.run("--prepare", "mkdir once", "--", *vm(world))

    assert (4, "") == (done.status, done.stdout)
    assert "qbt: --prepare 'mkdir once': /bin/sh -c: exit status 1: mkdir: " in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert [0] == [boot["index"] for boot in world.facts()]


def test_qemu_is_pinned(world: World) -> None:
    """All that runs for the boot inherits --cpus."""
    script = world.script(f'taskset -pc $$ > affinity; exec {" ".join(vm(world))} "$@"')
    last = max(os.sched_getaffinity(0))

    world.run("-n", "1", "--cpus", str(last), "--source", "debugcon", "--", script)

    affinity = (world.directory / "affinity").read_text()
    assert str(last) == affinity.rpartition(": ")[2].strip()


@pytest.mark.parametrize("serial", [("-nographic",), ("-serial", "stdio")])
def test_the_guests_console_is_kept_apart(world: World, serial: tuple[str, ...]) -> None:
    """What the guest prints is in the run, byte for byte, and never on our standard output."""
    prints = [tiny.Write(UART, byte) for byte in CLEAR_SCREEN]
    bios = world.bios(*tiny.marks("fw_start"), *prints, tiny.DebugExit())
    exit_device = f"isa-debug-exit,iobase={tiny.DEBUG_EXIT_PORT:#x},iosize=2"
    command = (QEMU, "-display", "none", "-bios", str(bios), "-device", exit_device)

    done = world.run("--", *command, *serial)

    assert ["reached"] * 2 == done.outcomes
    consoles = sorted((world.runs[-1] / "raw").glob("boot-*.stdout"))
    assert [CLEAR_SCREEN] * 2 == [console.read_bytes() for console in consoles]


def test_a_run_is_never_written_over(world: World) -> None:
    """--out names a new place, or is refused before anything boots."""
    first = world.run("-n", "1", "--out", "here", "--", *vm(world))

    again = world.run("-n", "1", "--out", "here", "--", *vm(world))

    assert (0, 2) == (first.status, again.status)
    assert "here: holds a run already" in again.stderr
    assert 1 == len((world.directory / "here" / "boots.jsonl").read_text().splitlines())


def test_a_place_that_cannot_be_written_is_named(world: World) -> None:
    """A state directory that cannot be made is this host's trouble, with a way out."""
    (world.directory / "file").touch()
    world.env["XDG_STATE_HOME"] = str(world.directory / "file")

    done = world.run("--", *vm(world))

    assert 5 == done.status
    assert "--out DIR" in done.stderr


def test_what_was_added_is_in_the_run(world: World) -> None:
    """Run.json holds the whole command: what the user gave, and what was added to it."""
    done = world.run("-v", "--", *vm(world))

    (shown,) = [line for line in done.stderr.splitlines() if "added to the command" in line]
    assert "-chardev socket,id=qbt-qmp" in shown
    assert "isa-debugcon,iobase=0xf4" in shown
    assert '"isa-debugcon,iobase=0xf5,chardev=qbt-f5"' in (world.runs[-1] / "run.json").read_text()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--until", "linux_start_usr", "--", QEMU), 2, "no mark is called 'linux_start_usr'"),
        (("--mark", "7=mine", "--", QEMU), 2, "not a number from 8 to 255"),
        (("--mark", "mine", "--", QEMU), 2, "two things joined by '='"),
        (("--cpus", "4096", "--", QEMU), 2, "--cpus 4096: not among the CPUs"),
        (("--source", "magic", "--", QEMU), 2, "magic"),
        (("-n", "10", "--precision", "1%", "--", QEMU), 2, "-n and --precision: either"),
        (("--precision", "1", "--", QEMU), 2, "--precision '1': not a share"),
        (("--no-such-option",), 2, "--no-such-option"),
        ((), 2, "no command to boot"),
        (("--", "qemu-system-aarch64"), 2, "only x86 guests"),
        (("--", f"{QEMU} -m 1G"), 2, "is one word"),
        (("--", "/nowhere/qemu-system-x86_64"), 5, "/nowhere/qemu-system-x86_64: not found"),
        (("--", "./not-executable"), 5, "./not-executable: not an executable program"),
        (("--source", "perf", "--", QEMU), 2, "the command does not use KVM"),
        (("--", QEMU, "-device", "isa-debug-exit,iobase=0xf4"), 2, "of its own on port 0xf4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_refused(world: World, words: tuple[str, ...], status: int, said: str) -> None:
    """One line names the trouble, another the way out; nothing is booted or kept."""
    (world.directory / "not-executable").write_text("#!/bin/sh\n")

    done = world.qbt("run", *words)

    assert (status, "") == (done.status, done.stdout)
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert 2 <= len(done.stderr.splitlines()) <= 4
    assert [] == world.runs


def test_kvm_that_is_not_there_is_told_at_once(world: World) -> None:
    """A command that insists on KVM is refused where there is none, before anything boots."""
    hiding = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh")
    probe = subprocess.run((*hiding, "true"), capture_output=True, check=False)
    require(probe.returncode == 0, "no mount namespace for us here")

    done = subprocess.run(
        (*hiding, *QBT, "run", "--", QEMU, "-accel", "kvm"),
        env=world.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (5, "") == (done.returncode, done.stdout)
    assert "qbt: the command asks for KVM: /dev/kvm does not exist" in done.stderr


def test_a_disk_that_boots_may_change_is_warned_of(world: World) -> None:
    """One boot's writes are the next one's reads: -snapshot is offered, and ends the warning."""
    disk = world.directory / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    command = (*vm(world), "-drive", f"file={disk},format=raw")

    warned, quiet = world.run("--", *command), world.run("--", *command, "-snapshot")

    assert "warning: " in warned.stderr
    assert "-snapshot" in warned.stderr
    assert "warning: " not in quiet.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_do_no_harm(world: World, closed: str) -> None:
    """A stream that the caller has closed is written to nowhere; the run is kept."""
    argv = ("sh", "-c", f'exec "$@" {closed}', "sh", *QBT, "run", "-n", "1", "--", *vm(world))

    done = subprocess.run(argv, env=world.environment(), capture_output=True, check=False)

    assert 0 == done.returncode
    assert b"Traceback" not in done.stderr
    assert ["itself"] == [boot["ended_by"] for boot in world.facts()]


def test_a_full_disk_behind_standard_output_is_told(world: World) -> None:
    """What cannot be written is no success."""
    with Path("/dev/full").open("w") as full:
        done = world.qbt("run", "-n", "1", "--", *vm(world), stdout=full)

    assert 5 == done.status
    assert "No space left on device" in done.stderr


def test_the_table_fits_80_columns_without_colour(world: World) -> None:
    """Into a pipe goes plain text, whatever the terminal says."""
    world.env |= {"NO_COLOR": "1", "COLUMNS": "40", "TERM": "xterm-256color"}

    done = world.qbt("run", "-n", "2", "-v", "--", *vm(world))

    table = done.stdout.replace(str(world.runs[-1]), "")
    assert max(map(len, table.splitlines())) <= 80
    assert "\x1b" not in done.stdout + done.stderr


def test_no_home_is_no_hindrance(world: World) -> None:
    """A service has no HOME; --out needs none."""
    require(shutil.which("env") is not None, "no env here")
    argv = ("env", "-u", "HOME", "-u", "XDG_STATE_HOME", *QBT, "run", "-n", "1", "--out", "o", "--")

    done = subprocess.run(
        (*argv, *vm(world)),
        env=world.environment(),
        cwd=world.directory,
        capture_output=True,
        check=False,
    )

    assert 0 == done.returncode
    assert (world.directory / "o" / "run.json").exists()
