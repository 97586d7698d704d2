"""The console while a boot runs: what is written is kept, stamped, and read again as it was."""

import os
import shlex
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qemu_boot_time.errors import UsageError
from qemu_boot_time.model import Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources import console
from qemu_boot_time.sources.base import Arm, Asked
from qemu_boot_time.sources.console.raw import reads
from qemu_boot_time.sources.console.session import ConsoleSession
from qemu_boot_time.vm.command import parse

KERNEL = b"[    0.000000] Linux version 6.1\r\n"
ASKED = Asked(matches={"up": "^ready"})


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ConsoleSession]:
    """Arm the source."""
    with Guard() as guard, console.arm(Arm(tmp_path, asked=ASKED), guard) as session:
        yield session


def firmware(session: ConsoleSession) -> Path:
    """Give the file that QEMU is told to write the firmware's text to."""
    return Path(session.arguments()[1].partition("path=")[2])


def read(session: ConsoleSession) -> list[Event]:
    """Read what has come, as the loop over a boot does."""
    return [event for call in session.readers().values() for event in call()]


def names(events: list[Event]) -> list[str]:
    """Give what the marks are called."""
    return [str(event.fields["name"]) for event in events]


def test_qemu_is_told_of_the_firmwares_port(session: ConsoleSession) -> None:
    """A character device that is a FIFO, and the debug device on port 0x402."""
    fifo = firmware(session)

    chardev, device = f"file,id=qbt-firmware,path={fifo}", "isa-debugcon,iobase=0x402"
    assert ("-chardev", chardev, "-device", f"{device},chardev=qbt-firmware") == session.arguments()
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_device_of_the_users_own_keeps_the_port(tmp_path: Path) -> None:
    """Then nothing is added."""
    words = "qemu-system-x86_64 -debugcon file:x -global isa-debugcon.iobase=0x402"

    with (
        Guard() as guard,
        console.arm(Arm(tmp_path, command=parse(words.split())), guard) as session,
    ):
        assert () == session.arguments()


def test_live_marks_are_those_of_the_raw_file(session: ConsoleSession, tmp_path: Path) -> None:
    """Both streams, piece by piece: names, stamps and errors are the same."""
    session.begin(3)
    firmware(session).write_bytes(b"SeaBIOS\nBUILD: gcc\nBooting from ROM...\n")
    live = read(session)
    for piece in (KERNEL[:20], KERNEL[20:], b"rea", b"dy"):
        os.write(session.stdout(), piece)
        live += read(session)
    live += session.end(3)

    assert ["fw_start", "fw_do_boot", "linux_start_kernel", "up"] == names(live)
    assert live == list(console.read(Arm(tmp_path, asked=ASKED)))
    assert {3} == {event.vm for event in live}


def test_the_firmwares_text_is_read_first(session: ConsoleSession) -> None:
    """What its screen on the serial port repeats is known as that, whichever is told first."""
    session.begin(0)
    os.write(session.stdout(), b"SeaBIOS (version 1)\n")
    firmware(session).write_bytes(b"BUILD: gcc\n")

    assert ["port 0x402: BUILD"] == [event.fields["event"] for event in session.end(0)]


def test_stamps_are_around_the_write(session: ConsoleSession, tmp_path: Path) -> None:
    """None of the bytes were there at the one moment, all of them at the other."""
    session.begin(0)
    read(session)
    before_ns = time.monotonic_ns()
    os.write(session.stdout(), KERNEL)
    after_ns = time.monotonic_ns()
    (event,) = read(session)
    session.end(0)

    (kept,) = reads(tmp_path)
    assert kept.since_ns <= before_ns <= after_ns <= kept.read_ns == event.time_ns


def test_what_comes_while_we_read_is_not_denied(session: ConsoleSession, tmp_path: Path) -> None:
    """The next bytes may have been written as soon as the read before them had begun."""
    session.begin(0)
    once, *_ = session.readers().values()
    for piece in (b"one", b"two"):
        os.write(session.stdout(), piece)
        once()
    session.end(0)

    one, two = reads(tmp_path)
    assert one.since_ns < two.since_ns < one.read_ns < two.read_ns


def test_all_that_was_written_is_kept_for_people(session: ConsoleSession, tmp_path: Path) -> None:
    """Byte for byte, as without the source; more than a pipe holds by itself too."""
    serial = bytes(range(256)) * 1000
    session.begin(0)
    os.write(session.stdout(), serial)
    firmware(session).write_bytes(b"BUILD: gcc\n")
    list(session.end(0))

    assert serial == (tmp_path / "boot-0000.stdout").read_bytes()
    assert b"BUILD: gcc\n" == (tmp_path / "boot-0000.firmware").read_bytes()


def test_what_a_boot_left_behind_is_not_the_next_ones(session: ConsoleSession) -> None:
    """Each boot has its own pipe, and the FIFO is emptied before it."""
    session.begin(0)
    left = os.dup(session.stdout())
    list(session.end(0))
    firmware(session).write_bytes(b"BUILD: late\n")
    session.begin(1)
    with os.fdopen(left, "wb", buffering=0) as late, pytest.raises(BrokenPipeError):
        late.write(KERNEL)
    os.write(session.stdout(), b"ready")

    assert ["up"] == names(list(session.end(1)))


def test_a_warm_up_leaves_no_marks(session: ConsoleSession, tmp_path: Path) -> None:
    """It is seen live, and kept for people alone."""
    session.begin(-1)
    os.write(session.stdout(), KERNEL)

    assert ["linux_start_kernel"] == names(list(session.end(-1)))
    assert [] == list(console.read(Arm(tmp_path)))
    assert KERNEL == (tmp_path / "warmup-0001.stdout").read_bytes()


def open_files() -> list[str]:
    """Name what this process has open."""
    return sorted(fd.name for fd in Path("/proc/self/fd").iterdir())


def test_nothing_is_left_open_or_lying_about(tmp_path: Path) -> None:
    """The FIFO's directory is gone, and every descriptor is closed, in the middle of a boot too."""
    before = open_files()
    with Guard() as guard, console.arm(Arm(tmp_path), guard) as session:
        session.begin(0)
        fifo = firmware(session)

    assert (False, before) == (fifo.parent.exists(), open_files())


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        ("-nographic", []),
        ("-display none", ["the guest's serial port is not on standard output"]),
        (
            "-nographic -device isa-debugcon,iobase=0x402,chardev=c",
            ["the command has a device of its own on port 0x402"],
        ),
        ("-nographic -append quiet", ["quiet or loglevel in -append"]),
        ("-serial pty -append quiet", ["the guest's serial port is not on standard output"]),
    ],
)
def test_what_cannot_be_seen_is_told(words: str, starts: list[str]) -> None:
    """In a note each, before anything is measured."""
    told = console.caveats(parse(("qemu-system-x86_64", *shlex.split(words))))

    assert starts == [
        note.removeprefix("console: ")[: len(start)]
        for note, start in zip(told, starts, strict=True)
    ]


def test_a_guest_without_any_text_is_refused() -> None:
    """With a way to have some."""
    words = "-display none -device isa-debugcon,iobase=0x402,chardev=c"

    with pytest.raises(UsageError) as caught:
        console.caveats(parse(("qemu-system-x86_64", *words.split())))

    assert "-serial stdio" in caught.value.hint


def test_any_host_can_do_it() -> None:
    """No right is needed and no program."""
    assert console.probe().ok
