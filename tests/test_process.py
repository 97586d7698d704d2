"""The one place that starts programs: deadlines, groups, and death with the parent."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.process import Guard, Start, _guard

_PATIENCE_S = 60.0
_CAREFUL_PARENT = """
import subprocess, sys, time
from qemu_boot_time.process import Guard, Start, start
guard = Guard()
child, _ = start(Start(("/bin/sh", "-c", "sleep 1000 & echo $!; wait"), stdout=subprocess.PIPE))
guard.watch("group", child.pid)
guard.watch("remove", sys.argv[1])
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
time.sleep(1000)
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def started_with(word: str) -> list[str]:
    """Give the processes that have a word in their environment."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [file.parent.name] * (word.encode() in file.read_bytes())
    return found


def becomes(condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; False where it never does."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def sh(script: str) -> tuple[str, str, str]:
    """Give a shell command."""
    return ("/bin/sh", "-c", script)


# --- run --------------------------------------------------------------------------------------


def test_what_a_program_wrote_is_kept() -> None:
    """Both outputs, apart; it reads what it is given."""
    done = process.run(sh("cat; echo trouble >&2"), stdin=b"hello\xff")

    assert (0, "hello\ufffd", "trouble\n") == (done.returncode, done.stdout, done.stderr)


def test_a_program_runs_where_and_with_what_it_is_told(tmp_path: Path) -> None:
    """Directory and environment are its own."""
    done = process.run(sh("pwd; echo $COLOUR"), cwd=tmp_path, env={"COLOUR": "blue"})

    assert f"{tmp_path}\nblue\n" == done.stdout


def test_a_program_that_fails() -> None:
    """The error has its status, its last line, all that it wrote, and the caller's hint."""
    with pytest.raises(ProgramError) as caught:
        process.run(sh("echo one >&2; echo two >&2; exit 3"), hint="try again")

    error = caught.value
    assert ("/bin/sh -c: exit status 3: two", 3) == (error.what, error.returncode)
    assert ("one\ntwo\n", "try again") == (error.output, error.hint)


def test_a_failure_may_be_accepted() -> None:
    """grep, diff and isa-debug-exit tell with their status."""
    assert 3 == process.run(sh("exit 3"), accept=(0, 3)).returncode


def test_a_program_past_its_deadline_is_ended_with_its_children(tmp_path: Path) -> None:
    """Nothing of its process group is left, however far it had got."""
    env = {"PATH": os.environ["PATH"], "TEST": str(tmp_path)}

    with pytest.raises(ProgramError, match=r"no end after 0\.3 s") as caught:
        process.run(sh("sleep 1000 & wait"), timeout_s=0.3, env=env)

    assert caught.value.returncode is None
    assert becomes(lambda: not started_with(f"TEST={tmp_path}"))


def test_a_missing_program() -> None:
    """The error names it, the hint says how to get it."""
    with pytest.raises(HostError) as caught:
        process.run(("no-such-program",), hint="apt install it")

    assert ("no-such-program: not found", "apt install it") == (
        caught.value.what,
        caught.value.hint,
    )


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    """It is there, and the hint makes it one."""
    script = tmp_path / "start.sh"
    script.write_text("#!/bin/sh\n")

    with pytest.raises(HostError) as caught:
        process.require(str(script), hint="")

    expected = (f"{script}: not an executable program", f"chmod +x {script}")
    assert expected == (caught.value.what, caught.value.hint)


@pytest.mark.parametrize(
    ("content", "trouble"),
    [(b"#!/no/such/interpreter\n", "not found"), (b"\x7fELFjunk", "cannot be started")],
)
def test_what_cannot_be_executed(tmp_path: Path, content: bytes, trouble: str) -> None:
    """The kernel's refusal is an error of the host, not a traceback."""
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    broken.chmod(0o755)

    with pytest.raises(HostError, match=trouble):
        process.start(Start((str(broken),)))


# --- start and end ----------------------------------------------------------------------------


def test_the_stamp_is_taken_before_the_exec() -> None:
    """Between what we read before and after; the child leads its own group."""
    before_ns = time.monotonic_ns()
    child, stamp_ns = process.start(Start(("sleep", "1000")))
    after_ns = time.monotonic_ns()

    try:
        assert before_ns <= stamp_ns <= after_ns
        assert child.pid == os.getpgid(child.pid)
    finally:
        process.end_group(child)


def test_a_child_may_be_pinned() -> None:
    """It starts on the CPUs that it is given, and we stay where we are."""
    ours = os.sched_getaffinity(0)
    cpu = max(ours)
    child, _ = process.start(Start(("sleep", "1000"), cpus=frozenset({cpu})))

    try:
        assert ({cpu}, ours) == (os.sched_getaffinity(child.pid), os.sched_getaffinity(0))
    finally:
        process.end_group(child)


def test_a_group_that_does_not_listen_is_killed() -> None:
    """SIGTERM first, SIGKILL when patience ends."""
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    child, _ = process.start(Start(sh(script), stdout=subprocess.PIPE))
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        process.end_group(child, patience_s=0.2)

    assert -signal.SIGKILL == child.returncode


def test_a_group_that_listens_ends_in_order() -> None:
    """SIGTERM is enough; its grandchildren are ended all the same."""
    script = "trap 'exit 7' TERM; (trap '' TERM; sleep 1000) & echo $!; wait"
    child, _ = process.start(Start(sh(script), stdout=subprocess.PIPE))
    with child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        process.end_group(child)

    assert 7 == child.returncode
    assert becomes(lambda: not is_alive(grandchild))


def test_a_group_that_has_ended_is_no_error() -> None:
    """Somebody may always be faster."""
    child, _ = process.start(Start(("true",)))
    child.wait()

    process.signal_group(child.pid, signal.SIGTERM)
    process.end_group(child)

    assert 0 == child.returncode


# --- long programs ----------------------------------------------------------------------------


def test_a_log_keeps_command_and_output(tmp_path: Path) -> None:
    """Several programs may share it; ticks come while one runs."""
    log, ticked = tmp_path / "build.log", tmp_path / "ticked"
    waits = f"until [ -e {ticked} ]; do sleep 0.01; done; echo second >&2"
    process.run_logged(sh("echo first"), log=log, timeout_s=_PATIENCE_S)
    process.run_logged(sh(waits), log=log, timeout_s=_PATIENCE_S, tick=ticked.touch)

    lines = log.read_text().splitlines()
    assert ["$ /bin/sh -c echo first", "first"] == lines[:2]
    assert "second" == lines[-1]


def test_a_long_program_that_fails_gives_the_end_of_its_log(tmp_path: Path) -> None:
    """And says where the whole of it is."""
    log = tmp_path / "build.log"

    with pytest.raises(ProgramError) as caught:
        process.run_logged(sh("seq 9999; echo boom; exit 2"), log=log, timeout_s=_PATIENCE_S)

    assert (2, f"the whole log: {log}") == (caught.value.returncode, caught.value.hint)
    assert caught.value.output.endswith("9999\nboom\n")
    assert 4096 > len(caught.value.output)


def test_a_long_program_past_its_deadline(tmp_path: Path) -> None:
    """It is ended, and the error says so."""
    with pytest.raises(ProgramError, match=r"sleep: no end after 0\.1 s"):
        process.run_logged(("sleep", "1000"), log=tmp_path / "log", timeout_s=0.1)


@pytest.mark.parametrize(("size", "expected"), [(100, "one\ntwo\n"), (6, "two\n"), (4, "")])
def test_the_tail_of_a_file_begins_with_a_line(tmp_path: Path, size: int, expected: str) -> None:
    """Half a line would mislead."""
    (tmp_path / "log").write_text("one\ntwo\n")

    assert expected == process.tail(tmp_path / "log", size_bytes=size)


# --- the guard --------------------------------------------------------------------------------


def test_the_guard_ends_what_we_could_not(tmp_path: Path) -> None:
    """Our own SIGKILL: child and grandchild end, the directory is removed."""
    (tmp_path / "sockets").mkdir()
    (tmp_path / "sockets/qmp").touch()
    words = [sys.executable, "-c", _CAREFUL_PARENT, str(tmp_path / "sockets")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child, grandchild = map(int, parent.stdout.readline().split())
        assert is_alive(child)
        assert is_alive(grandchild)

        parent.kill()

    assert becomes(lambda: not is_alive(child) and not is_alive(grandchild))
    assert becomes(lambda: not (tmp_path / "sockets").exists())


def test_the_guard_lets_go_of_what_ended_well(tmp_path: Path) -> None:
    """What is released is not touched, what is not is ended, at the end of the block."""
    for name in ("kept", "left"):
        (tmp_path / name).mkdir()
    child, _ = process.start(Start(("sleep", "1000")))

    with Guard() as guard:
        guard.watch("remove", str(tmp_path / "kept"))
        guard.watch("remove", str(tmp_path / "left"))
        guard.watch("group", child.pid)
        guard.release("remove", str(tmp_path / "kept"))

    assert -signal.SIGKILL == child.wait()
    assert ["kept"] == [file.name for file in tmp_path.iterdir()]


def test_the_guard_may_be_gone(tmp_path: Path) -> None:
    """A guard that somebody killed is no reason to fail."""
    with Guard() as guard:
        guard._child.kill()
        guard._child.wait()
        guard.watch("remove", str(tmp_path))

    assert tmp_path.exists()


def test_the_guard_outlives_the_signals_that_end_us(tmp_path: Path) -> None:
    """A Ctrl-C at the terminal must not end it before its work."""
    victim = tmp_path / "left"
    victim.mkdir()

    with Guard() as guard:
        guard.watch("remove", str(tmp_path / "none"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            assert becomes(partial(_ignores, guard._child.pid, number))
            guard._child.send_signal(number)
        guard.watch("remove", str(victim))

    assert not victim.exists()


def _ignores(pid: int, number: int) -> bool:
    lines = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(lines["SigIgn"], 16) >> (number - 1) & 1)


def test_the_guard_waits_for_a_parent_that_still_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tracefs instance is busy until the kernel has closed its files, ten seconds where it must be."""
    busy = iter([True] * 10 + [False])
    passed_s = iter(range(99))
    remove = os.rmdir

    def rmdir(path: str) -> None:
        if next(busy):
            raise OSError(errno.EBUSY, "busy", path)
        remove(path)

    victim = tmp_path / "instance"
    victim.mkdir()
    monkeypatch.setattr(os, "rmdir", rmdir)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # an instance's files stay
    monkeypatch.setattr(time, "monotonic", lambda: float(next(passed_s)))
    monkeypatch.setattr(time, "sleep", lambda _: None)

    _guard.remove(str(victim), [])

    assert not victim.exists()
