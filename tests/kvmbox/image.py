"""The box's disk image: built from Debian packages once, then taken from the cache."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import debian
from kvmbox import recipe
from qemu_boot_time.formats import cpio
from qemu_boot_time.process import run

_TOOLS = {"dpkg-deb": "dpkg", "depmod": "kmod"}
_GUEST = Path(__file__).parent / "guest"
_ROOM = "2G"


@dataclass(frozen=True, slots=True)
class Image:
    """What the outer QEMU boots."""

    kernel: Path
    initramfs: Path
    root: Path
    """An ext4 file system, sparse."""

    @classmethod
    def of(cls, home: Path) -> "Image":
        """Name the parts of an image in ``home``."""
        return cls(home / "vmlinuz", home / "initramfs", home / "root.img")


def cached() -> Image:
    """Give the image of the recipe; build it where the cache has none (20 to 60 s, network).

    Raises HostError where this host cannot build it.
    """
    return Image.of(debian.kept("kvm-box", recipe.key(), _TOOLS, _build))


def _build(root: Path, parts: Path, log: Path) -> None:
    debian.bootstrap(root, recipe.PACKAGES, recipe.HOOKS, log=log)
    _assemble(root, Image.of(parts))


def _assemble(root: Path, image: Image) -> None:
    """Make the parts of ``image`` of the unpacked packages in ``root``."""
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        kernel, early = Path(scratch, "kernel"), Path(scratch, "early")
        (package,) = (root / "boot").glob("*.deb")
        run(["dpkg-deb", "-x", str(package), str(kernel)])
        package.unlink()
        (vmlinuz,) = (kernel / "boot").glob("vmlinuz-*")
        vmlinuz.rename(image.kernel)
        _copy_modules(kernel, recipe.MODULES, root)
        _copy_modules(kernel, recipe.ROOT_DISK_MODULES, early)
        image.initramfs.write_bytes(_pack_initramfs(early, root / "bin/busybox"))
    shutil.copy(_GUEST / "box-init.sh", root / "sbin/box-init")
    (root / "sbin/box-init").chmod(0o755)
    debian.make_disk(root, image.root, _ROOM)


def _copy_modules(kernel: Path, names: Iterable[str], tree: Path) -> None:
    """Copy modules, and what they depend on, from an unpacked kernel package to ``tree``."""
    (modules,) = (kernel / "lib/modules").iterdir()
    version = modules.name
    run(["depmod", "-b", str(kernel), version])
    listing = ["modprobe", "-d", str(kernel), "-S", version, "--show-depends", "-a", *names]
    target = tree / "lib/modules" / version
    for line in run(listing).stdout.splitlines():
        _, file = line.split()
        copy = target / Path(file).relative_to(modules)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    for index in ("modules.builtin", "modules.order"):
        shutil.copy(modules / index, target)
    run(["depmod", "-b", str(tree), version])


def _pack_initramfs(tree: Path, busybox: Path) -> bytes:
    """Archive ``tree``, with busybox and the initramfs's pid 1 added."""
    programs = {"init": _GUEST / "initramfs-init.sh", "bin/busybox": busybox}
    return cpio.pack(
        (
            *(_member(tree, path) for path in sorted(tree.rglob("*"))),
            cpio.directory("bin"),
            *(cpio.file(name, p.read_bytes(), permissions=0o755) for name, p in programs.items()),
        )
    )


def _member(tree: Path, path: Path) -> cpio.Entry:
    name = str(path.relative_to(tree))
    return cpio.directory(name) if path.is_dir() else cpio.file(name, path.read_bytes())
