"""What the box is made of, as data: packages, kernel modules, and the commands that fetch them."""

import hashlib
from pathlib import Path

import debian

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

_DOWNLOAD_KERNEL = f"""
set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$1/boot"
apt-get download $(apt-cache depends {KERNEL_PACKAGE} | sed -n 's/^ *Depends: //p')
"""
"""Run by mmdebstrap, whose apt knows the suite; the host's own apt may know another."""

HOOKS = (f"--customize-hook={_DOWNLOAD_KERNEL}",)
"""Put the kernel's package in ``/boot``."""


def key() -> str:
    """Name this recipe: it changes with whatever can change the image."""
    here = Path(__file__).parent
    modules = (Path(__file__), here / "image.py", Path(debian.__file__))
    sources = (*modules, *sorted((here / "guest").iterdir()))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]
