"""Where the files are that people look for at the root of the project: patches, perf scripts."""

from pathlib import Path

from qemu_boot_time.errors import HostError

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOTS = (_PACKAGE, _PACKAGE.parents[1])
"""The installed wheel has them inside the package, a checkout beside ``src``."""


def directory(name: str) -> Path:
    """Give the directory of ``patches`` or ``perf-script``, in a checkout as in a wheel.

    Raises HostError where the installation is incomplete.
    """
    for root in _ROOTS:
        if (root / name).is_dir():
            return root / name
    raise HostError(
        f"{name}: not in this installation of qemu-boot-time",
        hint="pip install --force-reinstall qemu-boot-time",
    )
