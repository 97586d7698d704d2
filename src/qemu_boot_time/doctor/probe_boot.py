"""The proof that KVM works: a guest of 64 KiB, booted under it, whose bytes arrive."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import tiny
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.host.perf_event import count, open_tracepoint
from qemu_boot_time.host.rights import event_id, find_tracefs
from qemu_boot_time.protocol import FIRMWARE_PORT, LINUX_PORT
from qemu_boot_time.vm.command import escaped

_PATIENCE_S = 10.0
_POLL_S = 0.005
_EXPECTED = {FIRMWARE_PORT: b"\x01\x05", LINUX_PORT: b"\x03\x06\x07"}
_MACHINE = ("-machine", "q35", "-m", "16", "-nodefaults", "-display", "none")
"""The machine that every build of QEMU has; enterprise ones lack isa-debug-exit."""
_STUCK = b"KVM internal error"
"""QEMU says so and stays paused for ever."""


@dataclass(frozen=True, slots=True)
class ProbeBoot:
    """How the boot went."""

    ok: bool
    what: str
    """One line."""
    entries: int | None = None
    """How often ``kvm:kvm_entry`` fired meanwhile; None: we may not count it."""


def boot(qemu: str, *, accel: str = "kvm", patience_s: float = _PATIENCE_S) -> ProbeBoot:
    """Boot the guest and compare the bytes it wrote with the protocol; leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="qbt-doctor-") as name:
        directory = Path(name)
        bios = directory / "bios.bin"
        bios.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.PowerOff()))
        argv = (qemu, *_MACHINE, "-accel", accel, "-bios", str(bios), *_debugcons(directory))
        try:
            with _entry_counter() as entries:
                trouble, took_ns = _run(argv, directory, patience_s)
                seen = entries()
        except HostError as error:
            return ProbeBoot(ok=False, what=error.what)
        return _judge(directory, trouble, took_ns, seen)


def _debugcons(directory: Path) -> tuple[str, ...]:
    args: list[str] = []
    for port in _EXPECTED:
        args += ["-chardev", f"file,id=p{port:x},path={escaped(_sink(directory, port))}"]
        args += ["-device", f"isa-debugcon,iobase={port:#x},chardev=p{port:x}"]
    return tuple(args)


def _sink(directory: Path, port: int) -> Path:
    return directory / f"port-{port:x}"


def _run(argv: tuple[str, ...], directory: Path, patience_s: float) -> tuple[str, int]:
    """Give what went wrong (empty: nothing), and the time from exec to exit in nanoseconds."""
    log = directory / "qemu.log"
    with log.open("wb") as sink:
        child, started_ns = process.start(process.Start(argv, stdout=sink, stderr=sink))
    try:
        trouble = _wait(child, log, started_ns + int(patience_s * 1e9))
    finally:
        took_ns = time.monotonic_ns() - started_ns
        if child.returncode is None:
            process.end_group(child)
    return trouble, took_ns


def _wait(child: subprocess.Popen[bytes], log: Path, deadline_ns: int) -> str:
    while child.poll() is None:
        if _STUCK in log.read_bytes():
            return "QEMU stopped with a KVM internal error"
        if time.monotonic_ns() > deadline_ns:
            return "the guest did not end in time"
        time.sleep(_POLL_S)
    return ""


def _judge(directory: Path, trouble: str, took_ns: int, entries: int | None) -> ProbeBoot:
    wrote = {port: _bytes(_sink(directory, port)) for port in _EXPECTED}
    if wrote == _EXPECTED and not trouble:
        what = f"a guest booted, its five marks arrived, in {took_ns / 1e6:.0f} ms"
        return ProbeBoot(ok=True, what=what, entries=entries)
    if not trouble:
        said = process.tail(directory / "qemu.log").strip().rpartition("\n")[2]
        arrived = ", ".join(f"{port:#x}: {wrote[port].hex(' ') or '-'}" for port in wrote)
        trouble = said or f"its marks were {arrived}"
    return ProbeBoot(ok=False, what=f"the probe guest did not boot: {trouble}", entries=entries)


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


@contextlib.contextmanager
def _entry_counter() -> Iterator[Callable[[], int | None]]:
    """Count ``kvm:kvm_entry`` on all CPUs, if we may."""
    tracefs = find_tracefs()
    number = event_id(tracefs.directory, "kvm/kvm_entry") if tracefs else None
    with contextlib.ExitStack() as opened:
        descriptors: list[int] = []
        try:
            for cpu in sorted(online_cpus()) if number else ():
                descriptors.append(open_tracepoint(number or 0, cpu=cpu))
                opened.callback(os.close, descriptors[-1])
        except OSError:
            descriptors = []
        yield lambda: sum(map(count, descriptors)) if descriptors else None
