"""The script for perf's own Python: the numbers of qbt analyze, made by the same modules."""

import re
import subprocess
from pathlib import Path

import pytest

from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.report.classic import to_classic
from qemu_boot_time.stats.summary import summarise
from real_host import require

pytestmark = pytest.mark.real

_ROOT = Path(__file__).parents[1]
_SCRIPT = _ROOT / "perf-script/qemu-perf-script.py"
_RECORDINGS = sorted(
    [
        _ROOT / f"tests/data/{name}/perf.data"
        for name in ("perf-all-cpus", "perf-pipe", "perf-one-process", "perf-stock")
    ]
    + [*(_ROOT.parent / "shared/data/recordings").glob("*.perf.data")]
)


def perf_script(recording: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script as its manual says, from anywhere."""
    command = ["perf", "script", "-s", str(_SCRIPT), "-i", str(recording), *words]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module", autouse=True)
def _perf_with_python() -> None:
    try:
        version = subprocess.run(
            ["perf", "version", "--build-options"], capture_output=True, text=True, check=False
        ).stdout
    except FileNotFoundError:
        version = ""
    require(re.search(r"libpython: \[ *on", version) is not None, "no perf with Python in it")


@pytest.mark.parametrize(
    "recording", _RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_it_prints_what_analyze_knows(recording: Path) -> None:
    """Every boot, mark and statistic, to the nanosecond."""
    done = perf_script(recording)

    boots = open_input(str(recording), Options()).boots
    expected = to_classic(boots, summarise(boots))
    assert (0, expected.strip()) == (done.returncode, done.stdout.strip()), done.stderr


@pytest.mark.parametrize(("name", "boots"), [("crosvm", 0), ("qemu-system-x86_*", 3)])
def test_another_vmm_is_named_on_its_command_line(name: str, boots: int) -> None:
    """With a name that nobody has there is no boot, and no failure."""
    recording = next(path for path in _RECORDINGS if path.parent.name == "perf-pipe")

    done = perf_script(recording, name)

    assert (0, boots) == (done.returncode, done.stdout.count(") pid ")), done.stderr
