"""Exports, read back by who reads them: our own opener, pyperf, prometheus_client, pyarrow."""

import csv
import io
import json
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pyperf
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from boots import marks, times
from budgets import counted_run, run_of
from qemu_boot_time.errors import HostError, InputError
from qemu_boot_time.host.drawing import pen
from qemu_boot_time.host.libraries import EXTRA
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Boot, Inside, Mark, Outcome, Phase, Purpose, Run, Span
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.report.exports import FORMATS, Needs, exporter
from qemu_boot_time.stats.intervals import median_interval
from qemu_boot_time.stats.quantities import named_lengths

KERNELS_MS = [100, 104.000001, 108, 112, 116.5, 120]
EVIL = 'a;b\x1b[31m"\\\n,# \u202e'
CREATED = "2026-11-23T14:45:00Z"


def rendered(name: str, *runs: Run) -> str:
    """Render text."""
    text = exporter(name)(runs)
    assert isinstance(text, str)
    return text


def document(name: str, *runs: Run) -> Any:
    """Render JSON, and read it."""
    return json.loads(rendered(name, *runs))


def with_marks(*boots: tuple[Mark, ...]) -> Run:
    """Make a run of boots with these marks."""
    found = [boot_of_marks(seen, index=i, rules=Rules()) for i, seen in enumerate(boots)]
    return Run("night", tuple(found))


# --- CSV --------------------------------------------------------------------------------------


def test_a_csv_is_read_back_as_the_run(tmp_path: Path) -> None:
    """Every mark to the nanosecond, every phase; a boot that failed is not in it."""
    run = run_of(KERNELS_MS, failed=1)
    file = tmp_path / "night.csv"

    file.write_text(rendered("csv", run))

    again = open_input(str(file), Options())
    assert [times(boot) for boot in run.boots[:-1]] == [times(boot) for boot in again.boots]
    assert [boot.phases for boot in run.boots[:-1]] == [boot.phases for boot in again.boots]


def test_a_csv_has_a_cell_a_mark() -> None:
    """In the order of a boot, empty where one lacks it, the first of two; boots keep their numbers."""
    twice = (Mark("fw_do_boot", 1_000_001, "perf"), Mark("fw_do_boot", 3, "perf"))
    run = with_marks((), marks(fw_start=7), twice)

    text = rendered("csv", replace(run, boots=run.boots[1:]))

    assert "boot,fw_do_boot,fw_start\n2,,0.000007\n3,0.000003,\n" == text


def test_a_csv_of_names_from_elsewhere() -> None:
    """What would end a line is written as its number, the rest is quoted."""
    text = rendered("csv", with_marks((Mark(EVIL, 5, "table"),)))

    header, row = csv.reader(io.StringIO(text))
    assert ["boot", 'a;b\\x1b[31m"\\\\x0a,# \\x202e'] == header
    assert ["1", "0.000005"] == row


def test_a_csv_of_totals_alone_is_a_list(tmp_path: Path) -> None:
    """One a line, read back as a list."""
    boots = [
        Boot(i, 0, Outcome.REACHED, phases=(Phase("total", "exec", "end", 0, ns),), exec_ns=0)
        for i, ns in enumerate((1_500_000, 2))
    ]
    file = tmp_path / "totals.csv"

    file.write_text(rendered("csv", Run("totals", tuple(boots))))

    assert "1.500000\n0.000002\n" == file.read_text()
    assert tuple(boots) == open_input(str(file), Options()).boots


def test_a_csv_of_a_mark_that_is_called_boot() -> None:
    """It would be taken for the number of the boot."""
    with pytest.raises(InputError, match="'boot'"):
        rendered("csv", with_marks((Mark("boot", 5, "table"),)))


# --- JSON for others --------------------------------------------------------------------------


def test_hyperfine_has_the_totals_in_seconds() -> None:
    """One result a run; what is not known is null, or 0 where a number must be."""
    run = replace(run_of([100, 102], failed=1), command=("qemu", "-append", "a b"))

    (result,) = document("hyperfine", run)["results"]

    assert {
        "command": "qemu -append 'a b'",
        "mean": 0.111,
        "stddev": pytest.approx(0.001 * 2**0.5),
        "median": 0.111,
        "user": 0,
        "system": 0,
        "min": 0.11,
        "max": 0.112,
        "times": [0.11, 0.112],
        "exit_codes": [None, None],
        "parameters": {"run": "night"},
    } == result


def test_hyperfine_of_one_boot_has_no_deviation() -> None:
    """As hyperfine has it; a run without a command goes by its name."""
    (result,) = document("hyperfine", run_of([100]))["results"]

    assert (None, "night") == (result["stddev"], result["command"])


def test_pyperf_loads_its_file(tmp_path: Path) -> None:
    """Each phase is a benchmark with a run a boot, in seconds; boots that failed are not there."""
    run = replace(run_of(KERNELS_MS, failed=1), command=("qemu", "-m", "1G"))
    file = tmp_path / "night.json"
    file.write_text(rendered("pyperf", run))

    suite = pyperf.BenchmarkSuite.load(str(file))

    assert ["exec..linux_start_kernel", "kernel", "total"] == suite.get_benchmark_names()
    kernel = suite.get_benchmark("kernel")
    assert tuple(ms / 1000 for ms in KERNELS_MS) == kernel.get_values()
    assert (6, "second") == (kernel.get_nrun(), kernel.get_unit())
    assert "qemu -m 1G" == kernel.get_metadata()["command"]


def test_pyperf_of_phases_that_took_nothing() -> None:
    """There are phases; that pyperf takes none of them is what is wrong."""
    with pytest.raises(InputError, match="night: no phase takes more than 0 in each boot"):
        rendered("pyperf", replace(with_marks(marks(fw_start=0)), name="night"))


def test_pyperf_loads_instructions(tmp_path: Path) -> None:
    """As whole numbers, in benchmarks of their own."""
    file = tmp_path / "counted.json"
    file.write_text(rendered("pyperf", counted_run([2000, 2001])))

    kernel = pyperf.BenchmarkSuite.load(str(file)).get_benchmark("kernel instructions")

    assert ((2000, 2001), "integer") == (kernel.get_values(), kernel.get_unit())


def test_bmf_has_the_median_and_its_interval_in_ns() -> None:
    """Six boots have an interval; benchmarks keep their names from run to run."""
    found = document("bmf", run_of(KERNELS_MS, failed=1))

    assert ["exec..linux_start_kernel", "kernel", "unaccounted", "total"] == list(found)
    expected = {"value": 110_000_000, "lower_value": 100_000_000, "upper_value": 120_000_000}
    assert {"latency": expected} == found["kernel"]


def test_bmf_of_a_few_boots_and_of_instructions() -> None:
    """No interval of so few; instructions are a measure beside the time."""
    found = document("bmf", counted_run([2000, 2002]))

    assert {"latency": {"value": 10}, "instructions": {"value": 2001}} == found["kernel"]


@pytest.mark.parametrize("name", ["bmf", "pyperf"])
def test_several_runs_are_told_apart_by_name(name: str) -> None:
    """Where there are two, a run's name stands before each phase."""
    text = rendered(name, run_of([100]), run_of([101], name="day"))

    assert '"night kernel"' in text
    assert '"day kernel"' in text


# --- Otava ------------------------------------------------------------------------------------


def test_otava_has_a_row_a_run_in_order_of_time() -> None:
    """Medians in ms of the phases that all runs have; failed boots are not counted."""
    late = replace(run_of([100, 104], failed=1), created="2026-11-24T00:00:00Z")
    early = replace(with_marks(marks(linux_start_kernel=5)), created=CREATED, name="a,b")

    rows = list(csv.reader(io.StringIO(rendered("otava", late, early))))

    assert [
        ["time", "run", "boots", "exec..linux_start_kernel", "unaccounted", "total"],
        [CREATED, "a,b", "1", "0.000005", "0.000000", "0.000005"],
        ["2026-11-24T00:00:00Z", "night", "2", "10.000000", "0.000000", "112.000000"],
    ] == rows


def test_otava_of_a_run_without_a_time() -> None:
    """A table from elsewhere has none, and none is made up."""
    with pytest.raises(InputError, match="night: nobody knows when"):
        rendered("otava", run_of([100]))


# --- OpenMetrics ------------------------------------------------------------------------------


def samples(*runs: Run) -> dict[tuple[str, ...], float]:
    """Read an exposition; name and labels (without the run's) to value."""
    text = rendered("openmetrics", *runs)
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # none there
    return {
        (sample.name, *(text for label, text in sample.labels.items() if label != "run")): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def test_openmetrics_is_read_by_prometheus() -> None:
    """Seconds of each phase and mark; failed boots are counted by outcome, and nowhere else."""
    found = samples(run_of(KERNELS_MS, failed=2))

    assert (6, 2) == (found["qbt_boots", "reached"], found["qbt_boots", "timeout"])
    statistics = {key[2]: value for key, value in found.items() if key[1:2] == ("kernel",)}
    assert {
        "median": 0.11,
        "mean": 0.110083334,
        "min": 0.1,
        "max": 0.12,
        "median_low": 0.1,
        "median_high": 0.12,
    } == statistics
    assert 0.01 == found["qbt_mark_seconds", "linux_start_kernel", "median"]


def test_openmetrics_has_percentiles_that_are_known() -> None:
    """Of 59 boots p95 and none beyond."""
    found = samples(run_of(range(100, 159)))

    assert {"p90", "p95"} == {key[2] for key in found if key[-1].startswith("p")}


def test_openmetrics_of_instructions() -> None:
    """A family of their own, with their own unit."""
    found = samples(counted_run([2000, 2002]))

    assert 2001 == found["qbt_phase_instructions", "kernel", "median"]


def test_openmetrics_escapes_names_from_elsewhere() -> None:
    """Quotes, backslashes and line ends stay in their label."""
    run = replace(with_marks((Mark(EVIL, 5, "table"),)), name=EVIL)

    found = samples(run)

    assert ("qbt_mark_seconds", 'a;b\\x1b[31m"\\\\x0a,# \\x202e', "median") in found


# --- folded -----------------------------------------------------------------------------------


def test_folded_phases_add_up_to_the_mean_total() -> None:
    """A stack a phase, in ns; what took nothing is none; boots that failed are not counted."""
    first, second, third = run_of([100, 104, 900]).boots
    run = Run("night", (first, second, replace(third, outcome=Outcome.TIMEOUT)))

    text = rendered("folded", run)

    assert "boot;exec..linux_start_kernel 10000000\nboot;kernel 102000000\n" == text


def test_folded_initcalls_lie_in_the_kernel() -> None:
    """In a stack of their own; the kernel keeps what none of them took, even where two overlap."""
    (boot,) = run_of([100]).boots
    spans = (
        Span("a;b", 10_000_000, 30_000_000, "kernel", "initcall_debug"),
        Span("c d", 20_000_000, 50_000_000, "kernel", "initcall_debug"),
    )
    run = replace(run_of([100]), inside=(Inside(Purpose.INITCALLS, boot, spans),))

    assert [
        "boot;exec..linux_start_kernel 10000000",
        "boot;kernel 100000000",
        "inside: initcalls;exec..linux_start_kernel 10000000",
        "inside: initcalls;kernel 60000000",
        r"inside: initcalls;kernel;a\x3bb 20000000",
        "inside: initcalls;kernel;c d 30000000",
    ] == rendered("folded", run).splitlines()


def test_folded_initcalls_of_modules_lie_in_what_went_on_then() -> None:
    """By the phase in which they began, in their module; so does the initramfs, without one."""
    (boot,) = run_of([100]).boots
    spans = (
        Span("a_init", 105_000_000, 130_000_000, "a", "trace_event"),
        Span("initramfs", 5_000_000, 6_000_000, "", "qbt-inside"),
        Span("late_init", 110_000_000, 111_000_000, "a", "trace_event"),
    )
    run = replace(run_of([100]), inside=(Inside(Purpose.INITCALLS, boot, spans),))

    assert [
        "inside: initcalls;exec..linux_start_kernel 9000000",
        "inside: initcalls;kernel 95000000",
        "inside: initcalls;kernel;a;a_init 25000000",
        "inside: initcalls;exec..linux_start_kernel;initramfs 1000000",
        "inside: initcalls;after all phases;a;late_init 1000000",
    ] == rendered("folded", run).splitlines()[2:]


def test_folded_initcalls_before_all_phases_are_unaccounted_for() -> None:
    """So are those between two phases: only what nothing follows comes after all."""
    boot = boot_of_marks(
        marks(qemu_init_end=10, fw_start=30, fw_do_boot=40), index=0, rules=Rules()
    )
    spans = tuple(Span(f"at_{at}", at, at + 1, "a", "trace_event") for at in (-5, 15, 35, 40))
    run = Run("night", (boot,), inside=(Inside(Purpose.INITCALLS, boot, spans),))

    lines = [line for line in rendered("folded", run).splitlines() if "at_" in line]
    assert {
        "at_-5": "unaccounted",
        "at_15": "unaccounted",
        "at_35": "firmware",
        "at_40": "after all phases",
    } == {line.split(";")[-1].split()[0]: line.split(";")[1] for line in lines}


def test_folded_stacks_of_several_runs_stay_apart() -> None:
    """Also where one's name ends like another's: each has a root of its own."""
    (boot,) = run_of([100]).boots
    inside = (Inside(Purpose.UNITS, boot, (Span("a.service", 50, 70, "userspace", "systemd"),)),)
    runs = [replace(run_of([100], name=name), inside=inside) for name in ("boota", "a")]

    lines = rendered("folded", *runs).splitlines()
    roots = [tuple(line.rpartition(" ")[0].split(";")[:2]) for line in lines]
    phases = ("exec..linux_start_kernel", "kernel")
    expected = [(name, each) for name in ("boota", "a") for each in (*phases, "inside: units")]
    assert expected == list(dict.fromkeys(roots))


def test_folded_units_lie_in_the_stages_that_systemd_tells_of() -> None:
    """Where a guest tells of stages, those are the frames, not the phases."""
    (boot,) = run_of([100]).boots
    spans = (
        Span("userspace", 50, 80, "", "systemd"),
        Span("a.service", 60, 70, "userspace", "systemd"),
    )
    run = replace(run_of([100]), inside=(Inside(Purpose.UNITS, boot, spans),))

    assert [
        "inside: units;userspace 20",
        "inside: units;userspace;a.service 10",
    ] == rendered("folded", run).splitlines()[2:]


# --- Parquet ----------------------------------------------------------------------------------


def test_parquet_holds_every_boot_mark_and_phase() -> None:
    """Also of boots that failed, which say so; times are whole nanoseconds."""
    run = run_of([100.000001], failed=1)

    content = exporter("parquet")([run])

    assert isinstance(content, bytes)
    rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    assert [
        (1, True, "boot", None),
        (1, True, "mark", "linux_start_kernel"),
        (1, True, "mark", "linux_start_user"),
        (1, True, "phase", "exec..linux_start_kernel"),
        (1, True, "phase", "kernel"),
        (1, True, "phase", "total"),
        (2, False, "boot", None),
    ] == [(row["boot"], row["ok"], row["kind"], row["name"]) for row in rows]
    assert (110_000_001, 100_000_001) == (rows[2]["time_ns"], rows[4]["duration_ns"])
    assert ("timeout", "stuck") == (rows[-1]["outcome"], rows[-1]["message"])


# --- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bmf", "csv", "folded", "hyperfine", "pyperf"])
def test_a_run_in_which_no_boot_counts(name: str) -> None:
    """Is refused where nothing but statistics could be in the file."""
    with pytest.raises(InputError, match="night: no boot that counts"):
        rendered(name, run_of([], failed=1))


@pytest.mark.parametrize("name", ["markdown", "openmetrics", "parquet", "perfetto"])
def test_a_run_in_which_no_boot_counts_is_told_of(name: str) -> None:
    """Where the format can say that boots failed."""
    content = exporter(name)([run_of([], failed=1)])

    assert content


@pytest.mark.parametrize("name", FORMATS)
def test_text_from_elsewhere_reaches_no_terminal_as_it_is(name: str) -> None:
    """No control character, whatever names a guest, a file or a user gives."""
    run = with_marks((Mark(EVIL, 5, "table"),))
    run = replace(run, name=EVIL, command=("qemu", EVIL), created=CREATED)

    with pen() as drawing:
        handed: dict[Needs, dict[str, Any]]
        handed = {Needs.NOTHING: {}, Needs.LIBRARY: {"library": str}, Needs.PEN: {"pen": drawing}}
        content = exporter(name, **handed[FORMATS[name].needs])([run])

    if isinstance(content, str):
        assert {"\n", "\t"} >= {c for c in content if not c.isprintable() and c != "\u202e"}


@pytest.mark.parametrize(
    ("name", "library", "module"),
    [
        ("parquet", "pyarrow", "pyarrow"),
        ("perfetto", "perfetto", "perfetto.protos.perfetto.trace"),
    ],
)
def test_a_library_that_is_missing(
    name: str, library: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra that brings it is named."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(HostError) as refused:
        exporter(name)([run_of([100])])

    assert f"{library} is not installed" == refused.value.what
    assert f"{sys.executable} -m pip install {' '.join(EXTRA)}" == refused.value.hint


def test_the_extra_is_what_the_hint_installs() -> None:
    """With the Python that runs us, wherever we were installed from."""
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    wanted = project["project"]["optional-dependencies"]["report"]

    assert list(EXTRA) == [each.partition(">")[0] for each in wanted]


def test_the_numbers_are_those_of_the_table() -> None:
    """What Bencher is told is the median and the interval of our own statistics."""
    run = run_of([100, 103, 109, 127, 181, 243, 301])
    values = list(named_lengths(run.boots, run.clock)["kernel"].values())
    interval = median_interval(values)

    metric = document("bmf", run)["kernel"]["latency"]

    assert interval is not None
    assert (127_000_000, interval.low, interval.high) == tuple(metric.values())
