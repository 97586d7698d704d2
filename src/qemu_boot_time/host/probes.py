"""Probes: is this part of the host usable, and what to do if it is not."""

import errno
import fcntl
import grp
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.host.files import ROOT, pairs
from qemu_boot_time.process import run

_QUICK_S = 10.0
_KVM_GET_API_VERSION = 0xAE00
"""``_IO(KVMIO, 0)`` of linux/kvm.h; 12 since Linux 2.6.22, and that is promised to stay."""
_KVM_API_VERSION = 12
_GROUP_RW = stat.S_IRGRP | stat.S_IWGRP
_INSTALL_QEMU = "sudo apt install qemu-system-x86    # dnf: qemu-system-x86-core"
_INSTALL_PERF = "sudo apt install linux-perf    # dnf: perf"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one look at the host showed."""

    ok: bool
    what: str
    """One line: what was seen."""
    remedy: str = ""
    """What to do about it, ready to paste; may have several lines."""


def all_of(*looks: Callable[[], Probe]) -> Probe:
    """Look at what is needed together: give the first that is not usable, or the last."""
    found = [look() for look in looks]
    return next((probe for probe in found if not probe.ok), found[-1])


def program_version(program: str) -> str | None:
    """Give the first line of ``program --version``; None where it cannot be run."""
    try:
        return _version(program)
    except HostError:
        return None


def _version(program: str) -> str:
    return run([program, "--version"], timeout_s=_QUICK_S).stdout.strip().partition("\n")[0]


def kvm_device(*, root: Path = ROOT) -> Probe:
    """Open /dev/kvm as QEMU would, and ask it whether it is KVM. Boots nothing."""
    device = root / "dev/kvm"
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return Probe(ok=False, what="/dev/kvm does not exist", remedy=_load_kvm(root))
    except OSError as error:
        return _kvm_refused(device, error, root)
    try:
        version = fcntl.ioctl(descriptor, _KVM_GET_API_VERSION)
    except OSError as error:
        return Probe(
            ok=False, what=f"/dev/kvm is not KVM: {error.strerror}", remedy=_load_kvm(root)
        )
    finally:
        os.close(descriptor)
    if version != _KVM_API_VERSION:
        return Probe(ok=False, what=f"/dev/kvm speaks version {version} of its interface, not 12")
    return Probe(ok=True, what="/dev/kvm opens for reading and writing")


def _load_kvm(root: Path) -> str:
    flags = dict(pairs(root / "proc/cpuinfo")).get("flags", "").split()
    modules = {"vmx": "kvm_intel", "svm": "kvm_amd"}
    for flag, module in modules.items():
        if flag in flags:
            return f"sudo modprobe {module}"
    return (
        "the CPU shows neither vmx nor svm: switch virtualisation on in the firmware's set-up,\n"
        "or, inside a VM, nested virtualisation in the hypervisor (-cpu host)"
    )


def _kvm_refused(device: Path, error: OSError, root: Path) -> Probe:
    what = f"/dev/kvm cannot be opened: {error.strerror}"
    if error.errno not in (errno.EACCES, errno.EPERM):
        return Probe(ok=False, what=what, remedy=_load_kvm(root))
    state = device.stat()
    group = _group_name(state.st_gid)
    what += f" (mode {stat.S_IMODE(state.st_mode):o}, group {group})"
    join = 'sudo usermod -aG {} "$USER"    # then log in again'
    if state.st_gid and state.st_mode & _GROUP_RW == _GROUP_RW:
        return Probe(ok=False, what=what, remedy=join.format(group))
    open_to_group = (
        "sudo groupadd --system --force kvm\n"
        "sudo chown root:kvm /dev/kvm && sudo chmod 660 /dev/kvm\n"
    )
    return Probe(ok=False, what=what, remedy=open_to_group + join.format("kvm"))


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def perf_binary(program: str = "perf") -> Probe:
    """Run perf once: distributions ship wrappers that find no perf for the running kernel."""
    return _starts(program, remedy=_INSTALL_PERF)


def qemu_binary(program: str = "qemu-system-x86_64") -> Probe:
    """Tell whether QEMU starts, and which version it is."""
    return _starts(program, remedy=_INSTALL_QEMU)


def _starts(program: str, *, remedy: str) -> Probe:
    try:
        return Probe(ok=True, what=_version(program))
    except HostError as error:
        return Probe(ok=False, what=error.what, remedy=error.hint or remedy)


def qemu_accelerators(program: str = "qemu-system-x86_64") -> tuple[str, ...]:
    """Give the accelerators compiled into QEMU; none where it cannot be run."""
    try:
        lines = run([program, "-accel", "help"], timeout_s=_QUICK_S).stdout.splitlines()
    except HostError:
        return ()
    return tuple(line.strip() for line in lines if line.strip() and not line.rstrip().endswith(":"))


def qemu_devices(program: str = "qemu-system-x86_64") -> Probe:
    """Tell whether QEMU has what the ``debugcon`` source needs: isa-debugcon, and UDP chardevs."""
    wanted = {"isa-debugcon": ["-device", "help"], "udp": ["-M", "none", "-chardev", "help"]}
    try:
        missing = [name for name, ask in wanted.items() if not _lists(program, ask, name)]
    except HostError as error:
        return Probe(ok=False, what=error.what, remedy=_INSTALL_QEMU)
    if missing:
        return Probe(
            ok=False,
            what=f"QEMU was built without {' and '.join(missing)}",
            remedy=f"use a QEMU built with its default devices\n{_INSTALL_QEMU}",
        )
    return Probe(ok=True, what="isa-debugcon and UDP character devices are there")


def _lists(program: str, ask: list[str], name: str) -> bool:
    words = run([program, *ask], timeout_s=_QUICK_S).stdout.replace('"', " ").replace(",", " ")
    return name in words.split()
