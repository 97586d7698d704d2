"""Whether we may record the kernel's tracepoints, and if not, what exactly is missing."""

import errno
import grp
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time.host.files import (
    ROOT,
    as_int,
    number,
    online_cpus,
    pairs,
    text,
    why_not_writable,
)
from qemu_boot_time.host.perf_event import open_tracepoint
from qemu_boot_time.host.probes import Probe

_CAP_SYS_ADMIN = 21
_CAP_PERFMON = 38
_MOUNT_POINTS = ("sys/kernel/tracing", "sys/kernel/debug/tracing")
_EXEC = "sched/sched_process_exec"
_PORT_IO = "kvm/kvm_pio"

_WITH_PERFMON = (
    'sudo --preserve-env=HOME,PATH setpriv --reuid "$(id -u)" \\\n'
    '  --regid "$(id -g)" --init-groups \\\n'
    "  --inh-caps=-all,+perfmon --ambient-caps=-all,+perfmon \\\n"
    '  "$(command -v qbt)" run ...'
)
"""Start one program with one capability more than its user has."""
_GROUP_READS = 0o750


@dataclass(frozen=True, slots=True)
class Tracefs:
    """Where the kernel's trace points are described."""

    directory: Path
    readable: bool


def find_tracefs(root: Path = ROOT) -> Tracefs | None:
    """Find tracefs where it is mounted; None where it is not."""
    mounts = (text(root / "proc/mounts") or "").splitlines()
    mounted = {words[1] for line in mounts if (words := line.split())[2:3] == ["tracefs"]}
    for point in _MOUNT_POINTS:
        if f"/{point}" in mounted:
            directory = root / point
            return Tracefs(directory, readable=event_id(directory, _EXEC) is not None)
    return None


def event_id(tracefs_directory: Path, event: str) -> int | None:
    """Give the number of a tracepoint (``kvm/kvm_pio``); None where it cannot be read."""
    return number(tracefs_directory / "events" / event / "id")


def tracefs(*, root: Path = ROOT) -> Probe:
    """Tell where tracefs is mounted, and whether we may read the events' numbers."""
    found = find_tracefs(root)
    if found is None:
        mount = "sudo mount -t tracefs tracefs /sys/kernel/tracing"
        return Probe(ok=False, what="tracefs is not mounted", remedy=mount)
    where = f"/{found.directory.relative_to(root)}"
    if not found.readable:
        what = f"{where}: not readable for {_who()} ({_mode(found.directory)})"
        return Probe(ok=False, what=what, remedy=_remount(where))
    if event_id(found.directory, _PORT_IO) is None:
        what = f"{where}: no events of KVM, its module is not loaded"
        return Probe(ok=False, what=what, remedy="sudo modprobe kvm_intel || sudo modprobe kvm_amd")
    return Probe(ok=True, what=f"{where}: the events of KVM are readable")


def tracefs_instances(*, root: Path = ROOT) -> Probe:
    """Tell whether we may make a tracefs instance of our own: asked, not tried.

    One made for trying would stay behind where a signal ends us before it is removed.
    """
    names, found = tracefs(root=root), find_tracefs(root)
    if found is None or not names.ok:
        return names
    instances = found.directory / "instances"
    refusal = why_not_writable(instances)
    if refusal:
        remedy = "sudo qbt run ...; or --source debugcon, which needs no right"
        what = f"{instances}: {_who()} may not make an instance: {refusal}"
        return Probe(ok=False, what=what, remedy=remedy)
    return Probe(ok=True, what=f"{_who()} may make instances in {instances}")


def remount_argv(where: Path | str, gid: int, mode: int = _GROUP_READS) -> tuple[str, ...]:
    """Give the command (for root) that lets a group read tracefs, and still nobody write it."""
    return ("mount", "-o", f"remount,gid={gid},mode={mode:o}", str(where))


def tracepoint_access(*, root: Path = ROOT) -> Probe:
    """Try what a recorder of tracepoints does, as this user, and say what is missing.

    Where it works it takes tens of milliseconds: the kernel waits for an RCU grace period.
    """
    names = tracefs(root=root)
    found = find_tracefs(root)
    if found is None or (found.readable and not names.ok):
        return names
    if not found.readable:
        return _not_even_the_names(names, root)
    number = event_id(found.directory, _PORT_IO) or 0
    try:
        os.close(open_tracepoint(number, cpu=min(online_cpus(root), default=0)))
    except OSError as error:
        return _refused(error, root)
    return Probe(ok=True, what=f"{_who()} may record tracepoints ({_by_right_of(root)})")


def _not_even_the_names(names: Probe, root: Path) -> Probe:
    if _allowed(root):
        return names
    return Probe(
        ok=False,
        what=f"{names.what}, and {_no_capability(root)}",
        remedy=f"{names.remedy}\n{_WITH_PERFMON}",
    )


def _refused(error: OSError, root: Path) -> Probe:
    if error.errno not in (errno.EACCES, errno.EPERM):
        what = f"perf_event_open: {error.strerror}"
        return Probe(ok=False, what=what, remedy="use --source debugcon, which needs no right")
    if _allowed(root):
        return Probe(
            ok=False,
            what="perf_event_open is forbidden in spite of our rights: seccomp, an LSM or a container",
            remedy="in a container: docker run --cap-add PERFMON --security-opt seccomp=unconfined",
        )
    return Probe(ok=False, what=_no_capability(root), remedy=_WITH_PERFMON)


def _remount(where: str) -> str:
    return " ".join(("sudo", *remount_argv(where, os.getgid())))


def _no_capability(root: Path) -> str:
    return f"CAP_PERFMON is missing (kernel.perf_event_paranoid is {_paranoid(root)})"


def _allowed(root: Path) -> bool:
    paranoid = _paranoid(root)
    if paranoid is not None and paranoid < 0:
        return True
    return bool(_capabilities(root) & (1 << _CAP_PERFMON | 1 << _CAP_SYS_ADMIN))


def _by_right_of(root: Path) -> str:
    for bit, name in ((_CAP_PERFMON, "CAP_PERFMON"), (_CAP_SYS_ADMIN, "CAP_SYS_ADMIN")):
        if _capabilities(root) & 1 << bit:
            return name
    return f"kernel.perf_event_paranoid is {_paranoid(root)}"


def _capabilities(root: Path) -> int:
    status = dict(pairs(root / "proc/self/status"))
    return as_int(f"0x{status.get('CapEff', '0')}") or 0


def _paranoid(root: Path) -> int | None:
    return number(root / "proc/sys/kernel/perf_event_paranoid")


def _who() -> str:
    return "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"


def _mode(directory: Path) -> str:
    try:
        state = directory.stat()
        group = grp.getgrgid(state.st_gid).gr_name
    except (OSError, KeyError):
        return "its owner cannot be seen"
    return f"mode {stat.S_IMODE(state.st_mode):o}, group {group}"
