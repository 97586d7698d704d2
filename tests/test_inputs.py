"""Whatever holds boots is opened, or refused with one error that says why."""

import shutil
from pathlib import Path

import pytest

from boots import lengths, names, times
from qemu_boot_time.errors import ExitStatus, InputError, QbtError, UsageError
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Definitions, Kind, Outcome, Run
from qemu_boot_time.phases import Rules
from qemu_boot_time.protocol import Names

_SHARED = Path(__file__).parents[1].parent / "shared/data"
_DATA = Path(__file__).parent / "data"


def shared(name: str) -> Path:
    """Give a file of published measurements, or skip."""
    if not (_SHARED / name).exists():
        pytest.skip(f"{name} is not beside this checkout")
    return _SHARED / name


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Name a table that is yet to be written."""
    return tmp_path / "boots.csv"


def opened(file: Path, content: str | bytes, options: Options | None = None) -> Run:
    """Write a file and open it."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_input(str(file), options or Options())


def refused(file: Path, content: str | bytes, options: Options | None = None) -> QbtError:
    """Write a file and give the error that opening it raises."""
    with pytest.raises(QbtError) as caught:
        opened(file, content, options)
    return caught.value


# --- tables -----------------------------------------------------------------------------------


def test_three_published_boots() -> None:
    """The kernel phase of each boot is that of the published table, to the nanosecond."""
    run = open_input(str(shared("three-boots.csv")), Options())

    expected = [128_070_123, 120_721_881, 117_105_851]
    assert expected == [lengths(boot)["kernel"] for boot in run.boots]
    assert [251_431_310, 242_882_716, 241_910_863] == [lengths(b)["total"] for b in run.boots]


def test_columns_are_marks_and_rows_are_boots(table: Path) -> None:
    """The column "boot" only numbers them; milliseconds unless told otherwise."""
    run = opened(table, "boot,fw_start,fw_do_boot\n7,1.5,2.25\n9,1,3\n")

    assert [("fw_start", 1_500_000), ("fw_do_boot", 2_250_000)] == times(run.boots[0])
    assert [0, 1] == [boot.index for boot in run.boots]


@pytest.mark.parametrize(
    "content",
    [
        "\ufefffw_start,linux_start_user\n1,2\n3,4\n",
        "fw_start,linux_start_user\r\n1,2\r\n3,4\r\n",
        "fw_start,linux_start_user\n1,2\n3,4",
        '"fw_start", "linux_start_user"\n"1", "2"\n3 , 4\n',
        "# on a, quiet host\n\nfw_start,linux_start_user\n1,2\n# second\n3,4\n\n",
        "# on a quiet host\nfw_start\tlinux_start_user\n1\t2\n3\t4\n",
        "fw_start linux_start_user\n1 2\n  3   4\n",
        "fw_start,linux_start_user,\n1,2,\n3,4,\n",
        ",fw_start,linux_start_user\n0,1,2\n1,3,4\n",
    ],
)
def test_dialects_of_a_table(table: Path, content: str) -> None:
    """Byte order mark, line ends, quotes, comments, tabs and blanks change nothing."""
    run = opened(table, content, Options(unit="ns"))

    expected = [
        [("fw_start", 1), ("linux_start_user", 2)],
        [("fw_start", 3), ("linux_start_user", 4)],
    ]
    assert expected == [times(boot) for boot in run.boots]


@pytest.mark.parametrize("comma", [",", "\t"])
def test_an_empty_cell_is_a_missing_mark(table: Path, comma: str) -> None:
    """It shifts no other mark; cells at the end of a line may be left out."""
    rows = "fw_start,fw_do_boot,linux_start_user\n1,,3\n,2,\n1\n".replace(",", comma)

    run = opened(table, rows)

    expected = [["fw_start", "linux_start_user"], ["fw_do_boot"], ["fw_start"]]
    assert expected == [names(boot) for boot in run.boots]


def test_a_list_is_totals(table: Path) -> None:
    """One number a line is the total of a boot, in the unit given."""
    run = opened(table, "1.5\n2\n\n# warm\n3e0\n", Options(unit="s"))

    expected = [{"total": n} for n in (1_500_000_000, 2_000_000_000, 3_000_000_000)]
    assert expected == [lengths(boot) for boot in run.boots]


def test_until_applies_to_a_table(table: Path) -> None:
    """A row without the mark is a boot that did not get there."""
    options = Options(rules=Rules(until="linux_start_user"))

    run = opened(table, "fw_start,linux_start_user\n1,2\n1,\n", options)

    assert [Outcome.REACHED, Outcome.ENDED] == [boot.outcome for boot in run.boots]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "empty"),
        ("# nothing\n\n", "empty"),
        ("fw_start,fw_do_boot\n", "a header and nothing below it"),
        ("hello world\n", "a header and nothing below it"),
        ("fw_start\nsoon\n", "line 2: 'soon' is not a number"),
        ("fw_start\n1\n-1\n", "line 3: -1 ms is below 0 or above a year"),
        ("fw_start\nnan\n", "line 2: 'nan' is not a number"),
        ("nan\n1\n", "line 1: 'nan' is not a number"),
        ("inf\n", "line 1: 'inf' is not a number"),
        ("1\n1e999\n", "line 2: 1e999 ms is below 0 or above a year"),
        ("1\n1e1000000\n", "line 2: 1e1000000 ms is below 0 or above a year"),
        ("31536000001\n", "line 1: 31536000001 ms is below 0 or above a year"),
        ("fw_start,fw_do_boot\n1,2\n1,2,3\n", "line 3: 3 cells, the first line has 2"),
        ("fw_start fw_do_boot\n1 2\n3\n", "line 3: 1 cells, the first line has 2"),
        ("fw_start,fw_start\n1,2\n", "two columns are called 'fw_start'"),
        (f"a,{'b' * 200_000}\n1,2\n", "no table: field larger than field limit (131072)"),
        (b"fw_start\n\xff\n", "byte 9: not text"),
        (b"\x7fELF\0\0junk", "neither a recording nor a table"),
        (
            b"import sys\nfrom pathlib import Path\n",
            "neither a recording nor a table: line 2: 4 cells, the first line has 2",
        ),
    ],
)
def test_what_is_no_table_is_refused(table: Path, content: str | bytes, what: str) -> None:
    """The error names the file, the line and the trouble: exit status 3."""
    error = refused(table, content)

    assert (ExitStatus.BAD_INPUT, f"{table}: {what}") == (error.status, error.what)


def test_several_columns_without_names_are_refused(table: Path) -> None:
    """Which of two definitions is meant must be said."""
    error = refused(table, "1000 1\n2000 2\n")

    assert (ExitStatus.USAGE, f"say which one and its unit: {table}:1:us") == (
        error.status,
        error.hint,
    )


def test_an_unknown_unit_is_refused(table: Path) -> None:
    """The hint lists those that there are."""
    error = refused(table, "1\n", Options(unit="h"))

    expected = (ExitStatus.USAGE, "one of ns, us, ms, s")
    assert expected == (error.status, error.hint)


# --- FILE:COLUMN:UNIT -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "median_ms"), [("qemu", 243.5), ("qboot", 213.9), ("chv", 102.5), ("fc-api", 160.9)]
)
def test_published_medians(system: str, median_ms: float) -> None:
    """500 boots of each system, of the NSDI 2020 Firecracker paper, end to end."""
    from qemu_boot_time.stats.summary import summarise

    run = open_input(f"{shared(f'nsdi2020/boot-serial-{system}.dat')}:1:us", Options())

    (total,) = summarise(run.boots).phases
    assert (500, median_ms) == (total.length.n, round(total.length.median / 1e6, 1))


@pytest.mark.parametrize("column", ["fw_do_boot", "2"])
def test_one_column_of_a_table_is_the_total(table: Path, column: str) -> None:
    """By name or by number, with or without a header; empty cells are no boots."""
    table.write_text("fw_start,fw_do_boot\n1,20\n2,\n3\n4,40\n")

    run = open_input(f"{table}:{column}:us", Options())

    assert [20_000, 40_000] == [lengths(boot)["total"] for boot in run.boots]
    assert f"boots.csv:{column}" == run.name


@pytest.mark.parametrize("column", ["0", "3", "-1", "²", "", "fw_end"])
def test_a_column_that_is_not_there_is_refused(table: Path, column: str) -> None:
    """The hint lists the columns."""
    table.write_text("fw_start,fw_do_boot\n1,20\n")

    with pytest.raises(UsageError, match="no column") as caught:
        open_input(f"{table}:{column}:us", Options())

    assert "there are: fw_start, fw_do_boot; or its number" == caught.value.hint


def test_a_column_with_nothing_in_it_is_refused(table: Path) -> None:
    """No boot is no measurement."""
    table.write_text("fw_start,fw_do_boot\n1,\n2,\n")

    with pytest.raises(InputError, match="nothing in column 'fw_do_boot'"):
        open_input(f"{table}:fw_do_boot:us", Options())


def test_a_name_with_colons_is_a_name(tmp_path: Path) -> None:
    """A file of that very name comes before a column of another."""
    (tmp_path / "boots.csv").write_text("1,20\n")

    run = opened(tmp_path / "boots.csv:2:us", "5\n")

    assert ["boots.csv:2:us"] == [run.name]


@pytest.mark.parametrize(
    ("content", "column", "expected"),
    [
        ("fw_start,fw_do_boot\n1,20\n", "fw_do_boot", "fw_do_boot"),
        ("fw_start,fw_do_boot\n1,20\n", "2", "fw_do_boot"),
        ("1,20\n", "2", "2"),
        ("fw_start,\n1,20\n", "2", "2"),
    ],
)
def test_a_column_has_one_name(table: Path, content: str, column: str, expected: str) -> None:
    """By name or by number it is the same definition."""
    table.write_text(content)

    run = open_input(f"{table}:{column}:us", Options(rules=Rules(until="fw_start")))

    assert (Kind.LIST, Definitions(column=expected, unit="us")) == (run.kind, run.definitions)


def test_a_list_is_its_first_column(table: Path) -> None:
    """As ``FILE:1:UNIT`` is."""
    run = opened(table, "1\n", Options(unit="s"))

    assert (Kind.LIST, Definitions(column="1", unit="s")) == (run.kind, run.definitions)


def test_a_table_means_what_the_rules_say(table: Path) -> None:
    """Names, phases and until are part of what its boots mean."""
    rules = Rules(Names({8: "ready"}), "fw_do_boot", {"all": ("exec", "fw_start")})

    run = opened(table, "fw_start,fw_do_boot\n1,2\n", Options(rules=rules))

    expected = Definitions("fw_do_boot", {8: "ready"}, {"all": ("exec", "fw_start")}, unit="ms")
    assert (Kind.TABLE, expected, {}) == (run.kind, run.definitions, run.host)


# --- recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["perf-all-cpus", "perf-pipe", "perf-threads"])
def test_three_boots_of_a_recording(name: str) -> None:
    """Files, pipes and directories hold the same three boots of the tiny guest."""
    if not (_DATA / name / "perf.data").exists():
        pytest.skip(f"{name} is not in this checkout")

    run = open_input(str(_DATA / name / "perf.data"), Options())

    marks = ["fw_start", "fw_do_boot", "linux_start_boot", "linux_start_kernel", "linux_start_user"]
    assert [marks] * 3 == [names(boot)[-5:] for boot in run.boots]


def test_a_recording_means_what_the_rules_say() -> None:
    """Of the host nothing is known."""
    options = Options(rules=Rules(until="fw_start"))

    for file in ("perf-svm/perf.data", "stock-tracecmd/trace.dat"):
        run = open_input(str(_DATA / file), options)

        assert (Kind.RECORDING, {}) == (run.kind, run.host)
        assert Definitions(until="fw_start") == run.definitions


def test_a_recording_without_a_vm_is_refused() -> None:
    """The error says what there is instead, the hint how to record."""
    with pytest.raises(InputError, match=r"3 execs of QEMU, no port write") as caught:
        open_input(str(_DATA / "perf-one-event/perf.data"), Options())

    assert "-e kvm:kvm_pio" in caught.value.hint


def test_a_recording_cut_short_keeps_its_boots(tmp_path: Path) -> None:
    """What precedes the damage is read; the damage is told."""
    whole = (_DATA / "perf-pipe/perf.data").read_bytes()

    run = opened(tmp_path / "cut.data", whole[:-20])

    assert 3 == len(run.boots)
    assert run.damage.startswith(f"{tmp_path}/cut.data: ")


def test_a_recording_cut_behind_its_formats_keeps_its_boots(tmp_path: Path) -> None:
    """Perf's dummy event has lost its name, and cannot be the tracepoint that was not recorded."""
    whole = (_DATA / "perf-svm/perf.data").read_bytes()

    run = opened(tmp_path / "cut.data", whole[:62_000])

    assert 3 == len(run.boots)
    assert "feature CMDLINE at byte 62004: " in run.damage


def test_a_recording_of_which_a_few_bytes_are_left_is_no_table(tmp_path: Path) -> None:
    """What a recording begins with is known as such, however little of it there is."""
    for begin in (b"P", b"PERFIL", b"\x17\x08\x44trac"):
        error = refused(tmp_path / "cut.data", begin)

        assert f"{tmp_path}/cut.data: cut off at byte {len(begin)}" == error.what
        assert "copy it again, whole, or record it again" == error.hint


# --- what cannot be opened --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere.csv:1:us", "x" * 5000, ".", "/dev/null"])
def test_what_is_not_there_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run, no file, no recording: exit status 3, never a traceback."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError):
        open_input(name, Options())


def test_an_unreadable_file_is_refused(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's reason is the error."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(table))

    table.write_text("1\n")
    monkeypatch.setattr(Path, "open", denied)

    with pytest.raises(InputError) as caught:
        open_input(str(table), Options())

    assert f"{table}: Permission denied" == caught.value.what


def test_a_recording_directory_without_its_data_is_refused(tmp_path: Path) -> None:
    """What perf record --threads leaves is a directory; half of one is no recording."""
    if not (_DATA / "perf-threads").exists():
        pytest.skip("perf-threads is not in this checkout")
    shutil.copytree(_DATA / "perf-threads/perf.data", tmp_path / "perf.data")
    (tmp_path / "perf.data/data").unlink()

    with pytest.raises(InputError):
        open_input(str(tmp_path / "perf.data"), Options())
