"""The benchmarks run from end to end, and leave nothing behind."""

import os
import re
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

import kvmbox
from qemu_boot_time import host
from real_host import require
from recorders import UNDER_KVM

pytestmark = pytest.mark.real

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
_DEADLINE_S = 900
NAMES = [source.name for source in UNDER_KVM]
SEEING = [source.name for source in UNDER_KVM if source.needs_kvm]
ROWS = {
    "observer.py": ["none", *NAMES, "old way"] * 2,
    "reading.py": ["qbt analyze --json", "perf script -s old_way.py", "walk.c"],
    "stamp.py": ["one after the other"] * 3 * len(SEEING) + ["apart"] * 3 * len(SEEING),
    "harness.py": NAMES,
    "agreement.py": ["first write", "later writes"] * len(list(permutations(SEEING, 2))),
    "console.py": [*["tcg"] * 3, *["kvm"] * 3, "first", "last"],
    "plugin.py": ["none", "looks for nothing", "hooks", "--count", "--clock instructions"],
    "precision.py": ["normal", "log-normal", "constant + log-normal"] * 4,
}


@pytest.mark.parametrize("script", ROWS)
def test_a_quick_run(script: str, tmp_path: Path) -> None:
    """Status 0, a row for each way, and an empty directory for temporary files."""
    for probe in (host.kvm_device(), host.perf_binary(), *(s.probe() for s in UNDER_KVM)):
        require(probe.ok, probe.what)

    done = _run(script, "--quick", tmp_path=tmp_path)

    first_cells = [line.split(" | ")[0].strip("| ") for line in done.stdout.splitlines()]
    assert (0, []) == (done.returncode, list(tmp_path.iterdir())), done.stderr
    assert ROWS[script] == [cell for cell in first_cells if cell in ROWS[script]]


def _run(*words: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    script, *options = words
    return subprocess.run(
        [sys.executable, BENCHMARKS / script, *options],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )


def test_a_recorder_that_is_not_here(tmp_path: Path) -> None:
    """Status 5, and the names of those that are."""
    for probe in (host.kvm_device(), host.perf_binary(), host.tracepoint_access()):
        require(probe.ok, probe.what)

    done = _run("observer.py", "--quick", "--recorder", "bpf", tmp_path=tmp_path)

    assert (5, []) == (done.returncode, list(tmp_path.iterdir()))
    assert re.search(
        r"^observer\.py: not here: bpf \(there are none, .*old way\)$", done.stderr, re.MULTILINE
    )


@pytest.mark.kvmbox
def test_a_benchmark_in_the_box(tmp_path: Path) -> None:
    """It is found there with what it imports, and what it prints is printed, labelled."""
    with kvmbox.prepared():
        done = _run("in_box.py", "observer.py", "--help", tmp_path=tmp_path)

    assert (0, []) == (done.returncode, list(tmp_path.iterdir())), done.stderr
    label, usage, *_ = done.stdout.splitlines()
    assert "in a box: TCG-emulated SVM" == label
    assert usage.startswith("usage: observer.py [-h] [-n ROUNDS]")
