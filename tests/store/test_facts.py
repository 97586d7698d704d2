"""Runs on disk: what was written is what is read, whatever happened in between."""

import os
import time
from pathlib import Path

import pytest

from qemu_boot_time.errors import CorruptFileError, HostError, InputError, UsageError
from qemu_boot_time.sources.base import Scope
from qemu_boot_time.stats.precision import Precision
from qemu_boot_time.store import facts as store
from qemu_boot_time.store.facts import Interleaved, RunKind, RunWriter, read_facts
from runs import boot_facts, make_run, run_facts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep runs in a place of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "qemu-boot-time/runs"


def test_facts_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Everything that was asked, and every boot."""
    facts = run_facts(
        names={42: "ready"},
        phases={"net": ("linux_start_user", "ready")},
        scope=Scope.PROCESS,
        until="ready",
        cpus=(0, 1),
        host={"kernel": "6.1", "cpus": 2},
        precision=Precision(0.01, least=20, most=1000),
        interleaved=Interleaved(seed=2**32 - 1, side="a", other="20261123-144500-2"),
    )
    boots = [boot_facts(-1), boot_facts(0, resets_ns=(5,), message="it broke")]
    writer = RunWriter.begin(tmp_path / "run", facts)
    for boot in boots:
        writer.append(boot)

    assert (facts, boots) == read_facts(tmp_path / "run")


def test_run_json_is_there_before_the_first_boot(tmp_path: Path) -> None:
    """A run that is killed at once is a run without boots."""
    RunWriter.begin(tmp_path / "run", run_facts())

    assert [] == read_facts(tmp_path / "run")[1]


def test_what_is_added_is_told_when_it_is_known(tmp_path: Path) -> None:
    """Nothing else changes, and no half file is ever there."""
    writer = RunWriter.begin(tmp_path / "run", run_facts(until="linux_start_user"))

    writer.added(("-device", "isa-debugcon"))

    facts, _ = read_facts(tmp_path / "run")
    assert run_facts(until="linux_start_user", added=("-device", "isa-debugcon")) == facts
    assert ["boots.jsonl", "raw", "run.json"] == sorted(
        file.name for file in (tmp_path / "run").iterdir()
    )


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    """Numbers that were measured stay."""
    make_run(tmp_path / "run")

    with pytest.raises(UsageError, match="holds a run already"):
        RunWriter.begin(tmp_path / "run", run_facts())


def test_a_run_is_not_mixed_with_other_files(tmp_path: Path) -> None:
    """Whatever they are; they stay as they are, and nothing is added."""
    (tmp_path / "notes").touch()

    with pytest.raises(UsageError, match=r"holds other files \(notes\)") as caught:
        RunWriter.begin(tmp_path, run_facts())

    assert "--out takes a new directory, or an empty one" == caught.value.hint
    assert [tmp_path / "notes"] == list(tmp_path.iterdir())


def test_an_empty_directory_will_do(tmp_path: Path) -> None:
    """Only what is in it counts."""
    RunWriter.begin(tmp_path, run_facts())

    assert (tmp_path / "run.json").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """The error says which, and the option that helps."""
    (tmp_path / "file").touch()

    with pytest.raises(HostError, match=r"file.*: Not a directory") as caught:
        RunWriter.begin(tmp_path / "file/run", run_facts())

    assert "--out" in caught.value.hint


def test_consoles_have_a_file_for_each_boot(tmp_path: Path) -> None:
    """Warm-up boots keep theirs apart."""
    writer = RunWriter.begin(tmp_path / "run", run_facts())

    names = [writer.console(3, "stderr").name, writer.console(-2, "stdout").name]
    assert ["boot-0003.stderr", "warmup-0002.stdout"] == names


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_last_line_cut_short_costs_one_boot(tmp_path: Path, cut: int) -> None:
    """A killed writer leaves the boots before it; a newline alone is no loss."""
    file = make_run(tmp_path / "run") / "boots.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])

    found = [boot.index for boot in read_facts(tmp_path / "run")[1]]

    assert ([0, 1] if cut == 1 else [0]) == found


@pytest.mark.parametrize("junk", [b"\n", b"{}\n", b'{"index": "x"}\n', b"\xff\xfe\n", b"[" * 9999])
def test_a_corrupt_line_is_named_by_its_byte(tmp_path: Path, junk: bytes) -> None:
    """Boots after it are not guessed at."""
    file = make_run(tmp_path / "run") / "boots.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + junk.rstrip(b"\n") + b"\n" + second)

    with pytest.raises(CorruptFileError) as caught:
        read_facts(tmp_path / "run")

    assert (str(file), len(first)) == (caught.value.file, caught.value.offset)


def test_a_boot_without_a_process_is_corrupt(tmp_path: Path) -> None:
    """Every boot had one."""
    make_run(tmp_path / "run", [boot_facts(0, pids=())])

    with pytest.raises(CorruptFileError):
        read_facts(tmp_path / "run")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"schema": 1}', b"\xff", b'{"host": ' + b"[" * 9999]
)
def test_a_corrupt_run_json_is_refused(tmp_path: Path, content: bytes) -> None:
    """Truncation and nonsense are one error."""
    (make_run(tmp_path / "run") / "run.json").write_bytes(content)

    with pytest.raises(CorruptFileError, match=r"run\.json: facts at byte 0"):
        read_facts(tmp_path / "run")


def test_a_scope_that_is_not_known_is_corrupt(tmp_path: Path) -> None:
    """Words have their few meanings in files too."""
    file = make_run(tmp_path / "run") / "run.json"
    file.write_text(file.read_text().replace('"system"', '"galaxy"'))

    with pytest.raises(CorruptFileError, match="galaxy"):
        read_facts(tmp_path / "run")


def test_a_newer_schema_is_told_before_anything_else(tmp_path: Path) -> None:
    """Its fields need not be ours."""
    (make_run(tmp_path / "run") / "run.json").write_text('{"schema": 2, "boots": "many"}')

    with pytest.raises(InputError, match="schema 2, this qbt reads 1"):
        read_facts(tmp_path / "run")


def test_a_field_of_tomorrow_is_passed_over(tmp_path: Path) -> None:
    """Within a schema facts may be added."""
    file = make_run(tmp_path / "run") / "run.json"
    file.write_text(file.read_text().replace('"schema": 1', '"schema": 1, "moon": "full"'))

    assert run_facts() == read_facts(tmp_path / "run")[0]


@pytest.mark.parametrize("name", ["run.json", "boots.jsonl"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """With the kernel's reason."""
    (make_run(tmp_path / "run") / name).unlink()

    with pytest.raises(InputError, match=f"{name}: No such file or directory"):
        read_facts(tmp_path / "run")


# --- finding runs -----------------------------------------------------------------------------


def test_runs_live_in_the_state_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$XDG_STATE_HOME, else ~/.local/state."""
    assert home == store.runs_directory()
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/me")

    assert Path("/home/me/.local/state/qemu-boot-time/runs") == store.runs_directory()


@pytest.mark.parametrize("name", ["last", "20261123-144500"])
def test_a_user_without_a_home(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty HOME, or none and no entry in /etc/passwd: the hint says what to set."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    with pytest.raises(HostError) as empty:
        store.find_run(name)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 12345)
    with pytest.raises(HostError) as unset:
        store.find_run(name)

    assert {"set HOME or XDG_STATE_HOME"} == {empty.value.hint, unset.value.hint}


def test_a_run_at_a_path_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found where it is."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    run = make_run(tmp_path / "run")

    assert run == store.find_run(str(run))


def test_two_runs_in_one_second(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told apart by a number."""
    monkeypatch.setattr(time, "strftime", lambda *_: "20261123-144500")

    names = [store.new_run_directory(home).name for _ in range(3)]

    assert ["20261123-144500", "20261123-144500-2", "20261123-144500-3"] == names


def test_a_home_that_cannot_be_made(home: Path) -> None:
    """The error names the option that helps."""
    home.parent.touch()

    with pytest.raises(HostError, match="Not a directory") as caught:
        store.new_run_directory(home)

    assert "--out" in caught.value.hint


def test_a_run_is_found_by_path_id_or_last(home: Path) -> None:
    """A path comes first; last is the newest."""
    first, second = make_run(home / "first"), make_run(home / "second")
    elsewhere = make_run(home.parents[1] / "elsewhere")
    for i, run in enumerate((second, first)):
        os.utime(run, ns=(i, i))

    found = [store.find_run(name) for name in ("first", "last", str(elsewhere), "elsewhere")]

    assert [first, first, elsewhere, Path("elsewhere")] == found
    assert [first, second] == store.all_runs()


def test_last_is_the_last_with_a_boot(home: Path) -> None:
    """One that was ended before its first shows nothing; who watches others writes no boots."""
    measured, empty = make_run(home / "measured"), home / "empty"
    recorded = home / "recorded"
    RunWriter.begin(recorded, run_facts(kind=RunKind.RECORDED))
    RunWriter.begin(empty, run_facts())
    for i, run in enumerate((recorded, measured, empty)):
        os.utime(run, ns=(i, i))
    last = store.find_run("last")
    os.utime(recorded, ns=(9, 9))

    assert [measured, recorded] == [last, store.find_run("last")]


def test_no_run_with_a_boot(home: Path) -> None:
    """Is said, though there are runs."""
    RunWriter.begin(home / "empty", run_facts())

    with pytest.raises(InputError, match="no run with a boot"):
        store.find_run("last")


@pytest.mark.parametrize("name", ["last", "nowhere"])
def test_a_run_that_is_not_there(home: Path, name: str) -> None:
    """The hint is the next step."""
    del home

    with pytest.raises(InputError) as caught:
        store.find_run(name)

    assert caught.value.hint in {"qbt demo", "qbt list"}
