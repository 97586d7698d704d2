"""One perf that records, with a program in its place that answers as slowly as it is told."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm
from qemu_boot_time.sources.perf import recorder
from qemu_boot_time.sources.perf.recorder import Recorder

_PERF = """
import os, sys, time
from pathlib import Path
control, answer = map(int, sys.argv[2][3:].split(","))
enabled = 0
for line in os.fdopen(control):
    if line == "ping\\n":
        while not Path("late").exists():
            time.sleep(0.01)
    else:
        time.sleep(0.3 * (enabled == 2))
        os.write(1, b"%d" % enabled)
        enabled += 1
    os.write(answer, b"ack\\n")
"""


class _Trace:
    """Gives what perf wrote as it came."""

    def __init__(self, *_: object) -> None:
        pass

    def feed(self, chunk: bytes) -> list[str]:
        """Give each byte."""
        return list(chunk.decode())

    def rest(self) -> list[str]:
        """Keep nothing back."""
        return []


@pytest.fixture
def perf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Give one whose perf has not yet answered its first ping."""

    def argv(_: Arm, *, control: tuple[int, int], pid: int | None) -> tuple[str, ...]:
        del pid
        return (sys.executable, "-c", _PERF, "--control", f"fd:{control[0]},{control[1]}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recorder, "_argv_here", argv)
    monkeypatch.setattr(recorder, "LiveTrace", _Trace)
    monkeypatch.setattr(recorder, "_PING_WITHIN_S", 0.2)
    with Guard() as guard:
        found = Recorder(Arm(tmp_path), tmp_path / "perf.data", guard, pid=None)
        yield found
        found.close()


def test_an_answer_that_comes_late_is_not_that_of_a_boot(perf: Recorder) -> None:
    """Between two answers to what a boot's end asks all rings are read: a third one, to a ping, is none of them."""
    Path("late").touch()

    events: list[Any] = perf.end_boot()

    assert {"1", "2"} <= set(events)
