"""Facts and probes, on fake trees: what a host says, and what it does not."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from fake_host import fake_host
from qemu_boot_time import host
from qemu_boot_time.host import activity
from qemu_boot_time.host.files import cpu_list
from qemu_boot_time.host.rights import tracefs_instances

SERVER = {
    "proc/cpuinfo": (
        "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon Gold\n"
        "microcode\t: 0x2b\nflags\t\t: fpu vmx hypervisor"
    ),
    "proc/meminfo": (
        "MemTotal:       2048 kB\nMemAvailable:   1024 kB\nSwapTotal:       512 kB\n"
        "SwapFree:        500 kB"
    ),
    "proc/loadavg": "1.50 0.40 0.10 2/300 4242",
    "proc/sys/kernel/osrelease": "6.1.0-56-amd64",
    "proc/sys/kernel/randomize_va_space": "2",
    "sys/devices/system/cpu/online": "0-3,8",
    "sys/devices/system/cpu/isolated": "2-3",
    "sys/devices/system/cpu/smt/active": "1",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave",
    "sys/devices/system/cpu/cpufreq/policy1/scaling_governor": "performance",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "0",
    "sys/devices/system/cpu/vulnerabilities/l1tf": "Not affected",
    "sys/devices/system/cpu/vulnerabilities/mds": "Mitigation: Clear CPU buffers",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/class/dmi/id/sys_vendor": "Example Cloud",
    "sys/class/dmi/id/product_name": "c5.large",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/module/kvm/parameters/halt_poll_ns": "200000",
    "sys/module/kvm_intel/parameters/nested": "Y",
    "run/systemd/container": "lxc",
}
TRACEFS = {
    "proc/mounts": "tracefs /sys/kernel/tracing tracefs rw 0 0",
    "sys/kernel/tracing/events/sched/sched_process_exec/id": "300",
    "sys/kernel/tracing/events/kvm/kvm_pio/id": "400",
}


def program(directory: Path, script: str) -> str:
    """Write an executable shell script and give its path."""
    file = directory / "program"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def test_facts_of_a_server(tmp_path: Path) -> None:
    """Every fact that /proc and /sys tell is read, in plain values and bytes."""
    qemu = program(tmp_path, "echo QEMU emulator version 9.9; echo Copyright")

    seen = host.facts(qemu, root=fake_host(tmp_path, SERVER))

    expected = host.HostFacts(
        kernel="6.1.0-56-amd64",
        cpu_vendor="GenuineIntel",
        cpu_model="Xeon Gold",
        microcode="0x2b",
        cpus_online=5,
        isolated_cpus="2-3",
        smt=True,
        governors=("performance", "powersave"),
        turbo=True,
        memory_total_bytes=2 << 20,
        memory_available_bytes=1 << 20,
        swap_used_bytes=12 << 10,
        load_1min=1.5,
        hypervisor="Example Cloud c5.large",
        container="lxc",
        clocksource="tsc",
        kvm_modules=("kvm", "kvm_intel"),
        kvm_parameters={"kvm.halt_poll_ns": "200000", "kvm_intel.nested": "Y"},
        qemu="QEMU emulator version 9.9",
        perf=seen.perf,
        mitigations={"mds": "Mitigation: Clear CPU buffers"},
        transparent_hugepages="madvise",
        aslr=2,
    )
    assert expected == seen


def test_facts_of_nothing(tmp_path: Path) -> None:
    """A host that tells nothing gives no error: each fact is unknown."""
    seen = host.facts("/nowhere/qemu", root=tmp_path)

    assert host.HostFacts(perf=seen.perf) == seen


def test_facts_survive_json(tmp_path: Path) -> None:
    """Facts are plain values: JSON gives them back."""
    seen = asdict(host.facts("/nowhere/qemu", root=fake_host(tmp_path, SERVER)))

    again = json.loads(json.dumps(seen))

    assert {
        **seen,
        "governors": ["performance", "powersave"],
        "kvm_modules": ["kvm", "kvm_intel"],
    } == again


@pytest.mark.parametrize(
    ("file", "content", "field"),
    [
        ("proc/meminfo", "MemTotal: lots\nSwapTotal: 1 kB", "memory_total_bytes"),
        ("proc/loadavg", "", "load_1min"),
        ("proc/loadavg", "high", "load_1min"),
        ("sys/devices/system/cpu/smt/active", "notsupported", "smt"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "madvise", "transparent_hugepages"),
    ],
)
def test_nonsense_is_unknown(tmp_path: Path, file: str, content: str, field: str) -> None:
    """A file that makes no sense is a fact that is not known, not an error."""
    seen = host.facts("/nowhere/qemu", root=fake_host(tmp_path, {file: content}))

    assert getattr(seen, field) is None


def test_boost_of_cpufreq_is_turbo(tmp_path: Path) -> None:
    """Where there is no intel_pstate, cpufreq's boost says whether turbo is on."""
    root = fake_host(tmp_path, {"sys/devices/system/cpu/cpufreq/boost": "0"})

    assert host.facts("/nowhere/qemu", root=root).turbo is False


@pytest.mark.parametrize(
    ("words", "cpus"),
    [("", set()), ("0", {0}), ("0-2,5", {0, 1, 2, 5}), ("junk", set()), (None, set())],
)
def test_cpu_lists(words: str | None, cpus: set[int]) -> None:
    """CPU lists are read as the kernel writes them."""
    assert cpus == cpu_list(words)


@pytest.mark.parametrize(
    ("flags", "remedy"),
    [
        ("fpu vmx", "sudo modprobe kvm_intel"),
        ("fpu svm", "sudo modprobe kvm_amd"),
    ],
)
def test_missing_kvm_names_the_module(tmp_path: Path, flags: str, remedy: str) -> None:
    """Without /dev/kvm the remedy is the module that fits the CPU."""
    root = fake_host(tmp_path, {"proc/cpuinfo": f"flags\t: {flags}"})

    expected = host.Probe(ok=False, what="/dev/kvm does not exist", remedy=remedy)
    assert expected == host.kvm_device(root=root)


def test_missing_kvm_without_hardware(tmp_path: Path) -> None:
    """A CPU without vmx and svm is sent to its firmware, or to nested virtualisation."""
    seen = host.kvm_device(root=tmp_path)

    assert "neither vmx nor svm" in seen.remedy


def test_a_file_is_no_kvm(tmp_path: Path) -> None:
    """What opens but does not answer KVM's first question is not KVM."""
    seen = host.kvm_device(root=fake_host(tmp_path, {"dev/kvm": ""}))

    assert (seen.ok, seen.what) == (False, "/dev/kvm is not KVM: Inappropriate ioctl for device")


def test_tracefs_that_is_not_mounted(tmp_path: Path) -> None:
    """Without tracefs the remedy mounts it."""
    expected = host.Probe(
        ok=False,
        what="tracefs is not mounted",
        remedy="sudo mount -t tracefs tracefs /sys/kernel/tracing",
    )

    assert expected == host.tracefs(root=tmp_path)


def test_tracefs_below_debugfs(tmp_path: Path) -> None:
    """The old mount point below debugfs is found too."""
    old = {
        name.replace("sys/kernel/tracing", "sys/kernel/debug/tracing"): content.replace(
            "/sys/kernel/tracing", "/sys/kernel/debug/tracing"
        )
        for name, content in TRACEFS.items()
    }

    seen = host.tracefs(root=fake_host(tmp_path, old))

    what = "/sys/kernel/debug/tracing: the events of KVM are readable"
    assert host.Probe(ok=True, what=what) == seen


def test_tracefs_that_is_not_readable(tmp_path: Path) -> None:
    """Where event numbers cannot be read, the remedy opens tracefs to one group, for reading."""
    root = fake_host(tmp_path, {"proc/mounts": TRACEFS["proc/mounts"]})

    seen = host.tracefs(root=root)

    assert f"sudo mount -o remount,gid={os.getgid()},mode=750 /sys/kernel/tracing" == seen.remedy


def test_tracefs_without_kvm(tmp_path: Path) -> None:
    """Events but none of KVM: its module is what is missing."""
    files = {name: text for name, text in TRACEFS.items() if "kvm" not in name}

    seen = host.tracefs(root=fake_host(tmp_path, files))

    assert seen.what == "/sys/kernel/tracing: no events of KVM, its module is not loaded"


def test_processes_are_named(tmp_path: Path) -> None:
    """Of any bytes, for the kernel takes any; what is no process, or has ended, is passed over."""
    files = {"proc/7/comm": "qemu-system-x86", "proc/42/comm": "a b", "proc/version": "Linux"}
    root = fake_host(tmp_path, files)
    (root / "proc/9").mkdir()

    assert {7: b"qemu-system-x86", 42: b"a b"} == dict(activity.names(root))


def test_whether_a_process_runs(tmp_path: Path) -> None:
    """One whose parent has not asked for its end yet does not; whatever it is called."""
    stats = {7: "7 (a) Z b) S 1 7", 8: "8 (a) Z 1 8", 9: "9 (a) R 1 9"}
    root = fake_host(tmp_path, {f"proc/{pid}/stat": text for pid, text in stats.items()})

    assert [7, 9] == [pid for pid in (6, 7, 8, 9) if activity.is_running(pid, root)]


def test_asking_for_an_instance_makes_none(tmp_path: Path) -> None:
    """Whoever is ended while rights are probed leaves no tracefs instance: none was there."""
    root = fake_host(tmp_path, TRACEFS)
    instances = root / "sys/kernel/tracing/instances"
    instances.mkdir()
    before = instances.stat().st_mtime_ns

    seen = tracefs_instances(root=root)

    assert seen.ok
    assert before == instances.stat().st_mtime_ns


def test_an_instance_that_cannot_be_made(tmp_path: Path) -> None:
    """The kernel's own words say why not."""
    root = fake_host(tmp_path, TRACEFS)

    seen = tracefs_instances(root=root)

    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    where = root / "sys/kernel/tracing/instances"
    what = f"{where}: {who} may not make an instance: No such file or directory"
    assert (False, what) == (seen.ok, seen.what)


def test_missing_rights_are_named_together(tmp_path: Path) -> None:
    """Neither tracefs nor CAP_PERFMON: both are named, and both are remedied."""
    state = {
        "proc/mounts": TRACEFS["proc/mounts"],
        "proc/self/status": "CapEff:\t0000000000000000",
        "proc/sys/kernel/perf_event_paranoid": "2",
    }

    seen = host.tracepoint_access(root=fake_host(tmp_path, state))

    assert "not readable" in seen.what
    assert seen.what.endswith("CAP_PERFMON is missing (kernel.perf_event_paranoid is 2)")
    assert seen.remedy.startswith(f"{host.tracefs(root=tmp_path).remedy}\nsudo ")
    assert "--ambient-caps=-all,+perfmon " in seen.remedy


@pytest.mark.parametrize(
    "right",
    [
        {"proc/self/status": "CapEff:\t0000004000000000"},
        {"proc/sys/kernel/perf_event_paranoid": "-1"},
    ],
)
def test_only_tracefs_is_missing(tmp_path: Path, right: dict[str, str]) -> None:
    """With CAP_PERFMON (bit 38) or paranoid -1 only tracefs needs opening, not more rights."""
    state = {"proc/mounts": TRACEFS["proc/mounts"], **right}

    seen = host.tracepoint_access(root=fake_host(tmp_path, state))

    assert seen == host.tracefs(root=tmp_path)


def test_missing_programs_come_with_a_package() -> None:
    """A program that is not there names the package that has it."""
    seen = host.qemu_binary("/nowhere/qemu")

    assert (seen.ok, seen.what) == (False, "/nowhere/qemu: not found")
    assert "apt install qemu-system-x86" in seen.remedy


def test_a_perf_wrapper_that_finds_no_perf(tmp_path: Path) -> None:
    """A wrapper that fails for want of the kernel's own perf is no perf, and says why."""
    perf = program(tmp_path, "echo WARNING: perf not found for kernel 6.1 >&2; exit 2")

    seen = host.perf_binary(perf)

    assert not seen.ok
    assert "WARNING: perf not found for kernel 6.1" in seen.what


def test_qemu_without_isa_debugcon(tmp_path: Path) -> None:
    """A QEMU built without the device that debugcon needs is told by its own list."""
    qemu = program(tmp_path, 'echo "name \\"isa-debug-exit\\", bus ISA"; echo "  udp"')

    seen = host.qemu_devices(qemu)

    assert (seen.ok, seen.what) == (False, "QEMU was built without isa-debugcon")


def test_accelerators_are_listed(tmp_path: Path) -> None:
    """The heading of QEMU's list is no accelerator."""
    qemu = program(tmp_path, "echo Accelerators supported in QEMU binary:; echo tcg; echo kvm")

    assert host.qemu_accelerators(qemu) == ("tcg", "kvm")
