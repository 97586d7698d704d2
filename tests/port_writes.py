"""What a guest under TCG writes to the two ports, seen through isa-debugcon."""

import subprocess
import time
from pathlib import Path
from typing import NamedTuple

_DEADLINE_S = 240
_LAST_MARK = b"\x07"


class PortWrites(NamedTuple):
    """The bytes written to each port, in order, and the serial console for who looks for a reason."""

    linux: bytes
    firmware: bytes
    console: str


def boot(directory: Path, machine: str, *arguments: str) -> PortWrites:
    """Boot a guest until it has written the last mark, or left; ``directory`` is for the files."""
    argv = ["qemu-system-x86_64", "-M", f"{machine},accel=tcg", "-m", "256", "-nodefaults"]
    argv += ["-display", "none", "-no-reboot", "-serial", f"file:{directory}/serial"]
    for port in ("f4", "f5"):
        argv += ["-chardev", f"file,id={port},path={directory}/{port}"]
        argv += ["-device", f"isa-debugcon,iobase=0x{port},chardev={port}"]
    _run_to_last_mark([*argv, *arguments], directory / "f4")
    serial = (directory / "serial").read_text(errors="replace")
    return PortWrites((directory / "f4").read_bytes(), (directory / "f5").read_bytes(), serial)


def _run_to_last_mark(argv: list[str], written: Path) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    with subprocess.Popen(argv) as qemu:
        while qemu.poll() is None and time.monotonic() < deadline:
            if written.exists() and _LAST_MARK in written.read_bytes():
                break
            time.sleep(0.05)
        qemu.kill()
