"""The doctor on this very machine: what it says is what really works."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import kvmbox
from qemu_boot_time import doctor, host
from qemu_boot_time.cli.doctor import command
from qemu_boot_time.doctor.probe_boot import boot
from qemu_boot_time.host.activity import watch
from qemu_boot_time.host.rights import remount_argv
from real_host import require
from unprivileged import (
    NOBODY,
    PERFMON,
    SETPRIV,
    python_for_nobody,
    require_closed_host,
    tracefs_closed_again,
)

pytestmark = pytest.mark.real

SOURCE = Path(doctor.__file__).parents[2]
READ_ALL = [option + ",+dac_read_search" for option in PERFMON]
ASK = (
    "import json; from dataclasses import asdict; from qemu_boot_time import host;"
    "print(json.dumps({'rights': asdict(host.tracepoint_access()), 'kvm': asdict(host.kvm_device())}))"
)


def ask_as_nobody(*capabilities: str) -> dict[str, dict[str, object]]:
    """Run the probes as an unprivileged user with a few capabilities."""
    python = python_for_nobody()
    asked = subprocess.run(
        [*SETPRIV, *capabilities, python, "-c", ASK],
        env={"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
    )
    answer: dict[str, dict[str, object]] = json.loads(asked.stdout)
    return answer


def test_kvm_is_proved_by_a_boot() -> None:
    """Where /dev/kvm opens, the probe guest boots under it and its marks arrive."""
    require(host.kvm_device().ok, "no /dev/kvm for us here")

    seen = boot("qemu-system-x86_64")

    assert seen.ok, seen.what


def test_the_probe_guest_boots_under_emulation() -> None:
    """The guest's bytes do not depend on the accelerator."""
    require(host.qemu_binary().ok, "no QEMU here")

    assert boot("qemu-system-x86_64", accel="tcg").ok


def test_a_probe_boot_leaves_no_process() -> None:
    """What the doctor started is gone when it answers."""
    require(host.qemu_binary().ok, "no QEMU here")

    boot("qemu-system-x86_64", accel="tcg")

    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = [Path(f"/proc/{child}/comm").read_text() for child in children]
    assert [name for name in names if name.startswith("qemu")] == []


def test_entries_agree_with_the_kind_of_kvm() -> None:
    """Hardware KVM fires kvm_entry in a boot; the doctor warns of a KVM that does not."""
    require(host.kvm_device().ok, "no /dev/kvm for us here")
    require(host.tracepoint_access().ok, "we may not count tracepoints here")
    entries = boot("qemu-system-x86_64").entries

    (kind,) = (one.seen for one in doctor.examine(doctor.Patient()) if one.check == "kvm kind")

    assert entries is not None
    assert ("kvm_entry never fires" in kind.what) == (entries == 0)


def test_nobody_is_told_what_is_missing() -> None:
    """An unprivileged user reads which two things are missing, with a remedy for both."""
    require_closed_host()

    rights = ask_as_nobody()["rights"]

    assert rights["ok"] is False
    assert "tracing: not readable for uid 65534" in str(rights["what"])
    assert "CAP_PERFMON is missing" in str(rights["what"])


def test_the_capability_alone_is_not_enough() -> None:
    """With CAP_PERFMON only tracefs is missing, and only that is remedied."""
    require_closed_host()

    rights = ask_as_nobody(*PERFMON)["rights"]

    assert "CAP_PERFMON" not in str(rights["what"])
    assert str(rights["remedy"]).startswith(f"sudo mount -o remount,gid={NOBODY},mode=750 ")


def test_the_remedy_works() -> None:
    """Tracefs for one group and CAP_PERFMON: nobody records tracepoints. Neither alone does."""
    require_closed_host()

    with tracefs_closed_again() as tracefs:
        subprocess.run(remount_argv(tracefs, NOBODY), check=True)
        without, with_it = ask_as_nobody()["rights"], ask_as_nobody(*PERFMON)["rights"]
    after = ask_as_nobody(*PERFMON)["rights"]

    assert (without["ok"], with_it["ok"], after["ok"]) == (False, True, False)
    assert str(without["what"]).startswith("CAP_PERFMON is missing")
    assert with_it["what"] == "uid 65534 may record tracepoints (CAP_PERFMON)"


def test_leave_to_count_is_not_leave_to_record() -> None:
    """With perf_event_paranoid 0 everybody may count on a CPU; recording still needs the right."""
    require_closed_host()
    paranoid = Path("/proc/sys/kernel/perf_event_paranoid")
    before = paranoid.read_text()

    with tracefs_closed_again() as tracefs:
        subprocess.run(remount_argv(tracefs, NOBODY), check=True)
        try:
            paranoid.write_text("0")
            rights = ask_as_nobody()["rights"]
        finally:
            paranoid.write_text(before)

    expected = "CAP_PERFMON is missing (kernel.perf_event_paranoid is 0)"
    assert (rights["ok"], rights["what"]) == (False, expected)


def test_two_capabilities_need_no_remount() -> None:
    """CAP_PERFMON and CAP_DAC_READ_SEARCH together do it with tracefs left closed."""
    require_closed_host()

    assert ask_as_nobody(*READ_ALL)["rights"]["ok"] is True


def test_a_closed_kvm_device_names_its_group() -> None:
    """An unprivileged user reads the mode of /dev/kvm, and how to get in."""
    require(host.kvm_device().ok, "no /dev/kvm for us here")
    require(not Path("/dev/kvm").stat().st_mode & stat.S_IROTH, "/dev/kvm is open to everybody")

    kvm = ask_as_nobody()["kvm"]

    assert "Permission denied (mode " in str(kvm["what"])
    assert 'sudo usermod -aG kvm "$USER"' in str(kvm["remedy"])


def test_the_group_of_the_kvm_device_gets_in(tmp_path: Path) -> None:
    """Where /dev/kvm has a group, its members open it, and others are told to join it."""
    require(os.geteuid() == 0, "only root makes a device")
    require(host.kvm_device().ok, "no /dev/kvm for us here")
    python = python_for_nobody()
    ask = "from qemu_boot_time import host; print(host.kvm_device().{})"
    become = f"setpriv --reuid={NOBODY} --regid={NOBODY}"
    script = f"""set -e
    mknod -m 660 {tmp_path}/kvm c 10 232
    chown 0:4242 {tmp_path}/kvm
    mount --bind {tmp_path}/kvm /dev/kvm
    {become} --clear-groups {python} -c "{ask.format("remedy")}"
    {become} --groups=4242 {python} -c "{ask.format("what")}"
    """

    asked = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
        text=True,
    )

    assert asked.stdout.splitlines() == [
        'sudo usermod -aG 4242 "$USER"    # then log in again',
        "/dev/kvm opens for reading and writing",
    ], asked.stderr


def test_fix_opens_tracefs_to_who_called_sudo() -> None:
    """Through sudo, --fix lets the caller's group read tracefs; its undo closes it again."""
    require(os.geteuid() == 0, "only root fixes")
    require_closed_host()
    before = Path("/sys/kernel/tracing").stat()
    env = {"SUDO_GID": str(NOBODY)}

    with tracefs_closed_again():
        result = CliRunner().invoke(command, ["--fix", "--yes", "--json"], env=env)
        opened = Path("/sys/kernel/tracing").stat()

    (fixed,) = json.loads(result.stdout)["fixed"]
    mode = stat.S_IMODE(before.st_mode)
    assert (opened.st_gid, stat.S_IMODE(opened.st_mode)) == (NOBODY, 0o750)
    assert fixed == {
        "command": f"sudo mount -o remount,gid={NOBODY},mode=750 /sys/kernel/tracing",
        "undo": f"sudo mount -o remount,gid={before.st_gid},mode={mode:o} /sys/kernel/tracing",
        "error": "",
    }


def test_watching_finds_who_works() -> None:
    """A process that spins is found, by name and with the CPU time it takes."""
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as spinning:
        try:
            activity = watch(for_s=1.0)
        finally:
            spinning.kill()

    assert spinning.pid in [process.pid for process in activity.busy]


def test_the_whole_command_on_this_host() -> None:
    """The document agrees with the probes, and the exit status with the document."""
    result = CliRunner().invoke(command, ["--json"])

    document = json.loads(result.stdout)
    status = {finding["check"]: finding["status"] for finding in document["findings"]}
    assert (status["kvm device"] == "ok") == host.kvm_device().ok
    assert (status["tracepoints"] == "ok") == host.tracepoint_access().ok
    assert result.exit_code == int(not document["fit"]) == int("fail" in status.values())
    assert document["host"]["kernel"] == os.uname().release


@pytest.mark.kvmbox
def test_hardware_kvm_is_recognised(box_site: Path) -> None:
    """On a host with AMD-V the probe guest boots, kvm_entry fires, and perf_event is chosen."""
    script = (
        "python3 -c 'from qemu_boot_time.cli.doctor import command; command()' --json"
        " > /out/doctor.json"
    )
    with kvmbox.prepared() as box:
        result = box.run(script, {"site": box_site})
        assert result.exit_status == 0, result.console
        document = json.loads((result.out / "doctor.json").read_text())

    seen = {
        finding["check"]: (finding["status"], finding["seen"]) for finding in document["findings"]
    }
    assert seen["kvm kind"] == ("ok", "AMD-V, kvm_entry fires")
    assert seen["kvm boot"][0] == "ok"
    assert document["source"] == "perf_event"
    assert document["host"]["kvm_modules"] == ["kvm", "kvm_amd"]
