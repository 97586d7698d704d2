"""Checks: what would spoil a measurement on this host."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from qemu_boot_time.doctor.finding import Seen, Status, Step, Write
from qemu_boot_time.doctor.patient import Patient
from qemu_boot_time.host.activity import Busy
from qemu_boot_time.host.facts import container, hypervisor, turbo
from qemu_boot_time.host.files import as_int, chosen, cpu_list, number, online_cpus, pairs, text

_CPUS = Path("sys/devices/system/cpu")
_STEAL_LIMIT = 0.01
_BUSY_LIMIT = 0.25
"""Of one CPU, all busy processes together."""
_FEW_CPUS = 2
_LOAD_PER_CPU = 0.25
_LOW_MEMORY_KIB = 1 << 20
_SHOWN = 3
_SLOW_CLOCKS = frozenset({"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"})
_VMM_NAMES = ("qemu-", "firecracker", "cloud-hyperviso", "crosvm", "VBoxHeadless", "vmware-vmx")
"""Beginnings of /proc/PID/comm, which the kernel cuts after 15 bytes."""


def _governor(patient: Patient) -> Seen:
    by_governor: dict[str, list[Path]] = defaultdict(list)
    for file in sorted((patient.root / _CPUS / "cpufreq").glob("policy*/scaling_governor")):
        by_governor[text(file) or "unreadable"].append(file)
    if not by_governor:
        return Seen(Status.UNKNOWN, "no frequency scaling to be seen: the host below decides")
    if set(by_governor) == {"performance"}:
        return Seen(Status.OK, "performance on all CPUs")
    steps = tuple(
        Write(tuple(files), "performance", governor)
        for governor, files in by_governor.items()
        if governor != "performance" and all(map(_has_performance, files))
    )
    glob = f"/{_CPUS}/cpufreq/policy*/scaling_governor"
    return Seen(
        Status.WARN, " and ".join(by_governor), f"echo performance | sudo tee {glob}", steps
    )


def _has_performance(file: Path) -> bool:
    names = text(file.with_name("scaling_available_governors"))
    return names is None or "performance" in names.split()


def _turbo(patient: Patient) -> Seen:
    state = turbo(patient.root)
    if state is None:
        return Seen(Status.UNKNOWN, "no switch for it to be seen")
    if not state:
        return Seen(Status.OK, "off")
    intel = patient.root / _CPUS / "intel_pstate/no_turbo"
    boost = patient.root / _CPUS / "cpufreq/boost"
    step = Write((intel,), "1", "0") if intel.exists() else Write((boost,), "0", "1")
    return Seen(Status.WARN, "on", step.command, (step,))


def _load(patient: Patient) -> Seen:
    words = (text(patient.root / "proc/loadavg") or "").split()
    try:
        load = float(words[0])
    except (IndexError, ValueError):
        return Seen(Status.UNKNOWN, "no load average to be seen")
    cpus = max(1, len(online_cpus(patient.root)))
    what = f"{load:.2f} in the last minute, on {cpus} CPUs"
    high = load > cpus * _LOAD_PER_CPU
    return Seen(Status.WARN if high else Status.OK, what, "wait, or see `top`" if high else "")


def _busy(patient: Patient) -> Seen:
    busy = [process for process in patient.activity.busy if not _is_vmm(process)]
    if sum(process.cpus for process in busy) < _BUSY_LIMIT:
        return Seen(Status.OK, "nothing else uses the CPU")
    pids = " ".join(str(process.pid) for process in busy[:_SHOWN])
    remedy = f"kill -STOP {pids}    # later -CONT; or wait"
    return Seen(Status.WARN, _listed(busy), remedy)


def _other_vms(patient: Patient) -> Seen:
    running = [process for process in patient.activity.processes if _is_vmm(process)]
    if not running:
        return Seen(Status.OK, "none runs")
    return Seen(Status.WARN, _listed(running), "stop them, or keep apart: qbt run --cpus LIST")


def _is_vmm(process: Busy) -> bool:
    return process.name.startswith(_VMM_NAMES)


def _listed(processes: Sequence[Busy]) -> str:
    shown = [
        f"{process.name} (pid {process.pid}, {process.cpus:.0%} of a CPU)"
        for process in processes[:_SHOWN]
    ]
    more = len(processes) - _SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _steal(patient: Patient) -> Seen:
    steal = patient.activity.steal
    what = f"{steal:.1%} of the time went to other machines"
    if steal <= _STEAL_LIMIT:
        return Seen(Status.OK, what)
    return Seen(Status.WARN, what, "measure on dedicated CPUs, or later")


def _virtual(patient: Patient) -> Seen:
    name = hypervisor(patient.root)
    if name is None:
        return Seen(Status.OK, "bare metal, as far as can be seen")
    return Seen(Status.WARN, f"inside a VM ({name})", "compare only what was measured here")


def _quota(patient: Patient) -> Seen:
    kind = container(patient.root)
    inside = f"in a container ({kind}), " if kind else ""
    own = dict(pairs(patient.root / "proc/self/cgroup", separator="::")).get("0", "/")
    limit = (text(patient.root / "sys/fs/cgroup" / own.lstrip("/") / "cpu.max") or "max").split()
    quota, period = as_int(limit[0]), as_int(limit[-1])
    if quota is None or not period:
        return Seen(Status.OK, f"{inside}no limit")
    return Seen(
        Status.WARN,
        f"{inside}{quota / period:g} CPUs, then everything waits",
        "start it without one: docker run without --cpus, systemd without CPUQuota=",
    )


def _smt(patient: Patient) -> Seen:
    active = number(patient.root / _CPUS / "smt/active")
    if active is None:
        return Seen(Status.UNKNOWN, "this host does not tell")
    if not active:
        return Seen(Status.OK, "off, or not there")
    return Seen(Status.WARN, "on", f"qbt run --cpus {_one_a_core(patient.root)} ...")


def _one_a_core(root: Path) -> str:
    files = (root / _CPUS).glob("cpu[0-9]*/topology/thread_siblings_list")
    cores = {min(siblings) for file in files if (siblings := cpu_list(text(file)))}
    return ",".join(map(str, sorted(cores)[:_SHOWN])) or "LIST"


def _isolation(patient: Patient) -> Seen:
    cpus, isolated = online_cpus(patient.root), text(patient.root / _CPUS / "isolated")
    if isolated:
        return Seen(Status.OK, f"{isolated} of {len(cpus)}: pin with --cpus {isolated}")
    if not cpus:
        return Seen(Status.UNKNOWN, "this host does not tell")
    if len(cpus) > _FEW_CPUS:
        return Seen(Status.OK, f"none of {len(cpus)}; `qbt run --cpus LIST` pins QEMU")
    return Seen(
        Status.WARN,
        f"{len(cpus)} CPUs, shared by QEMU, the recorder and all else",
        "give the machine more CPUs, and boot it with isolcpus=LIST",
    )


def _memory(patient: Patient) -> Seen:
    available = _kib(patient, "MemAvailable")
    if available is None:
        return Seen(Status.UNKNOWN, "this host does not tell")
    what = f"{available >> 10} MiB available"
    if available >= _LOW_MEMORY_KIB:
        return Seen(Status.OK, what)
    return Seen(Status.WARN, what, "end what holds it: ps -eo rss,pid,comm --sort -rss | head")


def _swap(patient: Patient) -> Seen:
    total, free = _kib(patient, "SwapTotal"), _kib(patient, "SwapFree")
    if total is None or free is None:
        return Seen(Status.UNKNOWN, "this host does not tell")
    if total == free:
        return Seen(Status.OK, "not in use")
    remedy = "sudo swapoff -a    # needs the memory free; undo: sudo swapon -a"
    return Seen(Status.WARN, f"{(total - free) >> 10} MiB in use", remedy)


def _kib(patient: Patient, name: str) -> int | None:
    return as_int(dict(pairs(patient.root / "proc/meminfo")).get(name, "").removesuffix(" kB"))


def _ksm(patient: Patient) -> Seen:
    file = patient.root / "sys/kernel/mm/ksm/run"
    if number(file) != 1:
        return Seen(Status.OK, "not running")
    step: Step = Write((file,), "0", "1")
    return Seen(Status.WARN, "running", step.command, (step,))


def _compaction(patient: Patient) -> Seen:
    file = patient.root / "sys/kernel/mm/transparent_hugepage/defrag"
    state = chosen(text(file))
    if state != "always":
        return Seen(Status.OK if state else Status.UNKNOWN, f"defrag is {state or 'not told'}")
    step: Step = Write((file,), "madvise", "always")
    return Seen(Status.WARN, "defrag is always", step.command, (step,))


def _thermal(patient: Patient) -> Seen:
    if not any((patient.root / _CPUS).glob("cpu*/thermal_throttle")):
        return Seen(Status.UNKNOWN, "no counters of it to be seen")
    total, now = patient.activity.throttles, patient.activity.throttles_now
    if not total:
        return Seen(Status.OK, "not once since the host booted")
    what = f"{total} times since the host booted" + (f", {now} just now" if now else "")
    return Seen(Status.WARN, what, "cool it, or switch turbo off; see `sensors`")


def _clock(patient: Patient) -> Seen:
    if patient.clock_kept is None:
        return Seen(Status.UNKNOWN, "adjtimex cannot be asked")
    if patient.clock_kept:
        return Seen(Status.OK, "synchronised")
    remedy = "sudo timedatectl set-ntp true    # then wait until it is in step"
    return Seen(Status.WARN, "nobody keeps it: whoever starts to may step it", remedy)


def _clocksource(patient: Patient) -> Seen:
    directory = patient.root / "sys/devices/system/clocksource/clocksource0"
    name = text(directory / "current_clocksource")
    if name not in _SLOW_CLOCKS:
        return Seen(Status.OK if name else Status.UNKNOWN, name or "this host does not tell")
    remedy = "dmesg | grep -i clocksource    # why the kernel gave up the TSC"
    return Seen(Status.WARN, name, remedy)


CHECKS: tuple[tuple[str, str, Callable[[Patient], Seen]], ...] = (
    ("other VMs", "they take CPU, caches and the disk, each time differently", _other_vms),
    ("processes", "what runs beside a boot is in its time", _busy),
    ("steal", "the hypervisor below ran somebody else meanwhile", _steal),
    ("load", "a busy minute before is often a busy minute after", _load),
    ("governor", "a CPU that clocks up during the boot makes the first boots slow", _governor),
    ("turbo", "it depends on heat and neighbours, so it differs between boots", _turbo),
    ("thermal", "a CPU that throttled once will again in a long series", _thermal),
    ("smt", "two threads of one core slow each other down by a third", _smt),
    ("cpus", "QEMU's threads move between CPUs unless they have their own", _isolation),
    ("cpu quota", "a cgroup stops everything for the rest of each period", _quota),
    ("virtual", "every exit of the guest costs several exits of this VM", _virtual),
    ("memory", "without it the page cache goes, and each boot reads its disk", _memory),
    ("swap", "QEMU may wait for the disk where it only touched memory", _swap),
    ("ksm", "it scans and merges the guest's memory while it boots", _ksm),
    ("huge pages", "a page fault may stop to compact memory first", _compaction),
    ("clock", "a step of the wall clock spoils the stamps of a boot", _clock),
    ("clocksource", "a slow one adds a microsecond and more to each stamp", _clocksource),
)
"""Name, why it matters, and how to look."""
