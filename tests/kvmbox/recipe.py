"""What the box is made of, as data: packages, kernel modules, and the commands that fetch them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

SUITE = "bookworm"
KERNEL_PACKAGE = "linux-image-amd64"
"""The generic kernel: Debian's cloud kernel has no KVM."""

PACKAGES = (
    "busybox-static",
    "kmod",
    "libpython3.11",  # perf's own Python
    "linux-perf",
    "python3",
    "qemu-system-x86",
    "seabios",
    "trace-cmd",
)

ROOT_DISK_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
"""What the initramfs needs."""

MODULES = (*ROOT_DISK_MODULES, "9pnet_virtio", "9p", "kvm_amd")
"""What the box needs; their dependencies come along."""

_UNREAD = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")

_SUITE_OF_LABEL = {"Debian": SUITE, "Debian-Security": f"{SUITE}-security"}

_DOWNLOAD_KERNEL = f"""
set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$1/boot"
apt-get download $(apt-cache depends {KERNEL_PACKAGE} | sed -n 's/^ *Depends: //p')
"""
"""Run by mmdebstrap, whose apt knows the suite; the host's own apt may know another."""

LIST_MIRRORS = (
    *("apt-get", "indextargets", "--format", "$(LABEL) $(SITE)"),
    *("Created-By: Packages", "Origin: Debian"),
)
"""Says where this host gets its Debian packages from, if it is a Debian host."""


def mirror_lines(indextargets: str) -> tuple[str, ...]:
    """Make lines for apt of what :data:`LIST_MIRRORS` printed; none: mmdebstrap's own default."""
    places = dict.fromkeys(tuple(line.split()) for line in indextargets.splitlines())
    return tuple(
        f"deb {site} {_SUITE_OF_LABEL[label]} main"
        for label, site in places
        if label in _SUITE_OF_LABEL
    )


def bootstrap_argv(root: Path, mirrors: Iterable[str]) -> tuple[str, ...]:
    """Give the command that unpacks the packages in ``root``, and the kernel's in ``root/boot``.

    It mounts nothing below ``root``, so that whoever removes the tree removes only the tree.
    """
    return (
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        *("--skip=chroot/mount", "--aptopt=APT::Sandbox::User root"),
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _UNREAD),
        f"--customize-hook={_DOWNLOAD_KERNEL}",
        *(SUITE, str(root), *mirrors),
    )


def key() -> str:
    """Name this recipe: it changes with whatever can change the image."""
    here = Path(__file__).parent
    sources = (Path(__file__), here / "image.py", *sorted((here / "guest").iterdir()))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]
