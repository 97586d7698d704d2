"""The real thing: instrumented firmware, option ROMs and Linux, built from sources and booted."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import builds, init, initramfs
from qemu_boot_time.protocol import (
    FW_DO_BOOT,
    FW_START,
    LINUX_START_BOOT,
    LINUX_START_KERNEL,
    LINUX_START_PVHBOOT,
    LINUX_START_USER,
)
from real_host import require

pytestmark = [pytest.mark.real, pytest.mark.build]

_QBT = Path(sys.executable).with_name("qbt")
_DEADLINE_S = 300
_COMMON = ("-m", "256", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio")
_APPEND = " ".join(("console=ttyS0", "quiet", "panic=-1", *init.ON_A_BUSY_HOST, *init.parameters()))


def _built(piece: builds.Piece) -> builds.Built:
    try:
        return builds.build(piece)
    except HostError as error:
        require(condition=False, reason=f"{piece}: {error.what}")
        raise


def _measure(state: Path, boots: int, qemu: Sequence[str], *options: str) -> dict[str, Any]:
    argv = [str(_QBT), "run", "-n", str(boots), "--json", *options, "--", *qemu]
    env = os.environ | {"XDG_STATE_HOME": str(state)}
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=_DEADLINE_S, env=env, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _names(document: dict[str, Any]) -> list[list[str]]:
    return [[mark["name"] for mark in boot["marks"]] for boot in document["boots"]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our initramfs, as a file."""
    file = tmp_path_factory.mktemp("guest") / "initramfs"
    file.write_bytes(initramfs.build())
    return file


def _linux_guest(kernel: Path, archive: Path) -> tuple[str, ...]:
    return ("-kernel", str(kernel), "-initrd", str(archive), "-append", _APPEND)


def test_whole_chain_marks_every_stage_of_five_boots(tmp_path: Path, archive: Path) -> None:
    """SeaBIOS, option ROM and Linux of our patches: five marks, in order, in each of five boots."""
    seabios, optionrom = _built(builds.Piece.SEABIOS), _built(builds.Piece.OPTIONROM)
    linux = _built(builds.Piece.LINUX)
    firmware = ("-bios", str(seabios.files["bios-256k.bin"]), "-L", str(optionrom.directory))
    guest = _linux_guest(linux.files["bzImage"], archive)
    qemu = ("qemu-system-x86_64", "-M", "q35", "-accel", "tcg", *_COMMON, *firmware, *guest)

    document = _measure(tmp_path, 5, qemu, "--source", "debugcon", "--until", LINUX_START_USER)

    chain = [FW_START, FW_DO_BOOT, LINUX_START_BOOT, LINUX_START_KERNEL, LINUX_START_USER]
    assert _names(document) == [chain] * 5
    assert [boot["suspect"] for boot in document["boots"]] == [[]] * 5
    phases = [phase["name"] for phase in document["summary"]["phases"]]
    whole = ["exec..fw_start", "firmware", "loader", "kernel_early", "kernel", "total"]
    assert phases == whole


def test_pvh_boot_marks_its_own_jump(tmp_path: Path, archive: Path) -> None:
    """An ELF kernel goes through QEMU's PVH option ROM, which marks another trace point."""
    optionrom, linux = _built(builds.Piece.OPTIONROM), _built(builds.Piece.LINUX)
    guest = _linux_guest(linux.files["vmlinux"], archive)
    rom = ("-L", str(optionrom.directory))
    qemu = ("qemu-system-x86_64", "-M", "q35", "-accel", "tcg", *_COMMON, *rom, *guest)

    document = _measure(tmp_path, 2, qemu, "--source", "debugcon", "--until", LINUX_START_USER)

    assert _names(document) == [[LINUX_START_PVHBOOT, LINUX_START_KERNEL, LINUX_START_USER]] * 2


@pytest.mark.parametrize("machine", ["microvm,acpi=off", "pc"])
def test_qboot_marks_its_own_stages(tmp_path: Path, archive: Path, machine: str) -> None:
    """qboot, with its own points switched on, marks its start and the jump to the bzImage.

    With ACPI, microvm has no clock without KVM that Linux can calibrate its own against, and many
    a boot waits for ever (docs/instrumented.md).
    """
    qboot, linux = _built(builds.Piece.QBOOT), _built(builds.Piece.LINUX)
    guest = _linux_guest(linux.files["bzImage"], archive)
    firmware = ("-bios", str(qboot.files["qboot.bin"]))
    qemu = ("qemu-system-x86_64", "-M", machine, "-accel", "tcg", *_COMMON, *firmware, *guest)

    document = _measure(tmp_path, 2, qemu, "--source", "debugcon", "--until", LINUX_START_USER)

    chain = [FW_START, LINUX_START_BOOT, LINUX_START_KERNEL, LINUX_START_USER]
    assert _names(document) == [chain] * 2
    phases = [phase["name"] for phase in document["summary"]["phases"]]
    whole = ["exec..fw_start", "fw_start..linux_start_boot", "kernel_early", "kernel", "total"]
    assert phases == whole
