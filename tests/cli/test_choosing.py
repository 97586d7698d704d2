"""Which sources are taken for what is asked."""

from dataclasses import replace

import pytest

from qemu_boot_time.cli.choosing import choose_sources, needed_sources
from qemu_boot_time.errors import UsageError
from qemu_boot_time.host import Probe
from qemu_boot_time.model import Clock
from qemu_boot_time.phases import Rules
from qemu_boot_time.protocol import Names
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
    ("rules", "asked", "wanted"),
    [
        (Rules(), Asked(), ()),
        (Rules(until="linux_start_user"), Asked(), ()),
        (Rules(until="login_prompt"), Asked(), ("console",)),
        (Rules(phases={"up": ("exec", "target:basic")}), Asked(), ("console",)),
        (Rules(), Asked(matches={"up": "x"}), ("console",)),
        (Rules(), Asked({"pci": "x"}), ("plugin",)),
        (Rules(), Asked(counted=True), ("plugin",)),
        (Rules(until="first_user_instruction"), Asked(), ("plugin",)),
        (Rules(until="login_prompt"), Asked({"pci": "x"}), ("plugin", "console")),
    ],
)
def test_what_is_wanted_takes_a_source(rules: Rules, asked: Asked, wanted: tuple[str, ...]) -> None:
    """For a line or a place of the user's own, or a mark that only one source tells of."""
    assert wanted == needed_sources(rules, asked, Clock.TIME, parse(TEXT.split()))


def test_counting_takes_the_plugin() -> None:
    """And KVM's own events tell of the finer places where the plugin cannot."""
    finer, kvm = Rules(until="decompress_end"), parse(["qemu-system-x86_64", "-accel", "kvm"])

    assert ("plugin",) == needed_sources(Rules(), Asked(), Clock.INSTRUCTIONS, parse(TEXT.split()))
    assert () == needed_sources(finer, Asked(), Clock.TIME, kvm)


def test_the_plugin_sees_no_kvm() -> None:
    """It is refused with what does."""
    with pytest.raises(UsageError, match="--source plugin: the command uses KVM"):
        chosen("plugin", "qemu-system-x86_64 -accel kvm")


def test_a_mark_that_nobody_sees_is_refused() -> None:
    """Before the first boot, which would wait for it until its deadline."""
    with pytest.raises(UsageError, match="power_off is seen under KVM alone"):
        needed_sources(Rules(until="power_off"), Asked(), Clock.TIME, parse(TEXT.split()))
    kvm = parse(["qemu-system-x86_64", "-accel", "kvm"])
    assert ("plugin",) == needed_sources(
        Rules(until="first_user_instruction"), Asked(), Clock.TIME, kvm
    )


def test_a_mark_that_the_guest_writes_takes_a_source_of_port_writes() -> None:
    """Where instructions are counted too: the plugin sees no value."""
    rules = Rules(Names({42: "up"}), until="up")

    found = needed_sources(rules, Asked(), Clock.INSTRUCTIONS, parse(TEXT.split()))

    assert ("plugin", "debugcon") == found
