"""A directory that holds several inputs stands for several configurations."""

from pathlib import Path

import pytest

from boots import lengths
from qemu_boot_time.errors import ExitStatus, InputError
from qemu_boot_time.inputs import Options, open_configurations
from qemu_boot_time.model import Kind
from runs import make_run

_DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name an empty directory of a home without runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "old").mkdir()
    return tmp_path / "old"


def test_each_input_is_a_configuration(old: Path) -> None:
    """Runs are called as their directories, files as they are without their suffix."""
    make_run(old / "v1.2")
    (old / "table.csv").write_text("fw_start\n1\n")
    (old / "list.txt").write_text("1\n2\n")
    (old / "more.dat").write_text("3\n")
    (old / "saved.json").write_text('{"schema": 1, "boots": []}')
    recording = next(_DATA.glob("perf-svm/perf.data"))
    (old / "seen.data").write_bytes(recording.read_bytes())

    found = open_configurations(str(old), Options())

    assert found is not None
    assert [
        ("list", Kind.LIST, 2),
        ("more", Kind.LIST, 1),
        ("saved", Kind.RUN, 0),
        ("seen", Kind.RECORDING, 3),
        ("table", Kind.TABLE, 1),
        ("v1.2", Kind.RUN, 2),
    ] == [(name, run.kind, len(run.boots)) for name, run in found.items()]


def test_a_recording_that_is_a_directory(old: Path) -> None:
    """It is one input, called as a file would be."""
    (old / "seen.data").mkdir()
    recording = (_DATA / "perf-svm/perf.data").read_bytes()
    (old / "seen.data/data").write_bytes(recording)

    found = open_configurations(str(old), Options())

    assert ["seen"] == list(found or ())


def test_options_apply_to_each(old: Path) -> None:
    """The unit is that of all files."""
    (old / "list.txt").write_text("7\n")

    found = open_configurations(str(old), Options("us"))

    assert [{"total": 7000}] == [lengths(run.boots[0]) for run in (found or {}).values()]


def test_other_files_are_passed_over(old: Path) -> None:
    """A licence, hidden files, a directory of something else."""
    (old / "LICENSE").write_text("do\n")
    (old / ".list.txt.json").write_text("{")
    (old / "notes").mkdir()
    (old / "list.txt").write_text("7\n")

    assert ["list"] == list(open_configurations(str(old), Options()) or ())


@pytest.mark.parametrize("name", ["list.txt", "list.txt:1:us", "run", "seen.data", "none", "last"])
def test_one_input_is_no_directory_of_them(
    name: str, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a column, a run, a recording, what is not there: the opener of one input knows."""
    monkeypatch.chdir(old)
    (old / "list.txt").write_text("7\n")
    make_run(old / "run")
    (old / "seen.data").mkdir()
    (old / "seen.data/data").write_text("PERFILE2")

    assert open_configurations(name, Options()) is None


def test_a_run_that_is_kept_comes_first(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id is a run's, even if a directory here is called so; its path is the directory's."""
    monkeypatch.chdir(tmp_path)
    (old / "list.txt").write_text("7\n")
    make_run(tmp_path / "state/qemu-boot-time/runs/old")

    assert open_configurations("old", Options()) is None
    assert ["list"] == list(open_configurations("./old/", Options()) or ())


def test_a_directory_without_inputs_is_refused(old: Path) -> None:
    """The hint says what counts."""
    (old / "README.md").write_text("nothing\n")

    with pytest.raises(InputError) as caught:
        open_configurations(str(old), Options())

    expected = (ExitStatus.BAD_INPUT, f"{old}: no run in it, and no file that could hold boots")
    assert expected == (caught.value.status, caught.value.what)
    assert (
        "put runs there, or files that end in .csv, .dat, .data, .json, .txt" == caught.value.hint
    )


def test_two_inputs_of_one_name_are_refused(old: Path) -> None:
    """Nobody can say which is to be matched."""
    (old / "a.csv").write_text("fw_start\n1\n")
    (old / "a.txt").write_text("7\n")

    with pytest.raises(InputError) as caught:
        open_configurations(str(old), Options())

    assert f"{old}: a.csv and a.txt are both 'a'" == caught.value.what


def test_one_that_cannot_be_read_is_an_error(old: Path) -> None:
    """It is named: a comparison without it would be taken for one of all."""
    (old / "a.txt").write_text("7\n")
    (old / "b.json").write_text("{")

    with pytest.raises(InputError, match=r"b\.json: "):
        open_configurations(str(old), Options())


def test_a_directory_that_cannot_be_listed(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's reason is the error."""

    def denied(directory: Path) -> None:
        raise PermissionError(13, "Permission denied", str(directory))

    monkeypatch.setattr(Path, "iterdir", denied)

    with pytest.raises(InputError) as caught:
        open_configurations(str(old), Options())

    assert f"{old}: Permission denied" == caught.value.what
