"""What real measurements print is what is published."""

import pytest

from qbt_process import World, tiny_qemu
from qemu_boot_time.guest import tiny
from schemas import troubles

pytestmark = pytest.mark.real


def guest(world: World) -> tuple[str, ...]:
    """Give a VM that writes every mark and ends by itself."""
    return tiny_qemu(world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))


def test_a_run(world: World) -> None:
    """Measured now."""
    done = world.run("--source", "debugcon", "--", *guest(world))

    assert (0, []) == (done.status, troubles(done.document, "run"))


def test_what_watching_costs(world: World) -> None:
    """With intervals."""
    done = world.qbt("overhead", "--json", "-n", "4", "--source", "debugcon", "--", *guest(world))

    assert [] == troubles(done.document, "overhead")


def test_two_commands(world: World) -> None:
    """Measured in turn."""
    command = " ".join(guest(world))
    words = ("--json", "-n", "2", "--source", "debugcon", "--a", command, "--b", command)

    done = world.qbt("compare", *words)

    assert [] == troubles(done.document, "compare")


def test_this_host(world: World) -> None:
    """Whatever it is fit for."""
    assert [] == troubles(world.qbt("doctor", "--json").document, "doctor")
