"""The perf_event source on the running kernel: real boots, real rings, and perf as its witness."""

import contextlib
import json
import os
import selectors
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import click
import pytest

import kvmbox
import perf_oracle
from qbt_process import QBT, QEMU, World, tiny_qemu
from qbt_process import SOURCE as SOURCE_TREE
from qemu_boot_time import process
from qemu_boot_time.cli.measuring import facts_of
from qemu_boot_time.formats.perfdata import Sample, open_recording
from qemu_boot_time.guest import tiny
from qemu_boot_time.host.files import online_cpus
from qemu_boot_time.host.perf_event import Request, control
from qemu_boot_time.host.rights import remount_argv
from qemu_boot_time.measure import Plan, Silence, measure
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.phases import Rules
from qemu_boot_time.protocol import LINUX_PORT
from qemu_boot_time.sources import debugcon, kvm_trace, perf_event
from qemu_boot_time.sources import perf as perf_source
from qemu_boot_time.sources.base import Arm, Scope, Source
from qemu_boot_time.sources.perf_event import opened, recorder
from qemu_boot_time.sources.session import RecordingSession
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.store.load import load_run
from qemu_boot_time.vm.command import parse
from unprivileged import (
    NOBODY,
    PERFMON,
    SETPRIV,
    python_for_nobody,
    require_closed_host,
    tracefs_closed_again,
)

pytestmark = pytest.mark.real

SOURCE = ("--source", "perf_event")
VALUES = [1, 5, 3, 6, 7]
MARKS = ["qemu_init_end", *tiny.PROTOCOL]
PERF_SCRIPT = Path(__file__).parents[2] / "perf-script/qemu-perf-script.py"
_CLOSE_NS = 200_000
"""How far apart two recorders' stamps of one event may lie: each reads the clock itself.

In the median, and in the box too: whatever else the host runs may come between any two of them.
"""
_OF_OTHERS = 100
"""More records than VMs of others add meanwhile, and fewer than a loss told twice."""
_ROOM_OF_A_PAGE = 32
"""Marks that fit in a ring of one page together with what else a boot puts there."""


def _boot(bios: Path) -> int:
    """Boot once; give QEMU's process id."""
    command = tiny_qemu(bios, accelerator="kvm")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
        child.wait(60)
    return child.pid


def _whole(world: World) -> Path:
    return world.bios(*tiny.marks(*tiny.PROTOCOL, spin=1000), tiny.DebugExit())


def _chatty(world: World, marks: int) -> Path:
    return world.bios(tiny.Flood(marks, port=LINUX_PORT), tiny.DebugExit())


def _writes(events: Iterable[Event]) -> list[Event]:
    ordered = sorted(events, key=lambda event: event.time_ns)
    return [event for event in ordered if event.kind is EventKind.PORT_WRITE]


def _counts(events: Iterable[Event]) -> list[int]:
    return [int(event.fields["count"]) for event in events if event.kind is EventKind.LOST]


def _seen(world: World, source: Source) -> list[Event]:
    """Give the writes of this run's VMs: others may boot on this host."""
    own = {pid for facts in world.facts() for pid in facts["pids"]} | {0, 1}
    return [write for write in _writes(source.read(Arm(world.runs[-1] / "raw"))) if write.vm in own]


def _require_alone(events: Iterable[Event], *pids: int) -> None:
    if {event.vm for event in events} - {-1, *pids}:
        pytest.skip("somebody else's VM boots here at the same time")


def _session(directory: Path) -> RecordingSession:
    return perf_event.session(Arm(directory))


@pytest.mark.parametrize("scope", ["system", "process"])
def test_a_boot_is_seen_from_the_exec_to_the_last_mark(
    traced: str, world: World, scope: str
) -> None:
    """Every mark of every boot comes, the first guest entry too, and nothing is suspect."""
    command = tiny_qemu(_whole(world), accelerator=traced)

    done = world.run(*SOURCE, "--scope", scope, "--", *command)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert [MARKS, MARKS] == [done.marks(0), done.marks(1)]
    assert [[], []] == [boot["suspect"] for boot in done.document["boots"]]
    marks = [mark for boot in done.document["boots"] for mark in boot["marks"]]
    assert {"perf_event"} == {mark["source"] for mark in marks}


@pytest.mark.parametrize("scope", ["system", "process"])
def test_a_mark_ends_a_boot(traced: str, world: World, scope: str) -> None:
    """The mark asked for is seen live, and a guest that would never end is ended."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.Hang())
    until = ("--until", "linux_start_user", "--scope", scope)

    done = world.run(*SOURCE, *until, "--", *tiny_qemu(bios, accelerator=traced))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert ["mark"] * 2 == [facts["ended_by"] for facts in world.facts()]


@pytest.mark.parametrize("how", ['{} "$@"; exit 3', '{} "$@" &', 'exec {} "$@"'])
@pytest.mark.parametrize("scope", ["system", "process"])
def test_a_script_that_starts_qemu(traced: str, world: World, how: str, scope: str) -> None:
    """Time zero is the exec of QEMU itself, and its marks are known to be this boot's."""
    command = " ".join(tiny_qemu(_whole(world), accelerator=traced))
    script = world.script(how.format(command))

    done = world.run(*SOURCE, "--scope", scope, "--", script)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert [MARKS, MARKS] == [done.marks(0), done.marks(1)]
    pids = {boot["pid"] for boot in done.document["boots"]}
    assert pids.isdisjoint(facts["pids"][0] for facts in world.facts()) == ("exec" not in how)


def test_all_sources_see_the_same_marks(traced: str, perf: str, world: World) -> None:
    """The stamps are those of perf recording the same boots, and the bytes those of debugcon."""
    assert perf == traced
    all_sources = ("--source", "perf_event", "--source", "perf", "--source", "debugcon")

    done = world.run(*all_sources, "--", *tiny_qemu(_whole(world), accelerator=traced))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    ours, perfs = _seen(world, perf_event.SOURCE), _seen(world, perf_source.SOURCE)
    assert VALUES * 2 == [event.fields["value"] for event in ours]
    assert VALUES * 2 == [event.fields["value"] for event in _seen(world, debugcon.SOURCE)]
    apart_ns = [abs(a.time_ns - b.time_ns) for a, b in zip(ours, perfs, strict=True)]
    assert median(apart_ns) < _CLOSE_NS


def test_perf_opens_the_raw_file(traced: str, perf: str, world: World) -> None:
    """``perf script`` says of it, record by record, what our reader says."""
    assert perf == traced
    world.run(*SOURCE, "--", *tiny_qemu(_whole(world), accelerator=traced))
    (file,) = world.runs[-1].glob("raw/perf_event.data")

    said = process.run([*perf_oracle.SCRIPT, str(file)], timeout_s=60).stdout

    ours = open_recording(file, tracefs=None)
    assert perf_oracle.parse(said) == perf_oracle.render(ours.records())
    assert {} == ours.unknown
    assert ("monotonic", os.uname().nodename) == (ours.header.clock, ours.header.hostname)


def test_perfs_own_python_makes_the_same_table(traced: str, perf: str, world: World) -> None:
    """``perf script -s qemu-perf-script.py`` shows the marks of both boots to the nanosecond."""
    assert perf == traced
    done = world.run(*SOURCE, "--", *tiny_qemu(_whole(world), accelerator=traced))
    file = world.runs[-1] / "raw/perf_event.data"

    said = process.run(["perf", "script", "-s", str(PERF_SCRIPT), "-i", str(file)]).stdout

    for boot in done.document["boots"]:
        assert f"pid {boot['pid']}" in said
        for mark in boot["marks"]:
            assert f" {mark['name']}: {mark['time_ns'] / 1e6:.6f}" in said


def test_fifty_boots_in_one_session(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rings of one page, passed again and again: every mark of every boot, and nothing left open.

    A boot's marks fit, so that nothing depends on how soon we read.
    """
    assert traced
    monkeypatch.setattr(opened, "MARK_PAGES", 1)
    bios = _chatty(world, _ROOM_OF_A_PAGE)
    before = _descriptors()
    session = _session(world.directory)
    per_boot, pids = [], list[int]()
    for boot in range(50):
        session.begin(boot)
        pids.append(_boot(bios))
        per_boot.append([event for event in session.end(boot) if event.vm == pids[-1]])
    session.close()

    assert before == _descriptors()
    assert [_ROOM_OF_A_PAGE] * 50 == [len(_writes(events)) for events in per_boot]
    read = [event for event in perf_event.read(Arm(world.directory)) if event.vm in pids]
    assert 50 * _ROOM_OF_A_PAGE == len(_writes(read))
    assert 50 == sum(event.kind is EventKind.EXEC for event in read)
    assert 50 == sum(event.kind is EventKind.ENTRY for event in read)
    assert ["perf_event.data"] == [file.name for file in world.directory.glob("*.data")]


def test_what_came_before_we_waited_is_announced(traced: str, world: World) -> None:
    """An exec that precedes the registration of our descriptors is read at the first look."""
    assert traced
    session = _session(world.directory)
    session.begin(0)
    with subprocess.Popen([QEMU, "--version"], stdout=subprocess.DEVNULL) as child:
        child.wait(60)
    with selectors.DefaultSelector() as selector:
        for descriptor, read in session.readers().items():
            selector.register(descriptor, selectors.EVENT_READ, read)
        ready = selector.select(0)
    events = [event for key, _ in ready for event in key.data()]
    session.close()

    assert child.pid in [event.vm for event in events if event.kind is EventKind.EXEC]


@pytest.mark.parametrize("scope", Scope)
def test_the_first_mark_disarms_the_entry(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch, scope: Scope
) -> None:
    """What fires at each exit of the guest is enabled on each CPU only until the guest runs."""
    asked: list[Request] = []
    session = perf_event.session(Arm(world.directory, scope))

    def spy(descriptor: int, request: Request) -> None:
        asked.append(request)
        control(descriptor, request)

    monkeypatch.setattr(recorder, "control", spy)
    command = tiny_qemu(_whole(world), accelerator=traced)
    waiting = ["sh", "-c", 'read -r _; exec "$@"', "sh", *command]

    session.begin(0)
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        attach = session.before_exec()
        if attach is not None:
            attach(child.pid)
        enabled = asked.count(Request.ENABLE)
        child.communicate(b"\n", timeout=60)
    before = asked.count(Request.DISABLE)
    deque((list(read()) for read in session.readers().values()), maxlen=0)
    after = asked.count(Request.DISABLE)
    session.close()

    assert enabled >= len(online_cpus())
    assert 0 == before < len(online_cpus()) <= after


def _samples(file: Path, event: str) -> int:
    records = open_recording(file, wanted=[event]).records()
    return sum(isinstance(record, Sample) for record in records)


def _descriptors() -> list[str]:
    return sorted(file.name for file in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("pages", [1, opened.MARK_PAGES])
def test_no_mark_is_lost_in_silence(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """However late we read a guest that writes and writes: what was seen and what was lost is all."""
    assert traced
    monkeypatch.setattr(opened, "MARK_PAGES", pages)
    session = _session(world.directory)
    session.begin(0)

    _boot(_chatty(world, 4000))

    events = list(session.end(0))
    session.close()
    (lost,) = _counts(events)
    assert 4000 <= len(_writes(events)) + lost < 4000 + _OF_OTHERS
    read = list(perf_event.read(Arm(world.directory)))
    assert (len(_writes(events)), _counts(events)) == (len(_writes(read)), _counts(read))


def test_the_boot_after_a_loss_is_innocent(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would tell of a loss at the next boot's first event: a new recording takes over."""
    assert traced
    monkeypatch.setattr(opened, "MARK_PAGES", 1)
    session = _session(world.directory)
    counts = []
    for boot, marks in enumerate([1000, _ROOM_OF_A_PAGE, _ROOM_OF_A_PAGE]):
        session.begin(boot)
        _boot(_chatty(world, marks))
        counts.append(sum(_counts(session.end(boot))))
    session.close()

    assert counts[0] > 900
    assert max(counts[1:]) < _OF_OTHERS
    files = sorted(file.name for file in world.directory.glob("*.data"))
    assert ["boot-0001.perf_event.data", "perf_event.data"] == files


def test_a_boot_that_lost_marks_is_suspect(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A boot whose marks found no room is suspect of it, and the next one is not."""
    monkeypatch.setattr(opened, "MARK_PAGES", 1)
    monkeypatch.setattr(RecordingSession, "readers", lambda _: {})  # as late as can be
    many = world.bios(tiny.Flood(1000, port=LINUX_PORT), tiny.DebugExit(), name="many.bin")
    argv = [" ".join(tiny_qemu(bios, accelerator=traced)) for bios in (many, _whole(world))]
    run = world.directory / "run"
    is_second = f"[ -e {run}/raw/boot-0001.stderr ]"
    world.script(f'{is_second} && exec {argv[1]} "$@"; exec {argv[0]} "$@"')
    command = parse([str(world.directory / "vm.sh")])
    plan = Plan(command, 2, Rules(), (perf_event.SOURCE,), timeout_s=60)

    measure(plan, RunWriter.begin(run, facts_of(plan, ())), Silence())

    assert [("events_lost",), ()] == [boot.suspect for boot in load_run(run).boots]


def test_a_cpu_that_comes_online_is_recorded_too(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the CPUs have changed between two boots, a new recording takes over."""
    assert traced
    session = _session(world.directory)
    session.begin(0)
    pids = [_boot(_whole(world))]
    first = _writes(session.end(0))
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "online_cpus", lambda: frozenset({4095}))
        session.begin(1)
    pids.append(_boot(_whole(world)))
    second = _writes(session.end(1))
    session.close()

    seen = [
        [write.fields["value"] for write in writes if write.vm == pid]
        for writes, pid in zip((first, second), pids, strict=True)
    ]
    assert [VALUES, VALUES] == seen
    files = sorted(file.name for file in world.directory.glob("*.data"))
    assert ["boot-0001.perf_event.data", "perf_event.data"] == files


@contextlib.contextmanager
def _nobodys_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qbtn-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_nobody_measures_with_one_capability(traced: str) -> None:
    """CAP_PERFMON, tracefs and /dev/kvm readable: ``qbt run`` of an unprivileged user takes it."""
    require_closed_host()
    python = python_for_nobody()
    with _nobodys_directory() as here, tracefs_closed_again() as tracefs:
        subprocess.run(remount_argv(tracefs, NOBODY), check=True)
        bios = here / "bios.bin"
        bios.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
        run = [*QBT[1:], "run", "--json", "-n", "2", "--", *tiny_qemu(bios, accelerator=traced)]
        open_kvm = f"mknod -m 666 {here}/kvm c 10 232 && mount --bind {here}/kvm /dev/kvm"
        as_nobody = shlex.join([*SETPRIV, *PERFMON, python, *run])
        packages = Path(click.__file__).parents[1]
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{open_kvm} && exec {as_nobody}"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{SOURCE_TREE}:{packages}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "XDG_STATE_HOME": str(here / "state"),
            },
            cwd=here,
            capture_output=True,
            check=False,
            text=True,
        )

    assert 0 == done.returncode, done.stderr
    document = json.loads(done.stdout)
    assert ["perf_event"] == document["run"]["sources"]
    assert [MARKS, MARKS] == [[m["name"] for m in boot["marks"]] for boot in document["boots"]]


@pytest.mark.kvmbox
def test_hardware_kvm_tells_of_the_first_entry(box_site: Path, tmp_path: Path) -> None:
    """Where kvm_entry fires it is the mark, and exact.

    This is Linux 6.1 too, which starts a disarmed event again by enabling it.
    """
    firmware = tmp_path / "tiny.bin"
    firmware.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
    command = shlex.join(tiny_qemu(Path("/in/tiny.bin"), accelerator="kvm", machine="q35"))
    both = "--source perf_event --source perf"
    with kvmbox.prepared() as box:
        result = box.run(
            f"qbt run --json -n 3 --out /out/run {both} -- {command} > /out/run.json",
            {"tiny.bin": firmware, "site": box_site},
        )
        assert result.exit_status == 0, result.console
        document = json.loads((result.out / "run.json").read_text())
        raw = result.out / "run/raw"
        ours, perfs = (list(s.read(Arm(raw))) for s in (perf_event.SOURCE, perf_source.SOURCE))

    entries = [boot["marks"][0] for boot in document["boots"]]
    seen = [(mark["name"], mark["source"], mark["event"]) for mark in entries]
    assert [("qemu_init_end", "perf_event", kvm_trace.ENTRY)] * 3 == seen
    pairs = list(zip(_writes(ours), _writes(perfs), strict=True))
    assert VALUES * 3 == [write.fields["value"] for write, _ in pairs]
    assert median(abs(a.time_ns - b.time_ns) for a, b in pairs) < _CLOSE_NS
