"""QEMU's option ROMs with marks, under their own names, so that ``qemu -L DIR`` finds them.

Compiled and linked as Debian's ``debian/optionrom.mak`` does it. Linking through gcc, as QEMU's own
Makefile does, can add a note that shifts every address; SeaBIOS then finds nothing to boot.
"""

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

_HOME = "pc-bios/optionrom"
_SIGN = "scripts/signrom.py"
_ROMS: Mapping[str, tuple[str, ...]] = {
    "kvmvapic": ("kvmvapic.S",),
    "linuxboot": ("linuxboot.S",),
    "linuxboot_dma": ("linuxboot_dma.c",),
    "multiboot": ("multiboot.S",),
    "multiboot_dma": ("multiboot_dma.S",),
    "pvh": ("pvh.S", "pvh_main.c"),
}
_CFLAGS = (
    *("-O2", "-m16", "-Wa,-32", "-march=i486", "-ffreestanding"),
    *("-fno-stack-protector", "-fno-pie", "-fcf-protection=none", "-DBOOT_TIME_MARKS"),
)


def _make(bench: Bench) -> Mapping[str, Path]:
    home = bench.source / _HOME
    # multiboot_dma came with QEMU 7.0.
    there = {rom: files for rom, files in _ROMS.items() if (home / files[0]).exists()}
    return {f"{rom}.bin": _rom(bench, rom, files) for rom, files in there.items()}


def _rom(bench: Bench, rom: str, files: tuple[str, ...]) -> Path:
    home, made = bench.source / _HOME, bench.work / rom
    stage = f"compiling {rom}.bin"
    objects = [f"{made}-{file}.o" for file in files]
    for file, target in zip(files, objects, strict=True):
        include = f"-I{bench.source / 'include'}"
        bench.run(stage, "gcc", *_CFLAGS, include, "-c", "-o", target, str(home / file))
    link = ("ld", "-m", "elf_i386", "-T", str(home / "flat.lds"), "-s")
    bench.run(stage, *link, "-o", f"{made}.img", *objects)
    bench.run(stage, "objcopy", "-O", "binary", "-j", ".text", f"{made}.img", f"{made}.raw")
    bench.run(stage, sys.executable, str(bench.source / _SIGN), f"{made}.raw", f"{made}.bin")
    return made.with_suffix(".bin")


RECIPE = Recipe(
    piece=Piece.OPTIONROM,
    version=1,
    project=Project.QEMU,
    config=" ".join(_CFLAGS),
    needs=(*COMPILER, *DPKG_SOURCE, Need("objcopy", "binutils")),
    fetch=source_package("qemu"),
    parts=(_HOME, "include", _SIGN),
    make=_make,
)
