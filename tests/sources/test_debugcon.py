"""Port writes through isa-debugcon: what QEMU sends is what is kept and read again."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.process import Guard
from qemu_boot_time.sources import debugcon
from qemu_boot_time.sources.base import Arm
from qemu_boot_time.sources.debugcon import DebugconSession


class Sender:
    """QEMU's side: two chardevs that send each byte as a datagram."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        chardevs = dict(re.findall(r"udp,id=(\S+?),host=127.0.0.1,port=(\d+)", " ".join(arguments)))
        devices = re.findall(r"isa-debugcon,iobase=(\w+),chardev=(\S+)", " ".join(arguments))
        self._places = {int(base, 0): int(chardevs[name]) for base, name in devices}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def write(self, port: int, value: int) -> None:
        """Write one byte to an I/O port."""
        self._socket.sendto(bytes([value]), ("127.0.0.1", self._places[port]))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DebugconSession]:
    """Arm the source."""
    with Guard() as guard, debugcon.arm(Arm(tmp_path), guard) as session:
        yield session


@pytest.fixture
def qemu(session: DebugconSession) -> Iterator[Sender]:
    """Start what sends as QEMU does."""
    with contextlib.closing(Sender(session.arguments())) as sender:
        yield sender


def written(events: Iterator[Event] | list[Event]) -> list[tuple[int, int, int]]:
    """Give boot, port and value of each write, in time order."""
    ordered = sorted(events, key=lambda event: event.time_ns)
    return [(e.vm, int(e.fields["port"]), int(e.fields["value"])) for e in ordered]


def raw(directory: Path, *lines: dict[str, Any] | str) -> Arm:
    """Write a raw file."""
    texts = [line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines]
    (directory / "debugcon.jsonl").write_text("".join(texts))
    return Arm(directory)


def clock(realtime_ns: int, monotonic_ns: int, boot: int = 0) -> dict[str, Any]:
    """Compare the clocks."""
    return {"type": "clock", "boot": boot, "realtime_ns": realtime_ns, "monotonic_ns": monotonic_ns}


def write(realtime_ns: int, value: int, boot: int = 0) -> dict[str, Any]:
    """Write a byte to port 0xf4."""
    line = {"type": "write", "boot": boot, "port": 0xF4, "value": value}
    return {**line, "realtime_ns": realtime_ns}


def test_both_ports_are_told_apart_and_ordered(
    session: DebugconSession, qemu: Sender, tmp_path: Path
) -> None:
    """The stamps of the kernel keep the order over both sockets, live and from the file."""
    session.begin(0)
    for port, value in ((0xF5, 1), (0xF5, 5), (0xF4, 3), (0xF4, 6), (0xF4, 7)):
        qemu.write(port, value)
    live = [event for read in session.readers().values() for event in read()]
    live += session.end(0)

    expected = [(0, 0xF5, 1), (0, 0xF5, 5), (0, 0xF4, 3), (0, 0xF4, 6), (0, 0xF4, 7)]
    assert expected == written(live) == written(list(debugcon.read(Arm(tmp_path))))


def test_the_file_gives_the_very_events_of_the_stream(
    session: DebugconSession, qemu: Sender, tmp_path: Path
) -> None:
    """Stamps, source and error are the same: raw first."""
    session.begin(3)
    qemu.write(0xF4, 6)

    live = list(session.end(3))

    assert live == list(debugcon.read(Arm(tmp_path)))
    assert [("debugcon", 3, 45_000)] == [(e.source, e.vm, e.fields["error_ns"]) for e in live]


def test_stamps_are_of_the_write(session: DebugconSession, qemu: Sender) -> None:
    """On CLOCK_MONOTONIC, between what the writer reads before and after; 1 ms for clock noise."""
    session.begin(0)
    before_ns = time.monotonic_ns()
    qemu.write(0xF4, 6)
    after_ns = time.monotonic_ns()

    (event,) = session.end(0)

    assert before_ns - 1_000_000 <= event.time_ns <= after_ns + 1_000_000


def test_what_a_boot_left_behind_is_not_the_next_ones(
    session: DebugconSession, qemu: Sender, tmp_path: Path
) -> None:
    """A datagram that nobody read before the next boot began belongs to the one before."""
    session.begin(0)
    qemu.write(0xF4, 6)
    session.begin(1)
    qemu.write(0xF4, 7)

    assert [(1, 0xF4, 7)] == written(list(session.end(1)))
    assert [(0, 0xF4, 6), (1, 0xF4, 7)] == written(list(debugcon.read(Arm(tmp_path))))


def test_a_warm_up_leaves_nothing(session: DebugconSession, qemu: Sender, tmp_path: Path) -> None:
    """Boots with negative numbers are seen live and not kept."""
    session.begin(-1)
    qemu.write(0xF4, 6)

    assert [(-1, 0xF4, 6)] == written(list(session.end(-1)))
    assert [] == list(debugcon.read(Arm(tmp_path)))


def test_stamps_are_moved_to_the_monotonic_clock(tmp_path: Path) -> None:
    """By the offset of the boot's own beginning."""
    arm = raw(
        tmp_path,
        clock(1000, 400),
        write(1500, 6),
        clock(2000, 1400),
        clock(3000, 2500, 1),
        write(3100, 6, 1),
    )

    assert [(0, 900), (1, 2600)] == [(event.vm, event.time_ns) for event in debugcon.read(arm)]


@pytest.mark.parametrize(("moved_ns", "steps"), [(0, 0), (90_000, 0), (200_000, 1), (-200_000, 1)])
def test_a_clock_that_was_set_is_told(tmp_path: Path, moved_ns: int, steps: int) -> None:
    """A boot during which CLOCK_REALTIME jumped is not to be trusted; slewing is no jump."""
    arm = raw(tmp_path, clock(0, 0), write(5, 6), clock(10**8 + moved_ns, 10**8))

    found = [event for event in debugcon.read(arm) if event.kind is EventKind.CLOCK_STEP]

    assert [(10**8, 0)] * steps == [(event.time_ns, event.vm) for event in found]


def test_dropped_datagrams_are_losses(tmp_path: Path) -> None:
    """What the kernel had no room for makes the boot suspect."""
    dropped = {"type": "dropped", "boot": 0, "realtime_ns": 1200, "count": 3}
    arm = raw(tmp_path, clock(1000, 400), dropped)

    (event,) = debugcon.read(arm)

    expected = (EventKind.LOST, 600, 0, 3)
    assert expected == (event.kind, event.time_ns, event.vm, event.fields["count"])


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    """A killed writer costs what it had not finished, and no more."""
    arm = raw(tmp_path, clock(1000, 400), write(1500, 6), '{"type": "write", "bo')

    assert [(0, 0xF4, 6)] == written(list(debugcon.read(arm)))


@pytest.mark.parametrize("line", ["junk\n", '{"type": "write"}\n', '{"type": "new"}\n', "\n"])
def test_a_corrupt_line_is_refused(tmp_path: Path, line: str) -> None:
    """The error names the byte at which it begins."""
    first = json.dumps(clock(1000, 400)) + "\n"

    with pytest.raises(CorruptFileError) as caught:
        list(debugcon.read(raw(tmp_path, first, line)))

    assert (str(tmp_path / "debugcon.jsonl"), len(first)) == (
        caught.value.file,
        caught.value.offset,
    )


def test_this_host_can_do_it() -> None:
    """UDP on the loopback with receive stamps: nothing but Linux is needed."""
    assert (True, "UDP with kernel receive stamps") == (
        debugcon.probe().ok,
        debugcon.probe().what,
    )
