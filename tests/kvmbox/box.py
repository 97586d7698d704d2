"""Run a script in the box: one boot of the outer QEMU, a deadline, everything cleaned up."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from kvmbox import image
from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from real_host import require

_QEMU = "qemu-system-x86_64"
_CPU = "max,la57=off,avx2=off"
"""QEMU 7.2 emulates AVX2 so that numpy's sorting crashes in it (argsort of a few values)."""
_NO_FILES: Mapping[str, Path] = MappingProxyType({})
_COMMAND_LINE = "console=ttyS0 quiet tsc=reliable mitigations=off panic=-1"


@dataclass(frozen=True, slots=True)
class BoxResult:
    """What a script left behind."""

    exit_status: int | None
    """Of the script; None: the box never got to its end (deadline, panic, QEMU's own refusal)."""
    console: str
    """The outer QEMU's command, then all that the kernel and the script wrote."""
    out: Path
    """What the script put in /out; lives as long as the box."""


@dataclass(frozen=True, slots=True)
class Box:
    """A KVM host that can be booted any number of times, each time as if new."""

    image: image.Image
    scratch: Path

    def run(
        self, script: str, files: Mapping[str, Path] = _NO_FILES, *, deadline_s: float = 300.0
    ) -> BoxResult:
        """Boot the box, run ``script`` in it with ``sh -e`` as root, power off.

        The script starts in an empty /tmp (in memory) and finds a copy of each of ``files``, which
        may be directories, in /in under the name given. What it puts in /out comes back. A
        directory named ``site`` is on PYTHONPATH, and its ``bin`` on PATH. KVM and tracefs are
        there.
        """
        job = Path(tempfile.mkdtemp(dir=self.scratch))
        share, console = job / "share", job / "console"
        _fill(share, script, files)
        with contextlib.suppress(ProgramError):
            process.run_logged(outer_argv(self.image, share), log=console, timeout_s=deadline_s)
        text = console.read_text(errors="replace").replace("\r\n", "\n")
        return BoxResult(_exit_status(share), text, share / "out")


def _fill(share: Path, script: str, files: Mapping[str, Path]) -> None:
    for name in ("in", "out"):
        (share / name).mkdir(parents=True)
    (share / "job").write_text(script)
    for name, source in files.items():
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, share / "in" / name)


def _exit_status(share: Path) -> int | None:
    try:
        return int((share / "exit_status").read_text())
    except FileNotFoundError:
        return None


def outer_argv(system: image.Image, share: Path) -> tuple[str, ...]:
    """Give the command of the QEMU around the box.

    TCG emulates SVM with nested paging. With a second CPU, nested Linux hung in most boots: it took
    timer interrupts while it had them disabled, and waited for a lock that it held itself.
    """
    return (
        *(_QEMU, "-machine", "q35", "-accel", "tcg,thread=single", "-cpu", _CPU),
        *("-smp", "1", "-m", "4G", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-serial", "stdio", "-kernel", str(system.kernel), "-initrd", str(system.initramfs)),
        *("-append", _COMMAND_LINE),
        *("-drive", f"file={system.root},format=raw,if=virtio,snapshot=on"),
        *("-virtfs", f"local,path={share},mount_tag=box,security_model=none"),
    )


@contextlib.contextmanager
def prepared() -> Iterator[Box]:
    """Give a box ready to boot; skip the test, with the reason, where this host cannot have one."""
    system = _image_or_skip()
    with process.Guard() as guard, tempfile.TemporaryDirectory(prefix="kvm-box-") as scratch:
        guard.watch("remove", scratch)
        yield Box(system, Path(scratch))


def _image_or_skip() -> image.Image:
    try:
        process.require(_QEMU, hint="apt install qemu-system-x86")
        return image.cached()
    except HostError as error:
        require(condition=False, reason=f"no KVM host in a box: {error}; {error.hint}")
        raise
