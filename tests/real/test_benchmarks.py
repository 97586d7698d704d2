"""The benchmarks run from end to end, and leave nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qemu_boot_time import host
from real_host import require
from recorders import UNDER_KVM

pytestmark = pytest.mark.real

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = [source.name for source in UNDER_KVM]
SEEING = [source.name for source in UNDER_KVM if source.needs_kvm]
ROWS = {
    "observer.py": ["none", *NAMES, "old way"] * 2,
    "reading.py": ["qbt analyze --json", "perf script -s old_way.py", "walk.c"],
    "stamp.py": ["one after the other"] * 3 * len(SEEING) + ["apart"] * 3 * len(SEEING),
    "harness.py": NAMES,
    "console.py": [*["tcg"] * 3, *["kvm"] * 3, "first", "last"],
    "plugin.py": ["none", "hooks", "--count", "--clock instructions"],
}


@pytest.mark.parametrize("script", ROWS)
def test_a_quick_run(script: str, tmp_path: Path) -> None:
    """Status 0, a row for each way, and an empty directory for temporary files."""
    for probe in (host.kvm_device(), host.perf_binary(), *(s.probe() for s in UNDER_KVM)):
        require(probe.ok, probe.what)

    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, "--quick"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    first_cells = [line.split(" | ")[0].strip("| ") for line in done.stdout.splitlines()]
    assert (0, []) == (done.returncode, list(tmp_path.iterdir())), done.stderr
    assert ROWS[script] == [cell for cell in first_cells if cell in ROWS[script]]
