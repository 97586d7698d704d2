"""qboot with its own marks: ``qboot.bin``, a firmware for microvm that does little else than boot."""

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

BIOS = "qboot.bin"
_HOME = "roms/qboot"


def _make(bench: Bench) -> Mapping[str, Path]:
    out = bench.work / "out"
    setup = ("meson", "setup", "-Dc_args=-DBENCHMARK_HACK=1", str(out), str(bench.source / _HOME))
    bench.run("configuring qboot", *setup)
    bench.run("compiling qboot", "ninja", "-C", str(out), f"-j{bench.jobs}")
    return {BIOS: out / "bios.bin"}


RECIPE = Recipe(
    piece=Piece.QBOOT,
    version=1,
    project=None,
    config="",
    needs=(*COMPILER, *DPKG_SOURCE, Need("meson", "meson"), Need("ninja", "ninja-build")),
    fetch=source_package("qemu"),
    parts=(_HOME,),
    make=_make,
)
