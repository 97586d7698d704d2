"""Which sources are taken for what is asked."""

from dataclasses import replace

import pytest

from qemu_boot_time.cli.measuring import choose_sources, needs_console
from qemu_boot_time.errors import UsageError
from qemu_boot_time.host import Probe
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Asked
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.vm.command import QemuCommand, parse

TEXT = "qemu-system-x86_64 -accel tcg -nographic"
MUTE = "qemu-system-x86_64 -accel tcg -device isa-debugcon,iobase=0x402,chardev=c"
CONSOLE = ("console",)


@pytest.fixture(autouse=True)
def able_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host on which every source works."""
    for name, source in SOURCES.items():
        able = replace(source, probe=lambda: Probe(ok=True, what=""))
        monkeypatch.setitem(SOURCES, name, able)


def chosen(asked: str, command: str = TEXT, needed: tuple[str, ...] = ()) -> tuple[list[str], str]:
    """Give the names of the sources taken, and why."""
    parsed: QemuCommand = parse(command.split())
    sources, why = choose_sources(asked.split(), parsed, needed=needed)
    return [source.name for source in sources], why


@pytest.mark.parametrize(
    ("asked", "needed", "names"),
    [
        ("auto", (), ["debugcon"]),
        ("auto", CONSOLE, ["debugcon", "console"]),
        ("auto console", (), ["debugcon", "console"]),
        ("debugcon", CONSOLE, ["debugcon", "console"]),
        ("console", CONSOLE, ["console"]),
        ("console console", (), ["console"]),
    ],
)
def test_the_console_is_taken_where_it_is_wanted(
    asked: str, needed: tuple[str, ...], names: list[str]
) -> None:
    """By name, or by a mark that nothing else tells of; not by itself."""
    assert names == chosen(asked, needed=needed)[0]


def test_what_auto_takes_is_told() -> None:
    """All of it."""
    assert chosen("auto", needed=CONSOLE)[1].startswith("source debugcon and console")


@pytest.mark.parametrize("asked", ["console", "auto"])
def test_a_guest_without_text_is_refused(asked: str) -> None:
    """Neither the serial port nor the firmware's can be read: nothing would come."""
    with pytest.raises(UsageError, match="--source console: neither"):
        chosen(asked, MUTE, needed=CONSOLE)


def test_a_port_that_is_taken_is_refused() -> None:
    """The source debugcon needs both of the protocol's."""
    with pytest.raises(UsageError, match=r"--source debugcon: .* port 0xf4"):
        chosen("debugcon", f"{TEXT} -device isa-debugcon,iobase=0xf4,chardev=c")


@pytest.mark.parametrize(
    ("rules", "matches", "wanted"),
    [
        (Rules(), {}, False),
        (Rules(until="linux_start_user"), {}, False),
        (Rules(until="login_prompt"), {}, True),
        (Rules(phases={"up": ("exec", "target:basic")}), {}, True),
        (Rules(), {"up": "x"}, True),
    ],
)
def test_when_the_console_is_wanted(rules: Rules, matches: dict[str, str], wanted: bool) -> None:  # noqa: FBT001  # parametrized
    """For a line of the user's own, or a mark that only the console tells of."""
    assert wanted == needs_console(rules, Asked(matches=matches))
