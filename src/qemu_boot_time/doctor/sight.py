"""Checks: what this host can see of a boot."""

import os
import stat
from collections.abc import Callable, Mapping
from itertools import takewhile

from qemu_boot_time import host
from qemu_boot_time.doctor.finding import Command, Seen, Status, Step
from qemu_boot_time.doctor.patient import Accel, Patient
from qemu_boot_time.host.facts import cpu_flags, kvm_modules
from qemu_boot_time.host.files import as_int
from qemu_boot_time.host.rights import Tracefs, find_tracefs, remount_argv

_HARDWARE = {"vmx": "VT-x", "svm": "AMD-V"}
_HARDWARE_MODULES = {"kvm_intel": "VT-x", "kvm_amd": "AMD-V"}


def _missing_kvm(patient: Patient) -> Status:
    return Status.FAIL if patient.accel is Accel.KVM else Status.WARN


def _qemu(patient: Patient) -> Seen:
    return Seen.of(patient.qemu_probe, otherwise=Status.FAIL)


def _devices(patient: Patient) -> Seen:
    if not patient.qemu_probe.ok:
        return Seen(Status.UNKNOWN, "no QEMU to ask")
    return Seen.of(patient.device_probe, otherwise=Status.WARN)


def _kvm_device(patient: Patient) -> Seen:
    return Seen.of(patient.kvm_probe, otherwise=_missing_kvm(patient))


def _kvm_boot(patient: Patient) -> Seen:
    boot = patient.kvm_boot
    if boot is None:
        return Seen(Status.UNKNOWN, f"not tried: {patient.kvm_obstacle}")
    if boot.ok:
        return Seen(Status.OK, boot.what)
    remedy = "sudo dmesg | tail    # what KVM said; meanwhile measure with -accel tcg"
    return Seen(_missing_kvm(patient), boot.what, remedy)


def _kvm_kind(patient: Patient) -> Seen:
    hardware = _hardware(patient)
    entries = patient.kvm_boot.entries if patient.kvm_boot and patient.kvm_boot.ok else None
    silent = "; kvm_entry never fires" if entries == 0 else ""
    if hardware:
        fires = ", kvm_entry fires" if entries else silent
        return Seen(Status.WARN if silent else Status.OK, f"{hardware}{fires}")
    drivers = ", ".join(name for name in kvm_modules(patient.root) if name != "kvm")
    if not drivers:
        return Seen(Status.UNKNOWN, "no module of KVM is loaded")
    what = f"software KVM ({drivers}): the CPU shows neither vmx nor svm{silent}"
    return Seen(Status.WARN, what, "measure on a host with vmx or svm")


def _hardware(patient: Patient) -> str:
    flags, modules = cpu_flags(patient.root), kvm_modules(patient.root)
    by_flag = (name for flag, name in _HARDWARE.items() if flag in flags)
    by_module = (name for module, name in _HARDWARE_MODULES.items() if module in modules)
    return next(by_flag, "") or next(by_module, "")


def _perf(_patient: Patient) -> Seen:
    return Seen.of(host.perf_binary(), otherwise=Status.WARN)


def _tracefs(patient: Patient) -> Seen:
    probe = host.tracefs(root=patient.root)
    steps = _tracefs_steps(patient)
    if probe.ok and steps:
        what = f"{probe.what} for root, not for group {_caller()}"
        return Seen(Status.WARN, what, steps[0].command, steps)
    return Seen(Status.OK if probe.ok else Status.WARN, probe.what, probe.remedy, steps)


def _tracefs_steps(patient: Patient) -> tuple[Step, ...]:
    found = find_tracefs(patient.root)
    if found is None:
        where = "/sys/kernel/tracing"
        return (Command(("mount", "-t", "tracefs", "tracefs", where), ("umount", where)),)
    if _open_to_caller(found):
        return ()
    state = found.directory.stat()
    undo = remount_argv(found.directory, state.st_gid, stat.S_IMODE(state.st_mode))
    return (Command(remount_argv(found.directory, _caller()), undo),)


def _open_to_caller(tracefs: Tracefs) -> bool:
    if os.geteuid() or not _caller():
        return tracefs.readable
    state = tracefs.directory.stat()
    by_group = state.st_gid == _caller() and state.st_mode & stat.S_IXGRP
    return bool(by_group or state.st_mode & stat.S_IXOTH)


def _caller() -> int:
    """Give the group of the person at the keyboard, through sudo too."""
    through_sudo = as_int(os.environ.get("SUDO_GID"))
    return os.getgid() if through_sudo is None else through_sudo


def _tracepoints(patient: Patient) -> Seen:
    return Seen.of(patient.right_probe, otherwise=Status.WARN)


def chosen_source(patient: Patient) -> str | None:
    """Name the source that ``auto`` takes here; None where there is none."""
    return next((name for name, probe in patient.source_probes.items() if probe.ok), None)


def _source(patient: Patient) -> Seen:
    chosen = chosen_source(patient)
    if chosen is None:
        return Seen(Status.FAIL, "none: " + _told(patient.source_probes))
    better = takewhile(lambda item: not item[1].ok, patient.source_probes.items())
    why_not = _told(dict(better))
    return Seen(Status.OK, f"{chosen}; not {why_not}" if why_not else chosen)


def _told(probes: Mapping[str, host.Probe]) -> str:
    return "; ".join(f"{name} ({probe.what})" for name, probe in probes.items())


CHECKS: tuple[tuple[str, str, Callable[[Patient], Seen]], ...] = (
    ("qemu", "nothing can be measured without it", _qemu),
    ("qemu devices", "the debugcon source sees port writes through them", _devices),
    ("kvm device", "without it guests are emulated, and slower by an order", _kvm_device),
    ("kvm boot", "/dev/kvm may open and still run no guest", _kvm_boot),
    ("kvm kind", "times of software KVM are not those of hardware", _kvm_kind),
    ("perf", "the perf source starts it", _perf),
    ("tracefs", "it has the numbers of the kernel's events", _tracefs),
    (
        "tracepoints",
        "with them a boot is seen at no cost, by the kernel's own stamps",
        _tracepoints,
    ),
    ("source", "what `qbt run` takes when nobody says --source", _source),
)
"""Name, why it matters, and how to look."""
