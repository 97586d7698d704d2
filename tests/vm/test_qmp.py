"""The monitor's protocol, spoken with a QEMU made of a socket."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qemu_boot_time.vm.qmp import Qmp, arguments, event_time_ns


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Qmp]:
    """Give a monitor that listens."""
    qmp = Qmp(tmp_path / "qmp")
    yield qmp
    qmp.close()


@pytest.fixture
def qemu(monitor: Qmp, tmp_path: Path) -> Iterator[socket.socket]:
    """Give QEMU's end of a connection that stands."""
    with socket.socket(socket.AF_UNIX) as ours:
        ours.connect(str(tmp_path / "qmp"))
        monitor.accept()
        yield ours


def test_what_qemu_must_be_told() -> None:
    """QEMU connects to us; a comma in a path is doubled, as its option syntax has it."""
    chardev = "socket,id=qbt-qmp,path=/tmp/a,,b/qmp"

    assert ("-chardev", chardev, "-mon", "chardev=qbt-qmp,mode=control") == arguments(
        Path("/tmp/a,b/qmp")
    )


def test_a_new_connection_is_negotiated(monitor: Qmp, qemu: socket.socket) -> None:
    """Without qmp_capabilities no event ever comes; nothing else is asked of a guest that runs."""
    asked = [json.loads(line)["execute"] for line in qemu.recv(4096).splitlines()]

    assert ["qmp_capabilities"] == asked
    assert (True, os.getpid()) == (monitor.connected, monitor.qemu_pid)


def test_a_command_may_have_arguments(monitor: Qmp, qemu: socket.socket) -> None:
    """By QEMU's names, which have hyphens."""
    qemu.recv(4096)

    monitor.execute("human-monitor-command", command_line="info mtree -f")

    assert {
        "execute": "human-monitor-command",
        "id": "human-monitor-command",
        "arguments": {"command-line": "info mtree -f"},
    } == json.loads(qemu.recv(4096))


def test_messages_may_come_in_pieces(monitor: Qmp, qemu: socket.socket) -> None:
    """A line is a message when it is whole; what is no JSON is passed over."""
    qemu.sendall(b'{"event": "RES')
    first = list(monitor.messages())
    qemu.sendall(b'ET"}\nnonsense\n{"return": {}}\n')
    second = list(monitor.messages())

    assert ([], [{"event": "RESET"}, {"return": {}}]) == (first, second)


def test_nothing_to_read_is_no_end(monitor: Qmp, qemu: socket.socket) -> None:
    """Asking costs nothing while QEMU is silent."""
    assert ([], True) == (list(monitor.messages()), monitor.connected)
    assert qemu.fileno() >= 0


def test_what_qemu_said_last_is_heard_before_its_end(monitor: Qmp, qemu: socket.socket) -> None:
    """A panic that is told in QEMU's last breath comes first, then the end."""
    qemu.sendall(b'{"event": "GUEST_PANICKED"}\n')
    qemu.shutdown(socket.SHUT_RDWR)

    assert [{"event": "GUEST_PANICKED"}] == list(monitor.messages())
    assert ([], False) == (list(monitor.messages()), monitor.connected)


def test_a_monitor_that_is_closed_leaves_no_socket(tmp_path: Path) -> None:
    """The next boot binds the same path."""
    for _ in range(2):
        Qmp(tmp_path / "qmp").close()

    assert [] == list(tmp_path.iterdir())


def test_the_stamp_of_an_event() -> None:
    """Seconds and microseconds of CLOCK_REALTIME become nanoseconds."""
    message = {"event": "RESET", "timestamp": {"seconds": 12, "microseconds": 345678}}

    assert 12_345_678_000 == event_time_ns(message)
