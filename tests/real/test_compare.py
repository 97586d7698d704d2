"""``qbt compare`` of two VMs measured in turn: one delay is planted in one phase, and that one is named."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from qbt_process import QEMU, World, tiny_qemu
from qemu_boot_time.errors import ExitStatus, HostError
from qemu_boot_time.guest import builds, tiny
from qemu_boot_time.protocol import LINUX_START_BOOT, LINUX_START_KERNEL, LINUX_START_USER
from real_host import require

pytestmark = pytest.mark.real

_PAIRS = "20"
_DELAY = 8_000_000
"""Loops: some thirty milliseconds under TCG."""
_MARGIN = "12ms"
"""By chance alone one comparison in twenty calls a phase different, which a test must not: to be
called so it must reach beyond this, too."""
_FAR_RETURN = b"\xcb"
_ROM_BYTES = 512


def compared(world: World, first: str, second: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Measure both in turn; give the status and the JSON document."""
    words = (
        "compare",
        "-n",
        _PAIRS,
        "--json",
        "--margin",
        _MARGIN,
        *options,
        "--a",
        first,
        "--b",
        second,
    )
    done = world.qbt(*words)
    assert done.status in {ExitStatus.DONE, ExitStatus.NO}, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.status, document


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    """Give the verdict of each phase and of the total."""
    rows = (*document["phases"], document["total"])
    return {row["name"]: row["verdict"] for row in rows}


def moved(document: dict[str, Any]) -> set[str]:
    """Name the phases that are said to have changed."""
    del (found := verdicts(document))["total"]
    return {name for name, verdict in found.items() if verdict in {"SLOWER", "FASTER"}}


def tiny_guest(world: World, name: str, kernel_loops: int) -> str:
    """Give a guest of which the kernel phase takes so many loops more."""
    steps = (
        *tiny.marks(*tiny.PROTOCOL[:-1], spin=200_000),
        tiny.Spin(kernel_loops),
        *tiny.marks(LINUX_START_USER, spin=200_000),
        tiny.DebugExit(),
    )
    return shlex.join(tiny_qemu(world.bios(*steps, name=f"{name}.bin"), accelerator="tcg"))


def test_the_phase_that_was_delayed_is_named(world: World) -> None:
    """A few milliseconds in the kernel phase: SLOWER, by the kernel, and by nothing else."""
    first, second = tiny_guest(world, "old", 0), tiny_guest(world, "new", _DELAY)

    status, document = compared(world, first, second)

    assert (ExitStatus.NO, "SLOWER") == (status, document["total"]["verdict"])
    assert {"kernel"} == moved(document)
    assert "of it in kernel" in document["sentence"]


def test_the_same_guest_is_not_called_different(world: World) -> None:
    """Against itself, whatever the host does meanwhile: neither in total nor in any phase."""
    guest = tiny_guest(world, "guest", _DELAY)

    status, document = compared(world, guest, guest)

    assert (ExitStatus.DONE, set()) == (status, moved(document))
    assert document["total"]["verdict"] in {"SAME", "UNDECIDED"}


def option_rom(file: Path, loops: int) -> Path:
    """Write an option ROM that counts down when the firmware starts it (PCI Firmware 3.0, 5.1)."""
    code = b"\x55\xaa" + bytes([_ROM_BYTES // 512]) + tiny.Spin(loops).code() + _FAR_RETURN
    padded = code.ljust(_ROM_BYTES - 1, b"\0")
    file.write_bytes(padded + bytes([-sum(padded) % 256]))
    return file


@pytest.mark.build
def test_a_wait_in_real_firmware_is_found(world: World) -> None:
    """SeaBIOS starts an option ROM that waits: the firmware phase carries it."""
    try:
        seabios = builds.build(builds.Piece.SEABIOS)
        optionrom = builds.build(builds.Piece.OPTIONROM)
        linux = builds.build(builds.Piece.LINUX)
    except HostError as error:
        require(condition=False, reason=error.what)
        raise
    guest = (
        *(QEMU, "-M", "q35", "-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none"),
        *("-bios", str(seabios.files["bios-256k.bin"]), "-L", str(optionrom.directory)),
        *("-kernel", str(linux.files["bzImage"])),
    )
    commands = [
        shlex.join((*guest, "-option-rom", str(option_rom(world.directory / name, loops))))
        for name, loops in (("short.rom", 1), ("long.rom", _DELAY))
    ]

    status, document = compared(world, *commands, "--until", LINUX_START_BOOT)

    assert (ExitStatus.NO, "SLOWER") == (status, document["total"]["verdict"])
    assert {"firmware"} == moved(document)
    assert LINUX_START_KERNEL not in {phase["end"] for phase in document["phases"]}
