"""The distribution's own kernel for virtual machines: downloaded and unpacked, never installed.

Debian's cloud kernel and Ubuntu's virtual kernel boot to user space in QEMU with nothing but our
initramfs. No right is needed, and what apt knows and holds stays as it is.
"""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import cache

METAPACKAGES = ("linux-image-cloud-amd64", "linux-image-virtual")
"""Debian's name and Ubuntu's: each depends on the package that holds the kernel."""

_IMAGE = re.compile(r"\blinux-image-\d[\w.+-]*")
_NO_CACHE = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
_DOWNLOAD_S = 600.0
_NO_APT = "give a kernel of your own: qbt run -- qemu-system-x86_64 -kernel bzImage ..."
_UPDATE = "sudo apt-get update"


@dataclass(frozen=True, slots=True)
class StockKernel:
    """A kernel as its distribution built it."""

    release: str
    """As ``uname -r`` says in the guest."""
    version: str
    """Of the package."""
    vmlinuz: Path


def find() -> StockKernel | None:
    """Give the kernel in our cache that was built last; None: none was fetched."""
    kernels = sorted(
        cache.directory("stock").glob("*_*/vmlinuz"), key=lambda file: file.stat().st_mtime_ns
    )
    return _kernel(kernels[-1].parent) if kernels else None


def fetch(progress: Callable[[str], None] = lambda _: None) -> StockKernel:
    """Download the newest kernel that apt knows of into our cache.

    ``progress`` is told each step in a line. Raises HostError without apt, or where apt knows no
    such package, or the cache cannot be written; ProgramError where the download or the unpacking
    fails.
    """
    process.require("apt-get", hint=_NO_APT)
    package = _package()
    with cache.staging(cache.directory("stock")) as staging:
        progress(f"downloading {package}")
        process.run(
            ["apt-get", *_NO_CACHE, "-q", "download", package],
            cwd=staging,
            timeout_s=_DOWNLOAD_S,
            hint=f"is there a network? if the package has been replaced: {_UPDATE}",
        )
        archive = next(staging.glob("*.deb"))
        progress(f"unpacking {archive.name}")
        return _kernel(_unpack(archive, staging))


def _kernel(directory: Path) -> StockKernel:
    release, _, version = directory.name.partition("_")
    return StockKernel(release, version, directory / "vmlinuz")


def _package() -> str:
    for metapackage in METAPACKAGES:
        with contextlib.suppress(ProgramError):
            shown = process.run(["apt-cache", *_NO_CACHE, "show", "--no-all-versions", metapackage])
            if image := _IMAGE.search(_depends(shown.stdout)):
                return image[0]
    raise HostError(f"apt knows no package {' or '.join(METAPACKAGES)}", hint=_UPDATE)


def _depends(paragraph: str) -> str:
    lines = (line for line in paragraph.splitlines() if line.startswith("Depends:"))
    return next(lines, "")


def _unpack(archive: Path, staging: Path) -> Path:
    """Keep the kernel of the package and nothing else; whoever looks sees the whole or nothing."""
    tree = staging / "tree"
    process.run(["dpkg-deb", "-x", str(archive), str(tree)], hint=_NO_APT)
    vmlinuz = next(tree.glob("boot/vmlinuz-*"), None)
    if vmlinuz is None:
        raise HostError(f"{archive.name}: no boot/vmlinuz-* in it", hint=_NO_APT)
    version = archive.name.split("_")[1]
    final = staging.parent / f"{vmlinuz.name.removeprefix('vmlinuz-')}_{version}"
    kept = staging / "kept"
    kept.mkdir()
    vmlinuz.rename(kept / "vmlinuz")
    try:
        kept.rename(final)
    except OSError:
        if not (final / "vmlinuz").is_file():
            raise
        # It is there already, perhaps in use: leave it.
    return final
