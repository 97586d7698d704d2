"""Imports point down, and perf's own Python needs nothing but the standard library."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)
_PERF_NEEDS = (
    "qemu_boot_time.model",
    "qemu_boot_time.protocol",
    "qemu_boot_time.phases",
    "qemu_boot_time.stats.summary",
    "qemu_boot_time.sources.kvm_trace",
    "qemu_boot_time.report.classic",
)
_LOADED = """
import json, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__(name)
foreign = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(json.dumps([sorted(foreign), sorted(n for n in sys.modules if n.startswith("qemu_boot"))]))
"""


def lint(sources: Path) -> subprocess.CompletedProcess[str]:
    """Check the contract of pyproject.toml against a tree of sources."""
    return subprocess.run(
        [sys.executable, "-c", _LINT],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(sources)},
        capture_output=True,
        text=True,
        check=False,
    )


def loaded_by(*names: str) -> tuple[list[str], list[str]]:
    """Import modules where nothing is installed; give what was loaded: foreign, and ours."""
    words = [sys.executable, "-I", "-S", "-c", _LOADED, str(_ROOT / "src"), *names]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    foreign, ours = json.loads(done.stdout)
    return foreign, ours


def test_imports_point_down() -> None:
    """The contract of pyproject.toml, which is DESIGN.md's, is kept."""
    done = lint(_ROOT / "src")

    assert (0, True) == (done.returncode, "Imports point down KEPT" in done.stdout), done.stdout


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("model.py", "qemu_boot_time.phases"),
        ("stats/summary.py", "qemu_boot_time.store.facts"),
        ("report/text.py", "qemu_boot_time.cli.output"),
    ],
)
def test_an_import_that_points_up_is_found(tmp_path: Path, module: str, imports: str) -> None:
    """One line in the wrong place breaks the contract."""
    shutil.copytree(_ROOT / "src", tmp_path / "src")
    with (tmp_path / "src/qemu_boot_time" / module).open("a") as stream:
        stream.write(f"\nimport {imports}\n")

    done = lint(tmp_path / "src")

    assert (1, True) == (done.returncode, "Imports point down BROKEN" in done.stdout), done.stdout


def test_a_module_without_a_place_is_found(tmp_path: Path) -> None:
    """Whoever adds a room says where it stands."""
    shutil.copytree(_ROOT / "src", tmp_path / "src")
    (tmp_path / "src/qemu_boot_time/attic.py").touch()

    assert "attic" in lint(tmp_path / "src").stdout


def test_perfs_python_needs_the_standard_library_alone() -> None:
    """What perf-script/ imports, and all that this imports in turn."""
    foreign, ours = loaded_by(*_PERF_NEEDS)

    assert ["qemu_boot_time"] == [name for name in foreign if name != "__main__"]
    assert set(_PERF_NEEDS) <= set(ours)


def test_perfs_python_loads_no_room_that_it_does_not_need() -> None:
    """No program is started and no file is written by what it loads."""
    _, ours = loaded_by(*_PERF_NEEDS)

    rooms = {name.split(".")[1] for name in ours if "." in name}
    assert {"model", "exits", "protocol", "phases", "stats", "sources", "report"} == rooms


def test_a_foreign_import_would_be_found() -> None:
    """Modules that need msgspec cannot even be imported there."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        loaded_by("qemu_boot_time.report.json")

    assert "No module named 'msgspec'" in caught.value.stderr


def test_the_package_itself_is_light() -> None:
    """Importing it loads nothing of ours but itself."""
    assert (["qemu_boot_time"], ["qemu_boot_time"]) == (
        [name for name in loaded_by("qemu_boot_time")[0] if name != "__main__"],
        loaded_by("qemu_boot_time")[1],
    )
