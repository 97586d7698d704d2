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
from qemu_boot_time.guest import cache, distro

METAPACKAGES = ("linux-image-cloud-amd64", "linux-image-virtual")
"""Debian's name and Ubuntu's: each depends on the package that holds the kernel."""

_IMAGE = re.compile(r"linux-image-\d")
_UNPACK_S = 120.0
_OWN_KERNEL = "give a kernel of your own: qbt run -- qemu-system-x86_64 -kernel bzImage ..."


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
    """Download the newest kernel of the suite that this host runs into our cache.

    ``progress`` is told each step in a line. Raises HostError without apt or network, for a
    distribution without such a kernel, and for a cache that cannot be written.
    """
    with cache.staging(cache.directory("stock")) as staging:
        package = distro.fetch_binary(_package(progress), progress=progress)
        progress(f"unpacking {package.path.name}")
        kernel = _kernel(_unpack(package, staging))
    package.path.unlink(missing_ok=True)
    return kernel


def _kernel(directory: Path) -> StockKernel:
    release, _, version = directory.name.partition("_")
    return StockKernel(release, version, directory / "vmlinuz")


def _package(progress: Callable[[str], None]) -> str:
    for metapackage in METAPACKAGES:
        with contextlib.suppress(ProgramError):
            for name in distro.dependencies(metapackage, progress=progress):
                if _IMAGE.match(name):
                    return name
    raise HostError(f"no package {' or '.join(METAPACKAGES)} here", hint=_OWN_KERNEL)


def _unpack(package: distro.Package, staging: Path) -> Path:
    """Keep the kernel of the package and nothing else."""
    tree = staging / "tree"
    process.run(["dpkg-deb", "-x", str(package.path), str(tree)], timeout_s=_UNPACK_S)
    vmlinuz = next(tree.glob("boot/vmlinuz-*"), None)
    if vmlinuz is None:
        raise HostError(f"{package.path.name}: no boot/vmlinuz-* in it", hint=_OWN_KERNEL)
    final = staging.parent / f"{vmlinuz.name.removeprefix('vmlinuz-')}_{package.version}"
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
