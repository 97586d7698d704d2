"""The doctor on fake hosts: states that this machine cannot be brought into."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fake_host import fake_host
from qemu_boot_time import doctor, process
from qemu_boot_time.cli.doctor import command
from qemu_boot_time.doctor import Accel, Finding, Patient, Seen, Status
from qemu_boot_time.doctor.probe_boot import ProbeBoot, boot
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.host import Probe
from qemu_boot_time.host.activity import Activity, Busy, Process, Snapshot, between, snapshot

IDLE = Activity(steal=0.0, busy=(), processes=(), throttles=0, throttles_now=0)
GOVERNOR = "sys/devices/system/cpu/cpufreq/policy{}/scaling_governor"
INTEL_TURBO = "sys/devices/system/cpu/intel_pstate/no_turbo"
BOOST = "sys/devices/system/cpu/cpufreq/boost"
KSM = "sys/kernel/mm/ksm/run"
DEFRAG = "sys/kernel/mm/transparent_hugepage/defrag"
CPUS = {"sys/devices/system/cpu/online": "0-7"}
BOOTS = ProbeBoot(ok=True, what="booted", entries=9)


def patient(
    root: Path,
    files: Mapping[str, str],
    *,
    activity: Activity = IDLE,
    kvm_boot: ProbeBoot | None = None,
    accel: Accel = Accel.KVM,
) -> Patient:
    """Make a host of files: idle, with a kept clock, without QEMU."""
    host = Patient(qemu="/nowhere/qemu", accel=accel, root=fake_host(root, files))
    looked_at = {"activity": activity, "clock_kept": True, "kvm_boot": kvm_boot}
    vars(host).update(looked_at)  # cached properties: what is there is not looked at again
    return host


def seen(host: Patient, check: str) -> Seen:
    """Give what one check saw."""
    (finding,) = (one for one in doctor.examine(host) if one.check == check)
    return finding.seen


@pytest.mark.parametrize(
    ("check", "files", "status", "what"),
    [
        ("governor", {}, "unknown", "no frequency scaling to be seen: the host below decides"),
        ("governor", {GOVERNOR.format(0): "performance"}, "ok", "performance on all CPUs"),
        ("governor", {GOVERNOR.format(0): "powersave"}, "warn", "powersave"),
        (
            "governor",
            {GOVERNOR.format(0): "performance", GOVERNOR.format(1): "schedutil"},
            "warn",
            "performance and schedutil",
        ),
        ("turbo", {}, "unknown", "no switch for it to be seen"),
        ("turbo", {INTEL_TURBO: "0"}, "warn", "on"),
        ("turbo", {INTEL_TURBO: "1"}, "ok", "off"),
        ("turbo", {BOOST: "1"}, "warn", "on"),
        ("turbo", {BOOST: "0"}, "ok", "off"),
        (
            "load",
            {**CPUS, "proc/loadavg": "2.00 0 0 1/1 1"},
            "ok",
            "2.00 in the last minute, on 8 CPUs",
        ),
        (
            "load",
            {**CPUS, "proc/loadavg": "2.01 0 0 1/1 1"},
            "warn",
            "2.01 in the last minute, on 8 CPUs",
        ),
        ("load", {"proc/loadavg": "none"}, "unknown", "no load average to be seen"),
        ("swap", {}, "unknown", "this host does not tell"),
        ("swap", {"proc/meminfo": "SwapTotal: 4096 kB\nSwapFree: 4096 kB"}, "ok", "not in use"),
        ("swap", {"proc/meminfo": "SwapTotal: 4096 kB\nSwapFree: 1024 kB"}, "warn", "3 MiB in use"),
        ("memory", {"proc/meminfo": "MemAvailable: 1048575 kB"}, "warn", "1023 MiB available"),
        ("memory", {"proc/meminfo": "MemAvailable: 1048576 kB"}, "ok", "1024 MiB available"),
        ("memory", {"proc/meminfo": "MemAvailable: much"}, "unknown", "this host does not tell"),
        ("smt", {"sys/devices/system/cpu/smt/active": "1"}, "warn", "on"),
        ("smt", {"sys/devices/system/cpu/smt/active": "0"}, "ok", "off, or not there"),
        ("cpus", {}, "unknown", "this host does not tell"),
        ("cpus", CPUS, "ok", "none of 8; `qbt run --cpus LIST` pins QEMU"),
        (
            "cpus",
            {**CPUS, "sys/devices/system/cpu/isolated": "6-7"},
            "ok",
            "6-7 of 8: pin with --cpus 6-7",
        ),
        (
            "cpus",
            {"sys/devices/system/cpu/online": "0-1"},
            "warn",
            "2 CPUs, shared by QEMU, the recorder and all else",
        ),
        ("ksm", {KSM: "1"}, "warn", "running"),
        ("ksm", {KSM: "0"}, "ok", "not running"),
        ("huge pages", {DEFRAG: "[always] madvise never"}, "warn", "defrag is always"),
        ("huge pages", {DEFRAG: "always [madvise] never"}, "ok", "defrag is madvise"),
        ("huge pages", {}, "unknown", "defrag is not told"),
        ("virtual", {}, "ok", "bare metal, as far as can be seen"),
        ("virtual", {"proc/cpuinfo": "flags : fpu hypervisor"}, "warn", "inside a VM (unnamed)"),
        ("cpu quota", {}, "ok", "no limit"),
        (
            "cpu quota",
            {
                ".dockerenv": "",
                "proc/self/cgroup": "0::/box",
                "sys/fs/cgroup/box/cpu.max": "150000 100000",
            },
            "warn",
            "in a container (docker), 1.5 CPUs, then everything waits",
        ),
        (
            "cpu quota",
            {"proc/self/cgroup": "0::/box", "sys/fs/cgroup/box/cpu.max": "max 100000"},
            "ok",
            "no limit",
        ),
        (
            "clocksource",
            {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"},
            "warn",
            "hpet",
        ),
        (
            "clocksource",
            {"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc"},
            "ok",
            "tsc",
        ),
        ("clocksource", {}, "unknown", "this host does not tell"),
        ("thermal", {}, "unknown", "no counters of it to be seen"),
    ],
)
def test_noise_that_files_tell(
    tmp_path: Path, check: str, files: dict[str, str], status: str, what: str
) -> None:
    """What spoils a measurement is read from /proc and /sys."""
    found = seen(patient(tmp_path, files), check)

    assert (found.status, found.what) == (status, what)


@pytest.mark.parametrize(
    ("check", "activity", "status", "what"),
    [
        ("steal", IDLE, "ok", "0.0% of the time went to other machines"),
        ("steal", replace(IDLE, steal=0.034), "warn", "3.4% of the time went to other machines"),
        ("processes", IDLE, "ok", "nothing else uses the CPU"),
        (
            "processes",
            replace(IDLE, busy=(Busy(7, "cc1", 0.9), Busy(8, "khugepaged", 0.2))),
            "warn",
            "cc1 (pid 7, 90% of a CPU), khugepaged (pid 8, 20% of a CPU)",
        ),
        (
            "processes",
            replace(IDLE, busy=(Busy(7, "cc1", 0.2),)),
            "ok",
            "nothing else uses the CPU",
        ),
        (
            "processes",
            replace(IDLE, busy=(Busy(9, "qemu-system-x86", 1.0),)),
            "ok",
            "nothing else uses the CPU",
        ),
        ("other VMs", IDLE, "ok", "none runs"),
        (
            "other VMs",
            replace(IDLE, processes=tuple(Busy(pid, "qemu-kvm", 0.0) for pid in range(5))),
            "warn",
            ", ".join(f"qemu-kvm (pid {pid}, 0% of a CPU)" for pid in range(3)) + " and 2 more",
        ),
    ],
)
def test_noise_that_watching_tells(
    tmp_path: Path, check: str, activity: Activity, status: str, what: str
) -> None:
    """Neighbours are found by watching for a moment."""
    found = seen(patient(tmp_path, {}, activity=activity), check)

    assert (found.status, found.what) == (status, what)


@pytest.mark.parametrize(
    ("total", "now", "status", "what"),
    [
        (0, 0, "ok", "not once since the host booted"),
        (5, 0, "warn", "5 times since the host booted"),
        (5, 2, "warn", "5 times since the host booted, 2 just now"),
    ],
)
def test_throttling(tmp_path: Path, total: int, now: int, status: str, what: str) -> None:
    """A CPU that throttled is named, and so is one that does it now."""
    files = {"sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": str(total)}
    activity = replace(IDLE, throttles=total, throttles_now=now)

    found = seen(patient(tmp_path, files, activity=activity), "thermal")

    assert (found.status, found.what) == (status, what)


def test_clock(tmp_path: Path) -> None:
    """A clock that nobody keeps is a warning; one that cannot be asked is unknown."""
    host = patient(tmp_path, {})
    status = []

    for kept in (True, False, None):
        vars(host)["clock_kept"] = kept
        status.append(seen(host, "clock").status)

    assert status == [Status.OK, Status.WARN, Status.UNKNOWN]


def test_smt_remedy_takes_one_thread_of_each_core(tmp_path: Path) -> None:
    """The CPUs to pin to are one thread of each core."""
    topology = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    pairs = {0: "0,4", 4: "0,4", 1: "1,5", 5: "1,5"}
    files = {topology.format(cpu): siblings for cpu, siblings in pairs.items()}

    found = seen(patient(tmp_path, {**files, "sys/devices/system/cpu/smt/active": "1"}), "smt")

    assert found.remedy == "qbt run --cpus 0,1 ..."


def test_snapshot_reads_the_kernels_counters(tmp_path: Path) -> None:
    """Steal is the eighth column; a process's name may hold spaces and parentheses."""
    stat = "4242 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 30 12 0 0 20 0 1 0 5 0 0"
    root = fake_host(
        tmp_path,
        {"proc/stat": "cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2", "proc/4242/stat": stat},
    )

    counters = snapshot(root)

    assert (counters.all_ticks, counters.steal_ticks) == (360, 80)
    assert counters.processes == {4242: Process("a (b) c", 42)}


def test_snapshots_give_rates() -> None:
    """Between two snapshots: the part that was stolen, and who used the CPU."""
    before = Snapshot(0, 1000, 10, 3, {7: Process("cc1", 0), 8: Process("sh", 5)})
    after = Snapshot(
        1_000_000_000, 1200, 30, 4, {7: Process("cc1", 50), 8: Process("sh", 5), 9: Process("x", 9)}
    )

    activity = between(before, after)

    assert (activity.steal, activity.throttles, activity.throttles_now) == (0.1, 4, 1)
    assert activity.busy == (Busy(7, "cc1", 0.5),)
    assert [process.pid for process in activity.processes] == [7, 8]


@pytest.mark.parametrize(
    ("files", "entries", "status", "what"),
    [
        ({"proc/cpuinfo": "flags : vmx"}, 9, "ok", "VT-x, kvm_entry fires"),
        ({"proc/cpuinfo": "flags : svm"}, None, "ok", "AMD-V"),
        ({"proc/cpuinfo": "flags : svm"}, 0, "warn", "AMD-V; kvm_entry never fires"),
        ({"sys/module/kvm_intel/version": "1"}, 9, "ok", "VT-x, kvm_entry fires"),
        (
            {"sys/module/kvm_soft/version": "1", "sys/module/kvm/version": "1"},
            0,
            "warn",
            "software KVM (kvm_soft): the CPU shows neither vmx nor svm; kvm_entry never fires",
        ),
        ({}, None, "unknown", "no module of KVM is loaded"),
    ],
)
def test_software_kvm_is_told_apart(
    tmp_path: Path, files: dict[str, str], entries: int | None, status: str, what: str
) -> None:
    """Hardware shows by its flags or its module; kvm_entry shows by firing."""
    host = patient(tmp_path, files, kvm_boot=replace(BOOTS, entries=entries))

    found = seen(host, "kvm kind")

    assert (found.status, found.what) == (status, what)


@pytest.mark.parametrize(("accel", "status"), [(Accel.KVM, "fail"), (Accel.TCG, "warn")])
def test_missing_kvm_matters_for_kvm(tmp_path: Path, accel: Accel, status: str) -> None:
    """Without /dev/kvm a host is unfit for KVM, and merely warned about for TCG."""
    found = seen(patient(tmp_path, {}, accel=accel), "kvm device")

    assert found.status == status


@pytest.mark.parametrize(("accel", "status"), [(Accel.KVM, "fail"), (Accel.TCG, "warn")])
def test_a_kvm_that_boots_nothing(tmp_path: Path, accel: Accel, status: str) -> None:
    """A device that opens proves nothing: what counts is the boot."""
    stuck = ProbeBoot(ok=False, what="QEMU stopped with a KVM internal error")

    found = seen(patient(tmp_path, {}, kvm_boot=stuck, accel=accel), "kvm boot")

    assert (found.status, found.what) == (status, stuck.what)


@pytest.mark.parametrize(
    ("perf", "debugcon", "status", "what"),
    [
        (True, True, "ok", "perf"),
        (False, True, "ok", "debugcon; not perf (no right)"),
        (False, False, "fail", "none: perf (no right); debugcon (no right)"),
    ],
)
def test_the_source_that_auto_takes(
    tmp_path: Path, *, perf: bool, debugcon: bool, status: str, what: str
) -> None:
    """The first source that works is taken, and why not a better one is said."""
    host = patient(tmp_path, {})
    probes = {"perf": perf, "debugcon": debugcon}
    vars(host)["source_probes"] = {n: Probe(ok=ok, what="no right") for n, ok in probes.items()}

    found = seen(host, "source")

    assert (found.status, found.what) == (status, what)


def test_sources_of_a_host_that_emulates(tmp_path: Path) -> None:
    """For TCG no source that needs KVM is tried, and debugcon needs a QEMU that has it."""
    probes = patient(tmp_path, {}, accel=Accel.TCG).source_probes

    told = {name: probe.what for name, probe in probes.items()}
    assert told["perf"] == "needs KVM"
    assert told["debugcon"] == "/nowhere/qemu: not found"


def test_a_host_without_qemu_is_unfit(tmp_path: Path) -> None:
    """QEMU is needed; what depends on it is unknown rather than failed."""
    findings = doctor.examine(patient(tmp_path, {}))

    status = {finding.check: finding.seen.status for finding in findings}
    assert not doctor.fit(findings)
    assert status["qemu"] is Status.FAIL
    assert status["kvm boot"] is status["qemu devices"] is Status.UNKNOWN


def test_every_warning_says_why(tmp_path: Path) -> None:
    """Each finding has a reason, and checks have different names."""
    findings = doctor.examine(patient(tmp_path, {}))

    assert all(finding.why for finding in findings)
    assert len({finding.check for finding in findings}) == len(findings)


def fixable(root: Path) -> Patient:
    """Make a host with everything that --fix can change."""
    files = {
        GOVERNOR.format(0): "powersave",
        GOVERNOR.format(1): "powersave",
        INTEL_TURBO: "0",
        KSM: "1",
        DEFRAG: "[always] madvise never",
    }
    return patient(root, files)


def steps_of(findings: tuple[Finding, ...]) -> tuple[doctor.Step, ...]:
    """Give the steps that change files; mounting is for real hosts."""
    steps = (step for finding in findings for step in finding.seen.steps)
    return tuple(step for step in steps if isinstance(step, doctor.Write))


def test_fix_changes_and_tells_the_way_back(tmp_path: Path) -> None:
    """The steps set the values, each with the command that undoes it."""
    steps = steps_of(doctor.examine(fixable(tmp_path)))

    done = doctor.apply(steps, lambda _done: None)

    governors = " ".join(str(tmp_path / GOVERNOR.format(cpu)) for cpu in (0, 1))
    assert [one.error for one in done] == [""] * 4
    assert steps[0].undo == f"echo powersave | sudo tee {governors}"
    files = (GOVERNOR.format(0), GOVERNOR.format(1), INTEL_TURBO, KSM, DEFRAG)
    values = [(tmp_path / file).read_text() for file in files]
    assert values == ["performance", "performance", "1", "0", "madvise"]


def test_fix_goes_on_after_a_failure(tmp_path: Path) -> None:
    """A step that fails half way says how far it got; the others are taken all the same."""
    steps = steps_of(doctor.examine(fixable(tmp_path)))
    second = tmp_path / GOVERNOR.format(1)
    second.unlink()
    second.mkdir()

    done = doctor.apply(steps, lambda _done: None)

    assert done[0].error.startswith(f"{second}: Is a directory; 1 of 2 files were written")
    assert "undo: echo powersave | sudo tee" in done[0].error
    assert [one.error for one in done[1:]] == [""] * 3


def test_a_governor_that_is_not_there_is_not_set(tmp_path: Path) -> None:
    """Where the driver has no ``performance``, there is nothing to fix."""
    available = GOVERNOR.format(0).replace("scaling_governor", "scaling_available_governors")
    host = patient(tmp_path, {GOVERNOR.format(0): "powersave", available: "powersave ondemand"})

    assert seen(host, "governor").steps == ()


def qemu_script(directory: Path, script: str) -> str:
    """Write a stand-in for QEMU and give its path."""
    file = directory / "qemu"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("script", "patience_s", "what"),
    [
        (
            "echo 'KVM internal error. Suberror: 1' >&2; exec sleep 1000",
            60.0,
            "QEMU stopped with a KVM internal error",
        ),
        ("exec sleep 1000", 0.3, "the guest did not end in time"),
        (
            "echo 'qemu: failed to initialize kvm' >&2; exit 1",
            60.0,
            "qemu: failed to initialize kvm",
        ),
        ("exit 1", 60.0, "its marks were 0xf5: -, 0xf4: -"),
    ],
)
def test_a_probe_boot_that_fails_ends(
    tmp_path: Path, script: str, patience_s: float, what: str
) -> None:
    """A QEMU that hangs, is stuck or writes nothing is no working KVM, and does not stay."""
    before = process.children()

    seen_boot = boot(qemu_script(tmp_path, script), patience_s=patience_s)

    assert seen_boot.what == f"the probe guest did not boot: {what}"
    assert not seen_boot.ok
    assert before == process.children()


def test_command_of_an_unfit_host() -> None:
    """Without QEMU the answer is no: exit status 1, in 80 columns."""
    result = CliRunner().invoke(command, ["--qemu", "/nowhere/qemu"], standalone_mode=False)

    assert result.return_value == ExitStatus.NO
    assert "\nUnfit: qemu, source; " in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_command_writes_one_document() -> None:
    """With --json there is one document, with each finding and the host's facts."""
    result = CliRunner().invoke(command, ["--qemu", "/nowhere/qemu", "--json"])

    document = json.loads(result.stdout)
    assert (document["schema"], document["fit"], document["source"]) == (1, False, None)
    assert document["findings"][0]["check"] == "qemu"
    assert set(document["findings"][0]) == {
        "check", "group", "status", "seen", "why", "remedy", "fix",
    }  # fmt: skip
    assert document["host"]["qemu"] is None


def test_json_cannot_ask() -> None:
    """--json --fix without --yes is a usage error, before anything is looked at."""
    result = CliRunner().invoke(command, ["--json", "--fix"])

    assert result.exit_code == ExitStatus.USAGE
    assert "add --yes" in result.stderr
