"""What a run remembers of the machine it was measured on: small, plain, and None where unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qemu_boot_time.host.files import ROOT, chosen, number, online_cpus, pairs, text
from qemu_boot_time.host.probes import program_version

_KVM_PARAMETERS = {
    "kvm": ("halt_poll_ns", "nx_huge_pages", "tdp_mmu"),
    "kvm_intel": ("nested", "ept", "unrestricted_guest", "enable_apicv"),
    "kvm_amd": ("nested", "npt", "avic"),
}
"""Those that change what a VM exit costs, or whether there is one."""

_KIB = 1024


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One machine, at one moment."""

    kernel: str | None = None
    """Release, as ``uname -r`` gives it."""
    cpu_vendor: str | None = None
    cpu_model: str | None = None
    microcode: str | None = None
    cpus_online: int | None = None
    isolated_cpus: str = ""
    """As the kernel lists them: ``2-3``."""
    smt: bool | None = None
    """Whether two hardware threads share a core."""
    governors: tuple[str, ...] = ()
    """Of cpufreq: each that some CPU uses."""
    turbo: bool | None = None
    """Whether a CPU may run above its nominal frequency."""
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    swap_used_bytes: int | None = None
    load_1min: float | None = None
    hypervisor: str | None = None
    """What this machine runs in; None: on bare metal, as far as can be seen."""
    container: str | None = None
    clocksource: str | None = None
    kvm_modules: tuple[str, ...] = ()
    """``kvm`` and what drives it: ``kvm_intel``, ``kvm_amd``, or something less usual."""
    kvm_parameters: Mapping[str, str] = field(default_factory=dict)
    """``module.parameter`` to its value."""
    qemu: str | None = None
    perf: str | None = None
    mitigations: Mapping[str, str] = field(default_factory=dict)
    """CPU vulnerabilities that concern this CPU, and what the kernel does about them."""
    transparent_hugepages: str | None = None
    aslr: int | None = None
    """``kernel.randomize_va_space``."""


def facts(qemu: str | None = "qemu-system-x86_64", *, root: Path = ROOT) -> HostFacts:
    """Look at this machine; ``qemu`` is the binary whose version counts. Starts two programs.

    None: nobody knows which, so none is started.
    """
    cpu = dict(pairs(root / "proc/cpuinfo"))
    memory = dict(pairs(root / "proc/meminfo"))
    return HostFacts(
        kernel=text(root / "proc/sys/kernel/osrelease"),
        cpu_vendor=cpu.get("vendor_id"),
        cpu_model=cpu.get("model name"),
        microcode=cpu.get("microcode"),
        cpus_online=len(online_cpus(root)) or None,
        isolated_cpus=text(root / "sys/devices/system/cpu/isolated") or "",
        smt=_flag(number(root / "sys/devices/system/cpu/smt/active")),
        governors=governors(root),
        turbo=turbo(root),
        memory_total_bytes=_bytes(memory.get("MemTotal")),
        memory_available_bytes=_bytes(memory.get("MemAvailable")),
        swap_used_bytes=_swap_used_bytes(memory),
        load_1min=_load(root),
        hypervisor=hypervisor(root),
        container=container(root),
        clocksource=text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        kvm_modules=kvm_modules(root),
        kvm_parameters=_kvm_parameters(root),
        qemu=None if qemu is None else program_version(qemu),
        perf=program_version("perf"),
        mitigations=_mitigations(root),
        transparent_hugepages=chosen(text(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        aslr=number(root / "proc/sys/kernel/randomize_va_space"),
    )


def cpu_flags(root: Path = ROOT) -> frozenset[str]:
    """Give what /proc/cpuinfo calls flags."""
    return frozenset(dict(pairs(root / "proc/cpuinfo")).get("flags", "").split())


def governors(root: Path = ROOT) -> tuple[str, ...]:
    """Give each cpufreq governor that some CPU uses."""
    policies = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_governor")
    return tuple(sorted({governor for file in policies if (governor := text(file))}))


def turbo(root: Path = ROOT) -> bool | None:
    """Tell whether a CPU may run above its nominal frequency."""
    cpus = root / "sys/devices/system/cpu"
    no_turbo = _flag(number(cpus / "intel_pstate/no_turbo"))
    return _flag(number(cpus / "cpufreq/boost")) if no_turbo is None else not no_turbo


def hypervisor(root: Path = ROOT) -> str | None:
    """Name what this machine runs in; None where nothing says that it is a virtual one."""
    if "hypervisor" not in cpu_flags(root):
        return None
    dmi = root / "sys/class/dmi/id"
    product = " ".join(filter(None, (text(dmi / "sys_vendor"), text(dmi / "product_name"))))
    return text(root / "sys/hypervisor/type") or product or "unnamed"


def container(root: Path = ROOT) -> str | None:
    """Name the kind of container we are in."""
    if named := text(root / "run/systemd/container"):
        return named
    signs = {"docker": ".dockerenv", "podman": "run/.containerenv"}
    return next((kind for kind, file in signs.items() if (root / file).exists()), None)


def kvm_modules(root: Path = ROOT) -> tuple[str, ...]:
    """Give the modules of KVM, built in or loaded."""
    return tuple(sorted(module.name for module in (root / "sys/module").glob("kvm*")))


def _kvm_parameters(root: Path) -> dict[str, str]:
    return {
        f"{module}.{name}": value
        for module, names in _KVM_PARAMETERS.items()
        for name in names
        if (value := text(root / f"sys/module/{module}/parameters/{name}")) is not None
    }


def _mitigations(root: Path) -> dict[str, str]:
    files = sorted((root / "sys/devices/system/cpu/vulnerabilities").glob("*"))
    seen = {file.name: text(file) for file in files}
    return {name: state for name, state in seen.items() if state and state != "Not affected"}


def _load(root: Path) -> float | None:
    try:
        return float((text(root / "proc/loadavg") or "").split()[0])
    except (IndexError, ValueError):
        return None


def _bytes(kilobytes: str | None) -> int | None:
    amount, _, unit = (kilobytes or "").partition(" ")
    return int(amount) * _KIB if amount.isdecimal() and unit == "kB" else None


def _swap_used_bytes(memory: Mapping[str, str]) -> int | None:
    total, free = _bytes(memory.get("SwapTotal")), _bytes(memory.get("SwapFree"))
    return None if total is None or free is None else total - free


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
