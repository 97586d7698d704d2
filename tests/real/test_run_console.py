"""``qbt run`` with the source console: what a guest writes becomes marks, and ends a boot live."""

import signal
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from qbt_process import DEADLINE_S, Done, World, tiny_qemu
from qemu_boot_time.guest import init, initramfs, stock, tiny

pytestmark = pytest.mark.real

SERIAL, FIRMWARE = 0x3F8, 0x402
KERNEL = "[    0.000000] Linux version 6.1\r\n"
PROMPT = "\r\n\x1b[1mtiny\x1b[0m login: "
NO_DEVICE = ("-device", "isa-debugcon,iobase=0x402,chardev=n", "-chardev", "null,id=n")
POLL_S = 0.01


def says(text: str, port: int = SERIAL) -> tuple[tiny.Step, ...]:
    """Write text to a port."""
    return tuple(tiny.Write(port, byte) for byte in text.encode())


def tiny_console(world: World, *steps: tiny.Step, accelerator: str = "tcg") -> Sequence[str]:
    """Give the command of a tiny guest with its serial port on standard output."""
    return (*tiny_qemu(world.bios(*steps), accelerator=accelerator), "-serial", "stdio")


def marks(done: Done, boot: int = 0) -> list[tuple[str, str, str]]:
    """Give name, source and bound of one boot's marks."""
    found = done.document["boots"][boot]["marks"]
    return [(mark["name"], mark["source"], mark["bound"]) for mark in found]


def bounded(*names: str) -> list[tuple[str, str, str]]:
    """Say that the console alone saw these."""
    return [(name, "console", "le") for name in names]


def test_lines_are_marks(world: World, accelerator: str) -> None:
    """Of the firmware and on the serial port, with the user's own; the bytes are kept as before."""
    firmware = says("SeaBIOS\nBUILD: gcc\nBooting from ROM...\n", FIRMWARE)
    command = tiny_console(
        world, *firmware, *says(KERNEL), *says("up 42\n"), tiny.DebugExit(), accelerator=accelerator
    )

    done = world.run("--source", "console", "--match", r"up=^up \d+", "--", *command)

    names = ("fw_start", "fw_do_boot", "linux_start_kernel", "up")
    assert (0, bounded(*names), bounded(*names)) == (done.status, marks(done), marks(done, 1))
    raw = world.runs[0] / "raw"
    assert f"{KERNEL}up 42\n".encode() == (raw / "boot-0001.stdout").read_bytes()
    assert bounded(*names) == marks(world.qbt("show", "last", "--json"))


def test_a_prompt_ends_a_boot(world: World) -> None:
    """Of a guest that runs on, with colours and no line end; --until brings the source along."""
    command = tiny_console(world, *says(KERNEL), *says(PROMPT))

    done = world.run("--until", "login_prompt", "--", *command)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert bounded("linux_start_kernel", "login_prompt") == marks(done)
    assert ["mark", "mark"] == [boot["ended_by"] for boot in world.facts()]


def test_a_line_of_the_users_own_ends_a_boot(world: World) -> None:
    """It bounds the phase user too, beside the marks of another source."""
    steps = (*tiny.marks("linux_start_user"), *says("app: ready\n"))

    done = world.run("--match", "up=ready", "--until", "up", "--", *tiny_console(world, *steps))

    user = next(p for p in done.document["boots"][0]["phases"] if p["name"] == "user")
    assert ("linux_start_user", "up") == (user["begin"], user["end"])
    assert [("linux_start_user", "debugcon", "exact"), *bounded("up")] == marks(done)


def test_what_saw_a_mark_itself_is_believed(world: World) -> None:
    """A console's line gives way, and stays visible; it was stamped later."""
    steps = (*tiny.marks("linux_start_kernel"), *says(KERNEL), tiny.DebugExit())
    sources = ("--source", "debugcon", "--source", "console")

    done = world.run(*sources, "--", *tiny_console(world, *steps))

    (boot, _) = done.document["boots"]
    (mark,), (also,) = boot["marks"], boot["also_seen"]
    assert ("debugcon", "console", True) == (
        mark["source"],
        also["source"],
        mark["time_ns"] <= also["time_ns"],
    )


def test_a_reset_begins_another_attempt(world: World) -> None:
    """The firmware's first line comes again."""
    steps = (*says("BUILD: gcc\n", FIRMWARE), tiny.Reset(1), *says(KERNEL), tiny.DebugExit())

    done = world.run("--source", "console", "--", *tiny_console(world, *steps))

    (boot, _) = done.document["boots"]
    assert (2, ["guest_reset"]) == (boot["attempts"], boot["suspect"])
    assert bounded("fw_start", "linux_start_kernel") == marks(done)


def test_a_flood_stops_nobody(world: World) -> None:
    """A guest that writes on and on meets its deadline; nothing waits for anything."""
    command = tiny_console(world, *says("a"), tiny.Flood(1 << 30, SERIAL))

    done = world.run("-n", "1", "--source", "console", "--timeout", "1", "--", *command)

    assert ["timeout"] == done.outcomes


def test_what_cannot_be_seen_is_told(world: World) -> None:
    """The serial port goes nowhere: the firmware's lines are all there is."""
    bios = world.bios(*says("BUILD: gcc\n", FIRMWARE), *says(KERNEL), tiny.DebugExit())

    done = world.run("--source", "console", "--", *tiny_qemu(bios), "-serial", "null")

    assert bounded("fw_start") == marks(done)
    notes = done.document["run"]["notes"]
    assert [True, False] == ["not on standard output" in note for note in notes]


def test_nothing_to_see_is_refused(world: World) -> None:
    """Before anything runs: usage, and what to do."""
    done = world.run("--source", "console", "--", *tiny_qemu(world.bios()), *NO_DEVICE)

    assert (2, "", []) == (done.status, done.stdout, world.runs)
    assert "-serial stdio" in done.stderr


def test_a_bad_expression_is_refused(world: World) -> None:
    """Before anything runs, in two lines."""
    done = world.run("--match", "up=(", "--", *tiny_console(world))

    assert (2, [], 2) == (done.status, world.runs, len(done.stderr.splitlines()))


def until(true: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(POLL_S)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_nothing_outlives_a_stopped_qbt(world: World, number: signal.Signals, status: int) -> None:
    """In the middle of a boot that goes on: no QEMU, no FIFO; what was read of it can be shown."""
    command = tiny_console(world, *says(KERNEL), tiny.Flood(1 << 30, SERIAL))

    with world.start("run", "--source", "console", "--", *command) as child:
        until(lambda: any(file.stat().st_size for file in world.directory.rglob("*.stdout")))
        child.send_signal(number)
        child.communicate(timeout=DEADLINE_S)

    assert (status, []) == (child.returncode, world.leftovers())
    shown = world.qbt("show", str(world.runs[-1]), "--json")
    assert (["interrupted"] if number is signal.SIGINT else []) == shown.outcomes


@pytest.fixture(scope="session")
def kernel(stock_kernel: stock.StockKernel) -> Path:
    """Give the stock kernel of the distribution, as a file."""
    return stock_kernel.vmlinuz


def test_a_stock_guest_without_any_help(world: World, kernel: Path, tmp_path: Path) -> None:
    """SeaBIOS and Linux as the distribution built them: the main marks, in order."""
    archive = tmp_path / "initramfs"
    archive.write_bytes(initramfs.build())
    append = " ".join(("console=ttyS0", "panic=-1", *init.ON_A_BUSY_HOST, *init.parameters(mark=7)))
    command = ("qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", "256", "-nodefaults")
    streams = ("-display", "none", "-serial", "stdio", "-no-reboot")
    guest = ("-kernel", str(kernel), "-initrd", str(archive), "-append", append)
    sources = ("--source", "debugcon", "--source", "console")

    done = world.run("-n", "1", *sources, "--", *command, *streams, *guest)

    (boot,) = done.document["boots"]
    times = [mark["time_ns"] for mark in boot["marks"]]
    (user,) = boot["also_seen"]
    assert [
        *bounded("fw_start", "fw_do_boot", "linux_start_kernel"),
        ("linux_start_user", "debugcon", "exact"),
    ] == marks(done)
    assert all(before <= after for before, after in pairwise(times))
    assert ("linux_start_user", "console") == (user["name"], user["source"])
    assert [] == boot["suspect"]
