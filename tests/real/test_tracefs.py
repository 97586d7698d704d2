"""The tracefs source on the running kernel: real boots, and trace-cmd as its witness."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

import kvmbox
from qbt_process import DEADLINE_S, World, tiny_qemu
from qemu_boot_time import process
from qemu_boot_time.formats.tracedat import TraceEvent, open_recording, parts
from qemu_boot_time.guest import tiny
from qemu_boot_time.host.rights import find_tracefs
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.protocol import LINUX_PORT
from qemu_boot_time.sources import kvm_trace, tracefs
from qemu_boot_time.sources.base import Arm, Scope
from real_host import require

pytestmark = pytest.mark.real

SOURCE = ("--source", "tracefs")
MARKS = ["qemu_init_end", *tiny.PROTOCOL]
VALUES = [1, 5, 3, 6, 7]
_QUIET_MOMENTS = 20


@pytest.fixture
def traced(kvm: str) -> str:
    """Give KVM, where we may make a tracefs instance."""
    probe = tracefs.probe()
    require(probe.ok, probe.what)
    return kvm


def _tracefs() -> Path:
    found = find_tracefs()
    assert found is not None
    return found.directory


def _instances(pid: int) -> list[Path]:
    return sorted((_tracefs() / "instances").glob(f"qbt-{pid}-*"))


def _whole(world: World) -> Path:
    return world.bios(*tiny.marks(*tiny.PROTOCOL, spin=1000), tiny.DebugExit())


def _chatty(world: World, count: int) -> Path:
    return world.bios(tiny.Flood(count, port=LINUX_PORT), tiny.DebugExit(), name="chatty.bin")


def _boot(bios: Path) -> int:
    """Boot; give QEMU's process id, for other people's VMs are seen too."""
    command = tiny_qemu(bios, accelerator="kvm")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as qemu:
        qemu.wait(DEADLINE_S)
    return qemu.pid


def _of(kind: EventKind, events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.kind is kind]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("how", ["", '{} "$@"; exit 3', '{} "$@" &', "setsid {} &"])
def test_a_boot_is_seen_from_the_exec_to_the_last_mark(
    traced: str, world: World, scope: Scope, how: str
) -> None:
    """All marks of every boot, whoever starts QEMU; time zero is its own exec."""
    command = tiny_qemu(_whole(world), accelerator=traced)
    words = (world.script(how.format(" ".join(command))),) if how else command

    done = world.run(*SOURCE, "--scope", scope, "--", *words)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert [MARKS, MARKS] == [done.marks(0), done.marks(1)]
    assert [[], []] == [boot["suspect"] for boot in done.document["boots"]]


@pytest.mark.parametrize("scope", Scope)
def test_a_mark_ends_a_boot(traced: str, world: World, scope: Scope) -> None:
    """The mark asked for is seen at once, and a guest that would never end is ended."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.Hang())
    until = ("--until", "linux_start_user", "--scope", scope)

    done = world.run(*SOURCE, *until, "--", *tiny_qemu(bios, accelerator=traced))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert ["mark"] * 2 == [facts["ended_by"] for facts in world.facts()]


def test_twenty_boots_as_all_sources_see_them(traced: str, perf: str, world: World) -> None:
    """The same writes in the same order, whoever looks."""
    assert perf == traced
    names = ("tracefs", "perf_event", "perf", "debugcon")
    asked = [word for name in names for word in ("--source", name)]

    done = world.run(*asked, "-n", "20", "--", *tiny_qemu(_whole(world), accelerator=traced))

    assert (0, ["reached"] * 20) == (done.status, done.outcomes)
    for boot in done.document["boots"]:
        seen: dict[str, list[str]] = {name: [] for name in names}
        for mark in (*boot["marks"], *boot["also_seen"]):
            if not mark["event"].startswith("kvm:kvm_entry "):  # what it says of the firmware
                seen[mark["source"]].append(mark["name"])
        assert {name: MARKS[name == "debugcon" :] for name in names} == seen
        assert [] == boot["suspect"]


def _joined(world: World) -> list[TraceEvent]:
    file = world.directory / "joined.dat"
    parts.assemble(world.runs[-1] / "raw/tracefs", file)
    return [record for record in open_recording(file).records() if isinstance(record, TraceEvent)]


def test_trace_cmd_opens_the_raw_files(traced: str, world: World) -> None:
    """``trace-cmd restore`` makes a trace.dat of the parts, and it has the same marks."""
    require(Path("/usr/bin/trace-cmd").exists(), "no trace-cmd here")
    world.run(*SOURCE, "--", *tiny_qemu(_whole(world), accelerator=traced))
    values = [r.fields["val"] for r in _joined(world) if r.event == kvm_trace.PIO]
    raw, restored = world.runs[-1] / "raw/tracefs", world.directory / "restored.dat"
    pages = sorted(raw.glob("cpu*.pages"), key=lambda file: int(file.stem[3:]))
    joined = world.directory / "joined.dat"

    words = ["trace-cmd", "restore", "-i", str(raw / parts.HEAD), "-o", str(restored)]
    process.run([*words, *map(str, pages)])

    assert 2 * len(VALUES) <= len(values)
    for file in (restored, joined):
        said = process.run(["trace-cmd", "report", "-t", "-i", str(file)]).stdout
        marks = [line for line in said.splitlines() if "kvm_pio:" in line]
        assert values == [int(line.split("val ")[1].split()[0], 16) for line in marks]
    assert "qemu-system-x86-" in said


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_of_an_instance(
    traced: str, world: World, number: signal.Signals, scope: Scope
) -> None:
    """Whatever ends us while a guest runs: the instance goes, and the top one was never touched."""
    before = _top_level()
    bios = world.bios(*tiny.marks("fw_start"), tiny.Hang())
    command = tiny_qemu(bios, accelerator=traced)

    with world.start("run", *SOURCE, "--scope", scope, "--", *command) as child:
        while not any(world.runs[-1].glob("raw/tracefs/cpu*")) if world.runs else True:
            assert child.poll() is None
        mine = _instances(child.pid)
        during = _top_level()
        child.send_signal(number)
        child.communicate(timeout=DEADLINE_S)

    assert [] == world.leftovers()
    assert 1 == len(mine)
    assert [] == _instances(child.pid)
    assert before == during == _top_level()


def _top_level() -> list[str]:
    top = _tracefs()
    names = [top / "set_event", top / "trace_clock", top / "set_event_pid"]
    events = ("sched/sched_process_exec", "kvm/kvm_pio", "kvm/kvm_entry", "kvm/kvm_userspace_exit")
    names += [top / "events" / event / what for event in events for what in ("filter", "trigger")]
    return [file.read_text() for file in names]


def test_an_error_removes_the_instance_too(traced: str, world: World) -> None:
    """As does the end of a measurement that is in order."""
    assert traced
    made: list[Path] = []

    def fail() -> None:
        with process.Guard() as guard, tracefs.arm(Arm(world.directory), guard):
            made.extend(_instances(os.getpid()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert 1 == len(made)
    assert [] == _instances(os.getpid())


def test_two_measurements_at_once_have_their_own(traced: str, world: World) -> None:
    """One process may compare two commands, boot by boot."""
    assert traced
    a, b = (Arm(world.directory / name) for name in ("a", "b"))

    with process.Guard() as guard, tracefs.arm(a, guard), tracefs.arm(b, guard):
        mine = _instances(os.getpid())

    assert 2 == len(mine)
    assert [] == _instances(os.getpid())


def test_no_mark_is_lost_in_silence(traced: str, world: World) -> None:
    """A guest that writes more than fits, read too late: what was lost is told, of that boot alone."""
    assert traced
    counts, losses = [], []
    with process.Guard() as guard, tracefs.arm(Arm(world.directory), guard) as session:
        (instance,) = _instances(os.getpid())
        (instance / "buffer_size_kb").write_text("8")
        for boot, marks in enumerate([8000, 10, 10]):
            session.begin(boot)
            pid = _boot(_chatty(world, marks))
            events = list(session.end(boot))
            counts.append(sum(e.vm == pid for e in _of(EventKind.PORT_WRITE, events)))
            losses.append(sum(int(e.fields["count"]) for e in _of(EventKind.LOST, events)))

    assert losses[0] > 0
    assert [0, 0] == losses[1:]
    assert [10, 10] == counts[1:]
    read = list(tracefs.read(Arm(world.directory)))
    assert sum(losses) == sum(int(e.fields["count"]) for e in _of(EventKind.LOST, read))
    assert 20 <= len(_of(EventKind.PORT_WRITE, read))


@pytest.mark.kvmbox
def test_hardware_kvm_tells_of_the_first_entry(box_site: Path, tmp_path: Path) -> None:
    """Where kvm_entry fires it is the mark; waking us does not make the guest enter for ever.

    VMs that boot at once do not disarm it for each other.
    """
    firmware = tmp_path / "tiny.bin"
    firmware.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
    qemu = shlex.join(tiny_qemu(Path("/in/tiny.bin"), accelerator="kvm", machine="q35"))
    at_once = f"sh -c '{qemu} & {qemu} & wait'"
    with kvmbox.prepared() as box:
        result = box.run(
            f"qbt run --json -n 3 --out /out/run {' '.join(SOURCE)} -- {qemu} > /out/run.json\n"
            f"qbt record --json --out /out/rec {' '.join(SOURCE)} -- {at_once} > /out/rec.json",
            {"tiny.bin": firmware, "site": box_site},
        )
        assert result.exit_status == 0, result.console
        run, recorded = (json.loads((result.out / f).read_text()) for f in ("run.json", "rec.json"))
        parts.assemble(result.out / "run/raw/tracefs", tmp_path / "joined.dat")

    for document, boots in ((run, 3), (recorded, 2)):
        marks = [[mark["name"] for mark in boot["marks"]] for boot in document["boots"]]
        assert [MARKS] * boots == marks
        entered = {boot["marks"][0]["event"] for boot in document["boots"]}
        assert {kvm_trace.ENTRY} == entered
    records = list(open_recording(tmp_path / "joined.dat", wanted=[kvm_trace.ENTRY]).records())
    assert len(records) <= 3 * 4
