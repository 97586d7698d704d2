"""Boots whose exits are counted: their command, and the maps that are taken while they run."""

import os
import selectors
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from qemu_boot_time import process
from qemu_boot_time.cli import measuring
from qemu_boot_time.cli.measuring import Printing
from qemu_boot_time.cli.output import Form
from qemu_boot_time.errors import HostError, UsageError
from qemu_boot_time.host import Probe
from qemu_boot_time.measure import Plan, Side, Silence, measure
from qemu_boot_time.measure.mapper import NO_ANSWER, Mapper
from qemu_boot_time.measure.profile import check, profiled
from qemu_boot_time.measure.series import Series
from qemu_boot_time.measure.watch import Watch, step
from qemu_boot_time.model import Boot, EndedBy, Event, EventKind, Outcome, Run
from qemu_boot_time.phases import Rules
from qemu_boot_time.protocol import POWER_OFF
from qemu_boot_time.sources.exits import MapRecord, recorder
from qemu_boot_time.sources.exits.maps import read_maps
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.store.load import load_run
from qemu_boot_time.vm.boot import RunningVm
from qemu_boot_time.vm.command import parse
from qemu_boot_time.vm.qmp import Qmp
from runs import run_facts

QEMU = "qemu-system-x86_64"
REACHED = Boot(0, 7, Outcome.REACHED)
ANSWER = {"id": "human-monitor-command", "return": "FlatView #0\r\n"}


class Monitor:
    """A connection that keeps what it is asked."""

    def __init__(self) -> None:
        self.connected = True
        self.asked: list[tuple[str, dict[str, str]]] = []

    def execute(self, command: str, **arguments: str) -> None:
        """Take a command."""
        self.asked.append((command, arguments))


@pytest.fixture
def monitor() -> Monitor:
    """Give a monitor."""
    return Monitor()


def saw(taker: Mapper, monitor: Monitor, kind: EventKind, **fields: Any) -> None:
    """Let something be seen."""
    taker.saw(Event(1, "perf_event", kind, 7, fields), cast("Qmp", monitor))


def plan(*words: str) -> Plan:
    """Make a plan."""
    return Plan(parse((QEMU, *words)), 1, Rules(), ())


def writer(directory: Path) -> RunWriter:
    """Begin a run."""
    return RunWriter.begin(directory / "run", run_facts())


def test_a_boot_waits_for_its_first_map() -> None:
    """QEMU is told to wait, unless the user does so."""
    own, ours = plan("-accel", "kvm", "-S"), plan("-accel", "kvm")

    assert (own, False) == profiled(own)
    waiting, paused = profiled(ours)
    assert ((*ours.command.argv, "-S"), True) == (waiting.command.argv, paused)


def test_a_map_is_kept_as_it_comes(tmp_path: Path, monitor: Monitor) -> None:
    """With the moments between which it was made."""
    file = tmp_path / "boot-0000.mtree"
    taker = Mapper(file, paused=True)

    taker.ask(cast("Qmp", monitor))
    taker.heard({"event": "RESUME"})
    taker.heard(ANSWER)

    assert [("human-monitor-command", {"command_line": "info mtree -f"})] == monitor.asked
    record = msgspec.json.decode(file.read_bytes(), type=MapRecord)
    assert "FlatView #0\r\n" == record.text
    assert 0 < record.asked_ns <= record.answered_ns
    assert [record.asked_ns] == [each.asked_ns for each in read_maps(file)]


def test_each_mark_is_asked_at_once(tmp_path: Path, monitor: Monitor) -> None:
    """Not twice, not while an answer is to come, and not where the guest ends."""
    taker = Mapper(tmp_path / "x.mtree", paused=True)

    saw(taker, monitor, EventKind.ENTRY, event="kvm:kvm_entry")
    saw(taker, monitor, EventKind.PASSED, name=POWER_OFF)
    assert 0 == len(monitor.asked)
    saw(taker, monitor, EventKind.PORT_WRITE, port=0xF5, value=1)
    saw(taker, monitor, EventKind.PORT_WRITE, port=0xF5, value=5)
    assert 1 == len(monitor.asked)
    taker.heard(ANSWER)
    saw(taker, monitor, EventKind.PORT_WRITE, port=0xF5, value=1)
    assert 1 == len(monitor.asked)
    saw(taker, monitor, EventKind.PORT_WRITE, port=0xF4, value=6)
    assert 2 == len(monitor.asked)


def test_an_answer_that_never_comes(
    tmp_path: Path, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten seconds nobody waits any more: QEMU hangs at its end."""
    taker = Mapper(tmp_path / "x.mtree", paused=True)
    taker.ask(cast("Qmp", monitor))
    now_ns = time.monotonic_ns()

    before = taker.is_overdue
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns + 11 * 10**9)

    assert (False, True) == (before, taker.is_overdue)


@dataclass
class Vm:
    """A QEMU that may have left."""

    qmp: Monitor
    ended: bool
    leader_ended: bool = False


@pytest.mark.parametrize(("left", "by"), [(False, EndedBy.TIMEOUT), (True, EndedBy.ITSELF)])
def test_a_monitor_that_we_gave_up_on_is_no_end_of_qemus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, left: bool, by: EndedBy
) -> None:
    """It is we who end that boot, and it is said why; QEMU may have left all the same."""
    monitor = Monitor()
    taker = Mapper(tmp_path / "x.mtree", paused=True)
    taker.ask(cast("Qmp", monitor))
    now_ns = time.monotonic_ns()
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns + 11 * 10**9)
    vm = cast("RunningVm", Vm(monitor, left))
    watch = Watch(vm, plan("-accel", "kvm"), time.monotonic() + 60, mapper=taker)

    with selectors.DefaultSelector() as selector:
        selector.register(readable := os.eventfd(1), selectors.EVENT_READ, lambda: None)
        step(selector, watch)
    os.close(readable)

    assert by is watch.ended_by
    assert ("" if left else NO_ANSWER) == watch.message


def test_an_error_is_no_map(tmp_path: Path, monitor: Monitor) -> None:
    """And the next one may be asked for."""
    taker = Mapper(tmp_path / "x.mtree", paused=True)
    taker.ask(cast("Qmp", monitor))

    taker.heard({"id": "human-monitor-command", "error": {"class": "GenericError"}})
    taker.ask(cast("Qmp", monitor))

    assert ((), 2) == (read_maps(tmp_path / "x.mtree"), len(monitor.asked))


def test_without_kvm_or_rights_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first boot, with what would help."""
    refused = Probe(ok=False, what="tracefs cannot be read", remedy="sudo mount")
    monkeypatch.setattr("qemu_boot_time.measure.profile.probe", lambda: refused)

    with pytest.raises(UsageError, match="no KVM") as no_kvm:
        check(parse((QEMU, "-accel", "tcg")))
    with pytest.raises(HostError, match="tracefs cannot be read") as no_rights:
        check(parse((QEMU, "-accel", "kvm")))

    assert "--source plugin" in str(no_kvm.value.hint)
    assert "sudo mount" == no_rights.value.hint


def test_a_recorder_that_is_refused_in_the_end_costs_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measured boots are kept, and the run says why it has no profile."""

    def refuse(_file: Path) -> None:
        raise HostError("no locked memory is left")

    monkeypatch.setattr(recorder, "arm", refuse)
    side = Side(replace(plan("-accel", "kvm"), profiles=2), writer(tmp_path), Silence())

    with process.Guard() as guard:
        Series(side, side.plan, [], guard, tmp_path, boots=[REACHED]).profile()

    run = load_run(tmp_path / "run")
    assert () == run.profiles
    assert "boot 2 and later ones have no profile: no locked memory is left" in run.notes


def test_a_recorder_that_is_refused_is_so_before_the_first_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried when the sources are armed."""

    def refuse(_file: Path) -> None:
        raise HostError("no locked memory is left")

    monkeypatch.setattr(recorder, "arm", refuse)
    wanted = replace(plan("-accel", "kvm"), profiles=2)

    with pytest.raises(HostError, match="no locked memory"):
        measure(wanted, writer(tmp_path), Silence())

    assert not (tmp_path / "run/boots.jsonl").exists() or not load_run(tmp_path / "run").boots


def test_a_profile_that_is_missing_is_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is printed, and whoever asked for a profile is told that there is none."""
    wanted = replace(plan("-accel", "kvm"), profiles=1)
    shown: list[Run] = []

    def printed(run: Run, _form: Form) -> int:
        shown.append(run)
        return 0

    monkeypatch.setattr(measuring, "measure", lambda *_: [])
    monkeypatch.setattr(measuring, "load_run", lambda _: Run("x", ()))
    monkeypatch.setattr(measuring, "print_run", printed)

    status = measuring.measure_and_print(
        wanted, Printing(as_json=False, verbose=False, out=tmp_path / "run")
    )

    assert (5, 1) == (status, len(shown))
