"""SeaBIOS with marks: ``bios-256k.bin``, configured as QEMU's own."""

import sys
from collections.abc import Mapping
from pathlib import Path

from qemu_boot_time.guest.builds.common import (
    COMPILER,
    DPKG_SOURCE,
    Bench,
    Need,
    Piece,
    Recipe,
    source_package,
)
from qemu_boot_time.guest.patches import Project

BIOS = "bios-256k.bin"

# What roms/config.seabios-256k of QEMU asks for: the debug level stays the default, 1, as in the
# image that QEMU ships, so that the time it takes is representative.
_CONFIG = """\
CONFIG_QEMU=y
CONFIG_ROM_SIZE=256
CONFIG_ATA_DMA=n
CONFIG_BOOT_TIME_MARKS=y
"""


def _make(bench: Bench) -> Mapping[str, Path]:
    config = bench.work / "config"
    config.write_text(_CONFIG, encoding="utf-8")
    out = bench.work / "out"
    out.mkdir()
    variables = (
        *(f"KCONFIG_CONFIG={config}", f"OUT={out}/", "EXTRAVERSION=-boot-time-marks"),
        # Its Makefile calls "python", which not every distribution has.
        f"PYTHON={sys.executable}",
    )
    bench.run("configuring SeaBIOS", "make", *variables, "olddefconfig")
    bench.run("compiling SeaBIOS", "make", f"-j{bench.jobs}", *variables)
    return {BIOS: out / "bios.bin"}


RECIPE = Recipe(
    piece=Piece.SEABIOS,
    version=1,
    project=Project.SEABIOS,
    config=_CONFIG,
    needs=(
        *(*COMPILER, *DPKG_SOURCE, Need("make", "make")),
        *(Need("python3", "python3"), Need("iasl", "acpica-tools")),
    ),
    fetch=source_package("seabios"),
    parts=(),
    make=_make,
)
