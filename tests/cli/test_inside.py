"""What --inside takes, and what it refuses before the first boot."""

import pytest

from qemu_boot_time.cli.inside import purposes
from qemu_boot_time.errors import UsageError
from qemu_boot_time.model import Purpose
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.vm.command import parse

COMMAND = parse(("qemu-system-x86_64", "-kernel", "k"))
DEBUGCON = (SOURCES["debugcon"],)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ()),
        ("units", (Purpose.UNITS,)),
        ("units,initcalls,units", (Purpose.UNITS, Purpose.INITCALLS)),
    ],
)
def test_each_thing_is_looked_at_once(text: str | None, expected: tuple[Purpose, ...]) -> None:
    """In the order given."""
    assert expected == purposes(text, COMMAND, DEBUGCON)


@pytest.mark.parametrize("text", ["", "measured", "units,", "unit"])
def test_what_nobody_knows_is_refused(text: str) -> None:
    """The hint has all there is."""
    with pytest.raises(UsageError, match="not known") as caught:
        purposes(text, COMMAND, DEBUGCON)

    assert "--inside initcalls,units" == caught.value.hint


def test_a_source_must_see_port_writes() -> None:
    """The plugin sees what runs, not what is written."""
    with pytest.raises(UsageError, match="no source here sees") as caught:
        purposes("units", COMMAND, (SOURCES["plugin"],))

    assert "add --source debugcon" == caught.value.hint


@pytest.mark.parametrize("name", ["debugcon", "perf_event", "perf", "tracefs"])
def test_these_sources_see_port_writes(name: str) -> None:
    """Beside the plugin, too."""
    assert (Purpose.UNITS,) == purposes("units", COMMAND, (SOURCES["plugin"], SOURCES[name]))
