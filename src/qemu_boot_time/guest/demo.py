"""The guest of ``qbt demo``: the most telling one that this host can have right now.

An instrumented kernel where one was built, else the distribution's own, else 64 KiB of our own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import builds, cache, init, initramfs, stock, tiny
from qemu_boot_time.guest.builds import Piece
from qemu_boot_time.guest.builds.linux import BZIMAGE
from qemu_boot_time.guest.builds.seabios import BIOS
from qemu_boot_time.guest.stock import StockKernel
from qemu_boot_time.protocol import (
    FW_DO_BOOT,
    FW_START,
    LINUX_START_BOOT,
    LINUX_START_KERNEL,
    LINUX_START_USER,
    RANK,
    TRACE_POINTS,
)

_MACHINE = (
    *("qemu-system-x86_64", "-M", "q35", "-m", "256", "-nodefaults", "-no-reboot"),
    *("-display", "none", "-serial", "stdio"),
)
_APPEND = ("console=ttyS0", "quiet", "panic=-1", *init.ON_A_BUSY_HOST)
_USER_VALUE = next(point.value for point in TRACE_POINTS if point.name == LINUX_START_USER)
_SPIN = 100_000
"""Loops between the marks of the tiny guest, so that its phases have a length: 1 ms under TCG."""


class Network(Enum):
    """Whether a kernel may be downloaded."""

    AUTO = "auto"
    """Where there is no kernel yet; go on without where that fails."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Pieces:
    """What there is to make a guest of; None: not there."""

    linux: Path | None = None
    """The bzImage of an instrumented kernel."""
    seabios: Path | None = None
    """An instrumented SeaBIOS image."""
    optionroms: Path | None = None
    """A directory of instrumented option ROMs."""
    distribution: StockKernel | None = None
    """A kernel of the distribution's."""


@dataclass(frozen=True, slots=True)
class DemoGuest:
    """A guest that boots and powers off by itself."""

    name: str
    description: str
    """One line for a person."""
    qemu_args: tuple[str, ...]
    """QEMU's whole argv, program first, but the accelerator: append ``-accel kvm`` or the like."""
    files: tuple[Path, ...]
    """What it reads."""
    marks: tuple[str, ...]
    """The trace points that the guest itself writes, in order."""
    until: str
    """Where the measurement ends."""
    more: str
    """What would show more marks, ready to paste; empty: nothing would."""


@dataclass(frozen=True, slots=True)
class _Kernel:
    name: str
    description: str
    image: Path
    parameters: tuple[str, ...]
    marks: tuple[str, ...]


def choose(
    *, network: Network = Network.AUTO, progress: Callable[[str], None] = lambda _: None
) -> DemoGuest:
    """Take the best guest that this host has or can fetch, and write its files into our cache.

    There always is one: without any kernel it is the tiny guest. ``progress`` is told in lines
    what takes long, and why there is no kernel. Raises HostError where the cache is not writable.
    """
    pieces = available()
    if pieces.linux is None and pieces.distribution is None and network is Network.AUTO:
        try:
            pieces = replace(pieces, distribution=stock.fetch(progress))
        except HostError as error:
            progress(f"no stock kernel ({error.what}): the tiny guest instead")
    return compose(pieces, cache.directory("demo"))


def available() -> Pieces:
    """Look what was built or fetched here; asks no network."""
    linux, seabios, optionrom = (
        builds.cached(piece) for piece in (Piece.LINUX, Piece.SEABIOS, Piece.OPTIONROM)
    )
    return Pieces(
        linux=linux.files[BZIMAGE] if linux else None,
        seabios=seabios.files[BIOS] if seabios else None,
        optionroms=optionrom.directory if optionrom else None,
        distribution=stock.find(),
    )


def compose(pieces: Pieces, directory: Path) -> DemoGuest:
    """Make the most telling guest of the pieces; ``directory`` takes the files made for it.

    Raises HostError where it cannot be written.
    """
    kernel = _kernel(pieces)
    return _tiny(directory) if kernel is None else _linux(kernel, pieces, directory)


def _kernel(pieces: Pieces) -> _Kernel | None:
    if pieces.linux is not None:
        return _Kernel(
            name="instrumented",
            description="a small Linux that writes its own marks",
            image=pieces.linux,
            parameters=init.parameters(),
            marks=(LINUX_START_KERNEL, LINUX_START_USER),
        )
    if pieces.distribution is not None:
        return _Kernel(
            name="stock",
            description=f"the distribution's Linux {pieces.distribution.release}, as it is",
            image=pieces.distribution.vmlinuz,
            parameters=init.parameters(mark=_USER_VALUE),
            marks=(LINUX_START_USER,),
        )
    return None


def _linux(kernel: _Kernel, pieces: Pieces, directory: Path) -> DemoGuest:
    archive = cache.keep(directory, "initramfs", initramfs.build())
    firmware, firmware_marks = _firmware(pieces)
    words = (*_APPEND, *kernel.parameters)
    boot = ("-kernel", str(kernel.image), "-initrd", str(archive), "-append", " ".join(words))
    return DemoGuest(
        name=kernel.name,
        description=kernel.description,
        qemu_args=(*_MACHINE, *firmware, *boot),
        files=tuple(f for f in (kernel.image, archive, pieces.seabios, pieces.optionroms) if f),
        marks=tuple(sorted(firmware_marks + kernel.marks, key=RANK.__getitem__)),
        until=LINUX_START_USER,
        more=_more(pieces),
    )


def _firmware(pieces: Pieces) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the options that put instrumented firmware in place, and the marks that it writes."""
    options: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    if pieces.seabios is not None:
        options += ("-bios", str(pieces.seabios))
        marks += (FW_START, FW_DO_BOOT)
    if pieces.optionroms is not None:
        # Looked at before the directories of QEMU's own.
        options += ("-L", str(pieces.optionroms))
        marks += (LINUX_START_BOOT,)
    return options, marks


def _tiny(directory: Path) -> DemoGuest:
    first, *others = tiny.PROTOCOL
    steps = (*tiny.marks(first), *tiny.marks(*others, spin=_SPIN), tiny.PowerOff())
    bios = cache.keep(directory, "tiny", tiny.image(*steps))
    return DemoGuest(
        name="tiny",
        description="no Linux: 64 KiB of firmware that writes every mark and does nothing else",
        qemu_args=(*_MACHINE, "-bios", str(bios)),
        files=(bios,),
        marks=tiny.PROTOCOL,
        until=LINUX_START_USER,
        more="qbt build linux",
    )


def _more(pieces: Pieces) -> str:
    built = {"linux": pieces.linux, "seabios": pieces.seabios, "optionrom": pieces.optionroms}
    return " && ".join(f"qbt build {name}" for name, path in built.items() if path is None)
