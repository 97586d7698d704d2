"""A Debian system with systemd, its own initrd and its stock kernel, for tests that look inside one.

Built from packages in a minute or two (network), then taken from the cache; about 300 MB unpacked.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import debian
from qemu_boot_time.errors import HostError
from real_host import require

_PACKAGES = ("initramfs-tools", "kmod", "linux-image-cloud-amd64", "systemd-sysv", "udev")
_MODULES = ("virtio_pci", "virtio_blk", "ext4")
_ROOM = "600M"
_NOT_WANTED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty-static.service",
)
"""What costs seconds under emulation and shows nothing more."""

_SMALL_INITRD = """
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"
"""
_FINISH = f"""
set -e
printf '%s\\n' {" ".join(_MODULES)} >>"$1/etc/initramfs-tools/modules"
chroot "$1" update-initramfs -u
for unit in {" ".join(_NOT_WANTED)}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done
echo 00000000000000000000000000000001 >"$1/etc/machine-id"
"""
_HOOKS = (f"--setup-hook={_SMALL_INITRD}", f"--customize-hook={_FINISH}")


@dataclass(frozen=True, slots=True)
class SystemdGuest:
    """What QEMU boots."""

    kernel: Path
    initrd: Path
    """As initramfs-tools made it."""
    disk: Path
    """An ext4 file system, sparse."""

    @classmethod
    def of(cls, home: Path) -> "SystemdGuest":
        """Name the parts in ``home``."""
        return cls(home / "vmlinuz", home / "initrd.img", home / "root.img")


def given() -> SystemdGuest:
    """Give the guest; skip the test, with the reason, where this host cannot have one."""
    try:
        return SystemdGuest.of(debian.kept("systemd-guest", _key(), {}, _build))
    except HostError as error:
        require(condition=False, reason=f"no guest with systemd: {error}; {error.hint}")
        raise


def _key() -> str:
    sources = (Path(__file__), Path(debian.__file__))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def _build(root: Path, parts: Path, log: Path) -> None:
    debian.bootstrap(root, _PACKAGES, _HOOKS, log=log)
    guest = SystemdGuest.of(parts)
    for pattern, part in {"vmlinuz-*": guest.kernel, "initrd.img-*": guest.initrd}.items():
        (file,) = (root / "boot").glob(pattern)
        shutil.move(file, part)
    debian.make_disk(root, guest.disk, _ROOM)
