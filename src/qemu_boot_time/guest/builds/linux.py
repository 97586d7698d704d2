"""A small Linux with marks: ``bzImage``, and ``vmlinux`` for booting by PVH.

tinyconfig plus the options of ``linux.config`` beside this module: what a VM needs to boot from an
initramfs on q35, pc and microvm, and little that takes time to compile.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from qemu_boot_time.errors import InputError
from qemu_boot_time.guest import distro
from qemu_boot_time.guest.builds.common import (
    COMPILER,
    Bench,
    Need,
    Piece,
    Progress,
    Recipe,
    Tree,
)
from qemu_boot_time.guest.patches import Project

BZIMAGE = "bzImage"
VMLINUX = "vmlinux"
_CONFIG = Path(__file__).with_name("linux.config").read_text(encoding="utf-8")
_METAPACKAGE = "linux-source"


def _fetch(suite: str | None, progress: Progress) -> Tree:
    """Fetch linux-source-X: one archive that has the distribution's patches applied already."""
    needed = distro.dependencies(_METAPACKAGE, suite=suite, progress=progress)
    name = next((one for one in needed if one.startswith(_METAPACKAGE)), _METAPACKAGE)
    package = distro.fetch_binary(name, suite=suite, progress=progress)

    def unpack(bench: Bench) -> None:
        stage = f"unpacking {name} {package.version}"
        bench.run(stage, "dpkg-deb", "-x", str(package.path), "deb", cwd=bench.work)
        tarball = next((bench.work / "deb/usr/src").rglob("linux-source-*.tar.*"))
        bench.source.mkdir()
        bench.run(stage, "tar", "-xf", str(tarball), "--strip-components=1")

    return Tree(name, package.version, package.suite, package.sha256, unpack)


def _make(bench: Bench) -> Mapping[str, Path]:
    fragment, out = bench.work / "linux.config", bench.work / "out"
    fragment.write_text(_CONFIG, encoding="utf-8")
    out.mkdir()
    make = ("make", f"O={out}", f"-j{bench.jobs}")
    stage = "configuring Linux"
    bench.run(stage, "make", "mrproper")
    bench.run(stage, *make, "tinyconfig")
    merge = str(bench.source / "scripts/kconfig/merge_config.sh")
    bench.run(stage, merge, "-m", "-O", str(out), str(out / ".config"), str(fragment))
    bench.run(stage, *make, "olddefconfig")
    _verify(out / ".config")
    bench.run("compiling Linux", *make, "bzImage")
    return {BZIMAGE: out / "arch/x86/boot/bzImage", VMLINUX: out / "vmlinux"}


def _verify(config: Path) -> None:
    """Refuse a configuration without all that we asked for: Kconfig drops it without a word."""
    text = config.read_text(encoding="utf-8")
    wanted = re.findall(r"^(CONFIG_\w+=.*)$", _CONFIG, re.MULTILINE)
    lost = [option for option in wanted if f"\n{option}\n" not in text]
    if lost:
        raise InputError(
            f"this Linux does not take {', '.join(lost)}",
            hint="an option that was renamed, or that depends on something new",
        )


RECIPE = Recipe(
    piece=Piece.LINUX,
    version=1,
    project=Project.LINUX,
    config=_CONFIG,
    needs=(
        *COMPILER,
        *(Need(tool, tool) for tool in ("make", "bison", "flex", "bc", "perl", "tar", "gzip")),
        *(Need("xz", "xz-utils"), Need("dpkg-deb", "dpkg")),
        *(Need("gelf.h", "libelf-dev"), Need("openssl/ssl.h", "libssl-dev")),
    ),
    fetch=_fetch,
    parts=(),
    make=_make,
)
