"""The plugin's session: a peer that speaks as the plugin does, the raw file, events."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qemu_boot_time.errors import CorruptFileError, UsageError
from qemu_boot_time.model import Clock, Event, EventKind
from qemu_boot_time.process import Guard
from qemu_boot_time.sources import plugin
from qemu_boot_time.sources.base import Arm, Asked
from qemu_boot_time.sources.plugin import raw
from qemu_boot_time.vm.command import escaped, parse

QEMU = ("qemu-system-x86_64", "-M", "pc")


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no QEMU and no compiler be needed: the peer is ours."""
    monkeypatch.setattr(plugin, "library", lambda _: Path("/cache/plugin.so"))


def request(directory: Path, *words: str, counted: bool = True, clock: Clock = Clock.TIME) -> Arm:
    """Ask for a run of a guest without a known kernel."""
    asked = Asked({"mine": "0x7c00"}, counted=counted)
    return Arm(directory, command=parse((*QEMU, *words)), asked=asked, clock=clock)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[plugin.PluginSession]:
    """Arm the source for one run."""
    with Guard() as guard, plugin.arm(request(tmp_path), guard) as armed:
        yield armed


def connect(session: plugin.PluginSession) -> socket.socket:
    """Come to the session as QEMU's plugin does."""
    words = session.arguments()[-1].split(",")
    path = next(word.removeprefix("socket=") for word in words if word.startswith("socket="))
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(path)
    return peer


def seen(events: list[Event]) -> list[tuple[int, str, object]]:
    """Give the boot, the name and the count of what was passed; of a reset its kind."""
    return [
        (event.vm, str(event.fields.get("name", event.kind)), event.fields.get("instructions"))
        for event in events
    ]


def boot(session: plugin.PluginSession, index: int, *pieces: bytes) -> list[Event]:
    """Have one boot told in pieces, and take what is seen live."""
    session.begin(index)
    (read,) = session.readers().values()
    events: list[Event] = []
    with connect(session) as peer:
        for piece in pieces:
            peer.sendall(piece)
            events += read()
    return [*events, *session.end(index)]


def test_lines_become_events_however_they_are_cut(
    session: plugin.PluginSession, tmp_path: Path
) -> None:
    """A mark is seen when its line is whole, and the raw file tells the same again."""
    first = boot(session, 0, b"0 10 0 0 fffffff0\n1 20", b" 1 0 fe05b\n3 3", b"0 77 0 7c00\n")
    second = boot(session, 1, b"0 40 0 0 fffffff0\n")
    session.close()

    expected = [(0, "qemu_init_end", 0), (0, "fw_start", 1), (0, "mine", 77)]
    assert expected == seen(first)
    assert [10, 20, 30] == [event.time_ns for event in first]
    assert [*first, *second] == list(plugin.read(Arm(tmp_path)))


def test_the_reset_vector_again_is_a_reset(session: plugin.PluginSession) -> None:
    """What is passed after it is passed again."""
    events = boot(session, 0, b"0 1 0 0 fffffff0\n1 2 1 0 f\n0 3 9 0 fffffff0\n1 4 10 0 f\n")

    assert ["qemu_init_end", "fw_start", EventKind.RESET, "fw_start"] == [
        name for _, name, _ in seen(events)
    ]


def test_nonsense_is_passed_over(session: plugin.PluginSession) -> None:
    """Whoever comes to the socket: what the plugin cannot have written is no mark."""
    events = boot(session, 0, b"\n1\n99 1 1 0 0\nx 1 1 0 0\n-1 1 1 0 0\n0 5 0 0 zz\n1 6 0 0 f\n")

    assert [(0, "fw_start", 0)] == seen(events)


def test_a_warm_up_is_not_kept(session: plugin.PluginSession, tmp_path: Path) -> None:
    """Its marks are seen live, and are in no raw file."""
    live = boot(session, -1, b"0 10 0 0 fffffff0\n")
    session.close()

    assert ["qemu_init_end"] == [name for _, name, _ in seen(live)]
    assert [] == list(plugin.read(Arm(tmp_path)))


def test_without_counting_no_mark_has_a_count(tmp_path: Path) -> None:
    """Zero would be a lie."""
    with Guard() as guard, plugin.arm(request(tmp_path, counted=False), guard) as armed:
        events = boot(armed, 0, b"0 10 0 0 fffffff0\n")

        assert [(0, "qemu_init_end", None)] == seen(events)
        assert "count=on" not in armed.arguments()[-1]


def test_the_clock_of_instructions_is_qemus_own(tmp_path: Path) -> None:
    """QEMU counts too, so that the guest's time follows its instructions; both are asked for."""
    wanted = request(tmp_path, counted=False, clock=Clock.INSTRUCTIONS)
    with Guard() as guard, plugin.arm(wanted, guard) as armed:
        words = armed.arguments()

    assert ["-icount", "-rtc", "-plugin"] == [word for word in words if word.startswith("-")]
    assert "count=on" in words[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-icount", "shift=1"), "sets -icount itself"),
        (("-rtc", "base=utc"), "sets -rtc itself"),
        (("-smp", "2"), "one vCPU are counted, and the guest has 2"),
        (("-smp", "cores=4"), "one vCPU are counted, and the guest has 4"),
    ],
)
def test_what_cannot_be_counted(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """It is refused with the option that is in the way."""
    wanted = request(tmp_path, *words, clock=Clock.INSTRUCTIONS)

    with pytest.raises(UsageError, match=said), Guard() as guard, plugin.arm(wanted, guard):
        pass


def test_several_vcpus_are_seen_but_not_counted(tmp_path: Path) -> None:
    """Marks need no count; a count beside time is refused as the clock is."""
    with Guard() as guard, plugin.arm(request(tmp_path, "-smp", "2", counted=False), guard):
        pass
    counting = request(tmp_path, "-smp", "2")
    with pytest.raises(UsageError, match="one vCPU"), Guard() as guard, plugin.arm(counting, guard):
        pass


def test_damage_is_told_and_a_torn_end_is_not(
    session: plugin.PluginSession, tmp_path: Path
) -> None:
    """A killed writer leaves half a line; anything else that is no record is damage."""
    boot(session, 0, b"0 10 0 0 fffffff0\n")
    session.close()
    file = tmp_path / raw.RAW_FILE
    whole = file.read_bytes()

    file.write_bytes(whole[:-5])
    assert [] == list(plugin.read(Arm(tmp_path)))

    file.write_bytes(whole + b'{"type": "\xff"}\n')
    with pytest.raises(CorruptFileError, match=f"byte {len(whole)}"):
        list(plugin.read(Arm(tmp_path)))
    assert plugin.remarks(Arm(tmp_path))

    file.write_bytes(whole + b"{}\n")
    with pytest.raises(CorruptFileError, match=f"byte {len(whole)}"):
        list(plugin.read(Arm(tmp_path)))


def test_a_comma_in_a_path_is_doubled() -> None:
    """QEMU parts its options at commas."""
    assert "/a,,b" == escaped(Path("/a,b"))
