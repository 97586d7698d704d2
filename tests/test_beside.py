"""A program beside a boot, with shell scripts in its place: what it leaves behind is never ours."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import BootError, HostError
from qemu_boot_time.measure.beside import running
from qemu_boot_time.measure.plan import Beside

_DEADLINE_S = 60.0
_SERVES = "while :; do sleep 0.05; done"


def observer(script: str) -> Beside:
    """Make an observer of a shell script."""
    return Beside(("sh", "-c", script), settle_s=0)


def until(true: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + _DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def written(file: Path) -> int:
    """Wait for the process id that a script writes."""
    until(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def until_ended() -> None:
    """Wait until all that we have started has ended; nobody reaps it meanwhile."""
    until(lambda: all(process.has_ended(pid) for pid in process.children()))


def is_gone(pid: int) -> bool:
    """Say whether no such process is left."""
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("how", ["", "setsid "])
def test_an_orphan_is_no_child_of_ours(tmp_path: Path, how: str) -> None:
    """Detached while it watches, in its group or out of it: we neither see nor reap it, and it ends after."""
    script = f"({how}sh -c 'echo $$ >helper; sleep 61' &); {_SERVES}"
    before = process.children()

    with running(observer(script), tmp_path):
        helper = written(tmp_path / "helper")
        ours = process.children() - before

    assert (1, False) == (len(ours), helper in ours)
    assert is_gone(helper)
    assert before == process.children()


def test_what_an_orphan_took_is_not_charged(tmp_path: Path) -> None:
    """One that ends while it watches had its CPU time; ours is what it was."""
    burn = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $$ >helper"
    script = f"(sh -c '{burn}' &); {_SERVES}"

    with running(observer(script), tmp_path):
        before_ns = process.cpu_of_the_ended_ns()
        helper = written(tmp_path / "helper")
        until(lambda: is_gone(helper))
        took_ns = process.cpu_of_the_ended_ns() - before_ns

    assert 0 == took_ns


@pytest.fixture(params=["foreground", "background"])
def job(request: pytest.FixtureRequest) -> Iterator[None]:
    """Be what a shell has started, with and without an ampersand: then these are ignored."""
    numbers = (signal.SIGINT, signal.SIGQUIT)
    how = signal.SIG_IGN if request.param == "background" else signal.SIG_DFL
    before = [signal.signal(number, how) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("job")
def test_it_is_interrupted_as_by_ctrl_c(tmp_path: Path) -> None:
    """Once, with the signals that a shell would have given it; what it says to that is kept."""
    script = f"trap 'echo interrupted; exit' INT; echo $$ >began; {_SERVES}"

    with running(observer(script), tmp_path):
        began = written(tmp_path / "began")
        below = _below(process.children())
        ignored = _ignored(began)

    assert ([began], set()) == (below, ignored)
    assert "interrupted\n" == (tmp_path / "observer.log").read_text()


def _below(pids: frozenset[int]) -> list[int]:
    found: list[int] = []
    for pid in pids:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def _ignored(pid: int) -> set[int]:
    lines = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {number for number in signal.Signals if int(lines["SigIgn"], 16) >> (number - 1) & 1}


def test_one_that_is_interrupted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the boot was, it is the observer that hears it, and not its keeper on its way."""
    keepers = []
    start = process.start

    def noted(request: process.Start) -> tuple[subprocess.Popen[bytes], int]:
        keeper, exec_ns = start(request)
        keepers.append(keeper)
        return keeper, exec_ns

    monkeypatch.setattr(process, "start", noted)

    with running(observer(_SERVES), tmp_path):
        pass

    assert [0] == [keeper.returncode for keeper in keepers]


def test_one_that_ends_by_itself_leaves_nothing(tmp_path: Path) -> None:
    """What it has detached is ended at once, not when the boot is over."""
    script = (
        "(setsid sh -c 'echo $$ >helper; sleep 61' &); until [ -e helper ]; do sleep 0.01; done"
    )
    said = r"^sh -c .*: ended by itself$"

    def until_it_is_gone() -> None:
        with running(observer(script), tmp_path):
            helper = written(tmp_path / "helper")
            until(lambda: is_gone(helper))
            until_ended()

    with pytest.raises(BootError, match=said):
        until_it_is_gone()


def test_one_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    """In the words of the kernel."""
    broken = tmp_path / "watcher"
    broken.write_bytes(b"\x7fELFjunk")
    broken.chmod(0o755)
    said = f"^{broken}: ended by itself: {broken}: cannot be started: Exec format error$"

    with (
        pytest.raises(BootError, match=said),
        running(Beside((str(broken),), settle_s=0), tmp_path),
    ):
        until_ended()


def test_what_stays_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper with rights that we lack: the error has its name, its number and whose it is."""
    script = "(sh -c 'echo $$ >helper; exec sleep 61' &); trap '' INT; " + _SERVES
    monkeypatch.setattr("qemu_boot_time.measure.beside._ENDS_WITHIN_S", 0.1)
    kill = os.kill

    def refused(pid: int, number: int) -> None:
        if pid == written(tmp_path / "helper"):
            raise PermissionError
        kill(pid, number)

    def until_it_is_there() -> None:
        with running(observer(script), tmp_path):
            helper = written(tmp_path / "helper")
            until(lambda: process.name_of(helper) == "sleep")

    monkeypatch.setattr(os, "kill", refused)

    with pytest.raises(HostError) as caught:
        until_it_is_there()

    helper = written(tmp_path / "helper")
    kill(helper, signal.SIGKILL)
    os.waitpid(helper, 0)
    expected = f": left behind what does not end, whoever may end it: sleep (process {helper})"
    assert (True, True) == (
        caught.value.what.startswith("sh -c "),
        caught.value.what.endswith(expected),
    )
