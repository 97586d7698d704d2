"""One boot's processes, with shell scripts in QEMU's place: each ends with all that it left."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.vm.boot import BootRequest, RunningVm

DEADLINE_S = 120.0


@pytest.fixture
def guard() -> Iterator[process.Guard]:
    """Give a guard."""
    with process.Guard() as guard:
        yield guard


def request(
    directory: Path, script: str, before_exec: Callable[[int], None] | None = None
) -> BootRequest:
    """Ask for a boot of a shell script that may write its ``$out``."""
    return BootRequest(
        argv=("env", f"out={directory}/out", "sh", "-c", script),
        stdout=directory / "stdout",
        stderr=directory / "stderr",
        monitor=directory / "qmp",
        before_exec=before_exec,
    )


def until(true: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def written(directory: Path) -> int:
    """Wait for the process id that a script writes."""
    out = directory / "out"
    until(lambda: out.exists() and out.read_text().endswith("\n"))
    return int(out.read_text())


def test_the_end_of_a_program_is_seen(tmp_path: Path, guard: process.Guard) -> None:
    """Its exit status is kept, its output in files of its own."""
    with RunningVm(request(tmp_path, "echo to; echo err >&2; exit 3"), guard) as vm:
        until(lambda: vm.ended)
        vm.stop(lambda _: None)

    assert 3 == vm.exit_status
    assert ("to\n", "err\n") == (
        (tmp_path / "stdout").read_text(),
        (tmp_path / "stderr").read_text(),
    )


@pytest.mark.parametrize("how", ["sleep 60 &", "setsid sleep 60 &", "(setsid sleep 60 &) &"])
def test_what_a_script_leaves_behind_is_part_of_the_boot(
    tmp_path: Path, guard: process.Guard, how: str
) -> None:
    """The script has ended, the boot has not; stop ends the orphan, in whatever group it is."""
    with RunningVm(request(tmp_path, f"{how} sleep 0.1"), guard) as vm:
        until(lambda: vm.leader_ended)
        over = vm.ended
        vm.stop(lambda _: None)
        after = vm.ended

    assert (False, True) == (over, after)


def test_a_boot_ends_with_its_block(tmp_path: Path, guard: process.Guard) -> None:
    """Also when something else raises inside it."""
    with pytest.raises(ZeroDivisionError), RunningVm(request(tmp_path, "sleep 60"), guard) as vm:
        raise ZeroDivisionError

    assert -signal.SIGTERM == vm.exit_status


def test_what_ignores_sigterm_is_killed(
    tmp_path: Path, guard: process.Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience has an end."""
    ending = ((signal.SIGTERM, 0.05), (signal.SIGKILL, DEADLINE_S))
    monkeypatch.setattr("qemu_boot_time.vm.boot._ENDINGS", ending)
    script = 'trap "" TERM; echo $$ > $out; while :; do sleep 0.01; done'

    with RunningVm(request(tmp_path, script), guard) as vm:
        written(tmp_path)

    assert -signal.SIGKILL == vm.exit_status


def test_a_held_process_waits_before_its_exec(tmp_path: Path, guard: process.Guard) -> None:
    """What must see the exec is attached first, and what it starts is none of the boot's."""
    seen: list[bool] = []

    def attach(pid: int) -> None:
        seen.append((tmp_path / "out").exists())
        assert os.getpgid(pid) == pid

    with RunningVm(request(tmp_path, "echo $$ > $out", attach), guard) as vm:
        pid = written(tmp_path)

    assert ([False], vm.pid) == (seen, pid)


def test_children_that_were_there_before_stay(tmp_path: Path, guard: process.Guard) -> None:
    """A boot ends what it started, and not, say, the perf that watches it."""
    other, _ = process.start(process.Start(("sleep", "60")))
    with RunningVm(request(tmp_path, "true"), guard) as vm:
        until(lambda: vm.ended)

    assert other.poll() is None
    process.end_group(other)


_BUSY = "import time; end = time.process_time() + 0.1\nwhile time.process_time() < end: pass"


@pytest.mark.parametrize("left_behind", ["", " &"])
def test_the_cpu_time_of_all_that_was_started_is_kept(
    tmp_path: Path, guard: process.Guard, left_behind: str
) -> None:
    """A child's, and that of what it leaves behind; a tenth of a second, and Python's own start."""
    script = f"{sys.executable} -c '{_BUSY}'{left_behind}"

    with RunningVm(request(tmp_path, script), guard) as vm:
        until(lambda: vm.ended)
        while_it_runs = vm.cpu_ns
        vm.stop(lambda _: None)

    assert while_it_runs is None
    assert vm.cpu_ns is not None
    assert 100_000_000 <= vm.cpu_ns < 1_000_000_000


def test_what_others_took_before_is_not_counted(tmp_path: Path, guard: process.Guard) -> None:
    """A program that has ended before the boot, or beside it just before its exec, is none of it."""
    process.run((sys.executable, "-c", _BUSY))

    def attach(_: int) -> None:
        process.run((sys.executable, "-c", _BUSY))

    with RunningVm(request(tmp_path, "exit 0", attach), guard) as vm:
        until(lambda: vm.ended)
        vm.stop(lambda _: None)

    assert vm.cpu_ns is not None
    assert vm.cpu_ns < 100_000_000
