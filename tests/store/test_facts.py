"""Runs on disk: what was written is what is read, whatever happened in between."""

from pathlib import Path

import pytest

from qemu_boot_time.errors import CorruptFileError, HostError, InputError, UsageError
from qemu_boot_time.sources.base import Scope
from qemu_boot_time.stats.precision import Precision
from qemu_boot_time.store.facts import Interleaved, RunWriter, read_facts
from runs import boot_facts, make_run, run_facts


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
