"""The benchmarks run from end to end, and leave nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qemu_boot_time import host
from qemu_boot_time.sources.table import SOURCES
from real_host import require

pytestmark = pytest.mark.real

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SEEING = [name for name, source in SOURCES.items() if source.needs_kvm]
WATCHING = [name for name, source in SOURCES.items() if source.sees_port_writes]
ROWS = {
    "observer.py": ["none", *WATCHING, "old way"] * 2,
    "reading.py": ["qbt analyze --json", "perf script -s old_way.py", "walk.c"],
    "stamp.py": ["one after the other"] * 3 * len(SEEING) + ["apart"] * 3 * len(SEEING),
    "harness.py": WATCHING,
    "console.py": [*["tcg"] * 3, *["kvm"] * 3, "first", "last"],
}


@pytest.mark.parametrize("script", ROWS)
def test_a_quick_run(script: str, tmp_path: Path) -> None:
    """Status 0, a row for each way, and an empty directory for temporary files."""
    for probe in (host.kvm_device(), host.perf_binary(), *(s.probe() for s in SOURCES.values())):
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
