"""A Debian guest with systemd, looked into: systemd-analyze, run in that very boot, is the oracle."""

import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import systemd_guest
from qbt_process import QEMU, Done, World
from qemu_boot_time.guest import init, initramfs
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.store.inside import read_handed_out
from real_host import require
from systemd_guest import SystemdGuest

pytestmark = pytest.mark.real

US, MS, S = 1_000, 1_000_000, 1_000_000_000
_LENGTHS_NS = {"min": 60 * S, "s": S, "ms": MS, "us": US}
"""As systemd-analyze writes them, cut to the millisecond."""
_UNITS_BOOT = 1
_MACHINE = ("-accel", "tcg", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio")
_PATIENCE_S = 200.0
_DEADLINE_S = 500.0


@pytest.fixture(scope="module")
def guest() -> SystemdGuest:
    """Give the guest, or skip."""
    require(shutil.which(QEMU) is not None, f"{QEMU} is not installed")
    return systemd_guest.given()


@pytest.fixture(scope="module")
def looked(guest: SystemdGuest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Looked"]:
    """Measure one boot up to user space, then look into two more."""
    home = tmp_path_factory.mktemp("inside")
    initrd = home / "initrd"
    own = guest.initrd.read_bytes()
    initrd.write_bytes(own + bytes(-len(own) % 4) + initramfs.build(name="qbt-init"))
    words = (
        *("rdinit=/qbt-init", *init.ON_A_BUSY_HOST),
        *init.parameters(mark=7, program="/init"),
    )
    with tempfile.TemporaryDirectory(prefix="qbtt-") as temporary:
        world = World(home, Path(temporary))
        done = world.qbt(
            *("run", "--json", "-n", "1", "--source", "debugcon", "--timeout", "150"),
            *("--until", "linux_start_user", "--inside", "units,initcalls", "--"),
            *(QEMU, "-M", "q35", "-m", "512", *_MACHINE),
            *("-kernel", str(guest.kernel), "-initrd", str(initrd)),
            *("-append", " ".join(("console=ttyS0 root=/dev/vda panic=-1", *words))),
            *("-drive", f"file={guest.disk},format=raw,if=virtio,snapshot=on"),
            deadline_s=_DEADLINE_S,
        )
        assert (0, []) == (done.status, world.leftovers()), done.stderr
        yield Looked(world, done)


class Looked:
    """A run with two boots that looked inside."""

    def __init__(self, world: World, done: Done) -> None:
        self.world = world
        self.document = done.document
        self.units, self.initcalls = self.document["inside"]

    def handed_out(self, boot: int) -> Mapping[str, tuple[str, ...]]:
        """Give what the guest said in a boot, by section."""
        file = self.world.runs[0] / f"raw/boot-{boot:04}.inside"
        return {section.name: section.lines for section in read_handed_out(file)}


def spans(inside: Mapping[str, Any], source: str) -> dict[str, dict[str, Any]]:
    """Give the spans of one source by name."""
    return {span["name"]: span for span in inside["spans"] if span["source"] == source}


def length_ns(text: str) -> int:
    """Read a length as systemd-analyze writes it: ``1min 2.345s``, ``695ms``."""
    parts = re.findall(r"([\d.]+)(min|s|ms|us)\b", text)
    return sum(round(float(number) * _LENGTHS_NS[unit]) for number, unit in parts)


def agree(cut_ns: int, ours_ns: int, drift_ns: int) -> bool:
    """Whether a length of ours is the guest's, which was cut to the millisecond."""
    return cut_ns - abs(drift_ns) <= ours_ns < cut_ns + MS + abs(drift_ns)


def test_only_the_measured_boot_counts(looked: Looked) -> None:
    """Looking costs: its boots are in no table, and the user's --until does not end them."""
    document = looked.document

    assert [0] == [boot["index"] for boot in document["boots"]]
    assert (1, 1) == (document["summary"]["boots"], document["summary"]["ok"])
    assert [
        (1, "units", "reached", ["linux_start_user", "handed_out"]),
        (2, "initcalls", "reached", ["linux_start_user", "handed_out"]),
    ] == [
        (
            inside["boot"]["index"],
            inside["purpose"],
            inside["boot"]["outcome"],
            [mark["name"] for mark in inside["boot"]["marks"]],
        )
        for inside in document["inside"]
    ]


def test_the_clocks_are_tied_within_a_millisecond(looked: Looked) -> None:
    """At both ends of the boot."""
    assert looked.units["alignment"]["error_ns"] <= MS
    assert looked.initcalls["alignment"]["error_ns"] <= MS
    assert looked.units["alignment"]["apart_ns"] > 0
    assert [[], []] == [inside["notes"] for inside in looked.document["inside"]]


def test_units_agree_with_systemd_analyze_blame(looked: Looked) -> None:
    """The same units, each as long as systemd-analyze said in that boot."""
    drift_ns = looked.units["alignment"]["drift_ns"]
    blamed = {
        name: length_ns(length)
        for length, _, name in (
            line.strip().rpartition(" ") for line in looked.handed_out(_UNITS_BOOT)["blame"] if line
        )
    }

    ours = {
        name: span["duration_ns"]
        for name, span in spans(looked.units, "systemd").items()
        if span["parent"] and span["duration_ns"]
    }

    assert blamed.keys() == ours.keys()
    assert [] == [name for name in ours if not agree(blamed[name], ours[name], drift_ns)]


def test_stages_agree_with_systemd_analyze_time(looked: Looked) -> None:
    """Kernel, userspace, and when the last target was reached."""
    drift_ns = looked.units["alignment"]["drift_ns"]
    told = " ".join(looked.handed_out(_UNITS_BOOT)["time"])
    ours = spans(looked.units, "systemd")
    stages = {
        stage: length_ns(length) for length, stage in re.findall(r"([^=+]+?) \((\w+)\)", told)
    }
    (reached,) = re.findall(r"graphical.target reached after (.+) in userspace", told)

    assert {"kernel", "userspace"} == stages.keys()
    assert [] == [n for n in stages if not agree(stages[n], ours[n]["duration_ns"], drift_ns)]
    since_ns = ours["graphical.target"]["begin_ns"] - ours["userspace"]["begin_ns"]
    assert agree(length_ns(reached), since_ns, drift_ns)


def test_everything_lies_in_its_order_on_the_hosts_timeline(looked: Looked) -> None:
    """The guest's own words between marks that the host has stamped."""
    marks = {mark["name"]: mark["time_ns"] for mark in looked.units["boot"]["marks"]}
    (initramfs,) = spans(looked.units, "qbt-inside").values()
    unit = spans(looked.units, "systemd")

    times_ns = [
        0,
        unit["kernel"]["begin_ns"],
        initramfs["begin_ns"],
        marks["linux_start_user"],
        initramfs["end_ns"],
        unit["sysinit.target"]["begin_ns"],
        unit["basic.target"]["begin_ns"],
        unit["multi-user.target"]["begin_ns"],
        unit["userspace"]["end_ns"],
        marks["handed_out"],
    ]
    assert sorted(times_ns) == times_ns
    assert unit["userspace"]["begin_ns"] == initramfs["end_ns"]


def test_initcalls_are_those_of_the_log(looked: Looked) -> None:
    """The trace has the calls that initcall_debug has; builtin ones are over when our init runs."""
    handed_out = read_handed_out(looked.world.runs[0] / "raw/boot-0002.inside")
    log = [line for section in handed_out if section.name == "kmsg" for line in section.lines]
    calls = [span for span in looked.initcalls["spans"] if span["source"] == "trace_event"]
    (initramfs,) = spans(looked.initcalls, "qbt-inside").values()
    parents = {call["name"]: call["parent"] for call in calls}

    returned = [re.search(r";initcall (\w+)\+.* returned ", line) for line in log]
    assert sorted(found[1] for found in returned if found) == sorted(c["name"] for c in calls)
    assert ("kernel", "virtio_blk") == (parents["inet_init"], parents["virtio_blk_init"])
    last_ns = max(call["end_ns"] for call in calls if call["parent"] == "kernel")
    assert last_ns < initramfs["begin_ns"]


def test_the_run_shows_it_again(looked: Looked) -> None:
    """From the raw files, as a document and as a table."""
    shown = looked.world.qbt("show", "--json", "last").document
    table = looked.world.qbt("show", "last").stdout

    assert looked.document["inside"] == shown["inside"]
    assert ["units", "initcalls"] == re.findall(r"^inside: (\w+), in a boot", table, re.MULTILINE)
    assert re.search(r"^multi-user.target +\d+\.\d{3} +\d+\.\d{3} +0\.000$", table, re.MULTILINE)


@pytest.mark.parametrize("machine", ["pc", "microvm,acpi=off,pit=on"])
def test_initcalls_need_neither_systemd_nor_a_driver(
    world: World, guest: SystemdGuest, machine: str
) -> None:
    """A guest that leaves at once has handed out the kernel's part before."""
    done = world.qbt(*look_at(world, guest, machine, init.End.REBOOT), deadline_s=_DEADLINE_S)

    (inside,) = done.document["inside"]
    calls = spans(inside, "trace_event")
    assert ["the guest left, or its time was up, before it had handed out all"] == inside["notes"]
    assert {"kernel"} == {call["parent"] for call in calls.values()}
    assert calls["inet_init"]["end_ns"] <= calls["inet6_init"]["begin_ns"]


def test_initcalls_lie_between_the_kernels_own_functions(world: World, guest: SystemdGuest) -> None:
    """QEMU's plugin stamps these on the host: the guest's TSC, counted back, agrees."""
    require(SOURCES["plugin"].probe().ok, "no TCG plugin here")
    words = look_at(world, guest, "q35", init.End.REBOOT)

    (inside,) = world.qbt(
        *words[:2], "--source", "plugin", *words[2:], deadline_s=_DEADLINE_S
    ).document["inside"]

    marks = {mark["name"]: mark["time_ns"] for mark in inside["boot"]["marks"]}
    calls = spans(inside, "trace_event")
    times_ns = [
        marks["linux_start_kernel"],
        calls["con_init"]["begin_ns"],
        marks["linux_rest_init"],
        calls["migration_init"]["begin_ns"],
        calls["init_zero_pfn"]["end_ns"],
        marks["linux_smp_init"],
        calls["ipc_ns_init"]["begin_ns"],
        marks["linux_start_user"],
    ]
    assert sorted(times_ns) == times_ns


def test_ctrl_c_while_looking_leaves_nothing_behind(world: World, guest: SystemdGuest) -> None:
    """The measured boots are kept."""
    with world.start(*look_at(world, guest, "q35", init.End.HALT, until=True)) as child:
        deadline = time.monotonic() + _PATIENCE_S
        while not handed_out_something(world) and time.monotonic() < deadline:
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=_PATIENCE_S)

    assert 130 == child.returncode
    assert [("measured", "mark"), ("initcalls", "user")] == [
        (boot["purpose"], boot["ended_by"]) for boot in world.facts()
    ]


def look_at(
    world: World, guest: SystemdGuest, machine: str, end: init.End, *, until: bool = False
) -> tuple[str, ...]:
    """Give the words that look at the initcalls of the stock kernel with nothing but our init."""
    initrd = world.directory / "initrd"
    initrd.write_bytes(initramfs.build())
    ours = (*init.ON_A_BUSY_HOST, *init.parameters(mark=7, end=end))
    parameters = ("console=ttyS0", "quiet", "panic=-1", *ours)
    return (
        *("run", "--json", "-n", "1", "--source", "debugcon", "--timeout", "150"),
        *(("--until", "linux_start_user") if until else ()),
        *("--inside", "initcalls", "--", QEMU, "-M", machine, "-m", "256", *_MACHINE),
        *("-kernel", str(guest.kernel), "-initrd", str(initrd), "-append", " ".join(parameters)),
    )


def handed_out_something(world: World) -> bool:
    """Whether a guest has begun to tell of its inside."""
    files = [file for run in world.runs for file in run.glob("raw/*.inside")]
    return any(file.stat().st_size for file in files)
