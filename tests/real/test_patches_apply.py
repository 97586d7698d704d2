"""The patches apply, exactly, to the pristine sources of every suite that we say they do."""

import shutil
from pathlib import Path

import pytest

import trees
from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import data, distro, patches
from qemu_boot_time.guest.patches import Method, Project
from real_host import require

pytestmark = [pytest.mark.real, pytest.mark.build]


@pytest.fixture(scope="module", params=["bullseye", "bookworm", "trixie", "sid"])
def suite(request: pytest.FixtureRequest) -> str:
    """Give one suite after the other."""
    require(shutil.which("apt-get") is not None, "no apt here")
    return str(request.param)


@pytest.fixture(params=list(Project))
def project(request: pytest.FixtureRequest) -> Project:
    """Give one project after the other."""
    project = request.param
    assert isinstance(project, Project)
    return project


@pytest.fixture
def pristine(suite: str, project: Project, tmp_path: Path) -> Path:
    """Take the files that the patch changes out of the upstream tarball, and no others."""
    try:
        tarball = distro.fetch_upstream(project.value, suite=suite)
    except HostError as error:
        require(condition=False, reason=f"{project} of {suite}: {error.what}")
        raise
    header = Path("benchmark.h").name
    (patch,) = patches.available(project)
    changed = [f"*/{file}" for file in patch.files if Path(file).name != header]
    options = (
        "--strip-components=1",
        "--wildcards",
        "--no-wildcards-match-slash",
        "--occurrence=1",
    )
    process.run(("tar", "-xf", str(tarball.path), *options, *changed), cwd=tmp_path, timeout_s=300)
    return tmp_path


def test_applies_exactly(pristine: Path, project: Project) -> None:
    """The patch is a commit of its files, and taking it out again gives the pristine files."""
    before = {path: path.read_bytes() for path in pristine.rglob("*") if path.is_file()}
    trees.commit_all(pristine)

    applied = patches.apply(project, pristine)
    stat = trees.git(pristine, "show", "--format=", "--name-only", applied.commit)
    header = next(file for file in applied.patch.files if file.endswith("benchmark.h"))
    shared = (data.directory("patches") / "benchmark.h").read_text()

    assert Method.AM == applied.method
    assert sorted(applied.patch.files) == sorted(stat.split())
    assert shared == (pristine / header).read_text()
    trees.git(pristine, "apply", "--reverse", str(applied.patch.path))
    assert before == {path: path.read_bytes() for path in before}
