"""The published JSON Schemas hold what every command prints, and name every key of it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from boots import booted, marks
from budgets import MS, counted_run, fail_if, judged, run_of
from profiles import counter, profiled
from qbt_process import World
from qemu_boot_time.cli import doctor as doctor_command
from qemu_boot_time.cli.build import _print
from qemu_boot_time.doctor import Accel, Patient, examine
from qemu_boot_time.doctor.finding import Done, Finding, Group, Seen, Status, Write
from qemu_boot_time.exits import ExitKind
from qemu_boot_time.guest.build_cache import BuiltFrom
from qemu_boot_time.guest.builds import Built, Piece
from qemu_boot_time.model import (
    Alignment,
    Boot,
    Bound,
    Clock,
    Definitions,
    EndedBy,
    Inside,
    Kind,
    Outcome,
    Purpose,
    Run,
    Span,
)
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of
from qemu_boot_time.phases.timeline import RowKind
from qemu_boot_time.report import comparison, comparison_document, exact, overhead
from qemu_boot_time.report.gates import gate_documents
from qemu_boot_time.report.json import SCHEMA, dump, to_json
from qemu_boot_time.report.timeline import timelines_document, timelines_of
from qemu_boot_time.stats import exact as stats_exact
from qemu_boot_time.stats.compare import compare
from qemu_boot_time.stats.gates import Kind as GateKind
from qemu_boot_time.stats.judging import State
from qemu_boot_time.stats.overhead import Quantity, Taken, costs_of
from qemu_boot_time.stats.verdict import Margin, Verdict
from runs import boot_facts, make_run
from schemas import NAMES, schema, strict, troubles

DATA = Path(__file__).parents[1] / "data"


def printed(run: Run, **more: object) -> Any:
    """Give what --json prints of a run."""
    return json.loads(to_json(run, more))


def two_kinds() -> Run:
    """Make a run of forty boots with two modes, and a drift."""
    ends = [(20 + 15 * (i % 2)) * MS + 40_000 * i + i * i % 7 for i in range(40)]
    seen = [marks(linux_start_kernel=10 * MS, linux_start_user=end) for end in ends]
    return Run(
        "x", tuple(boot_of_marks(each, index=i, rules=Rules()) for i, each in enumerate(seen))
    )


def reset() -> Run:
    """Make a run whose second boot was reset, with what its user named and what was noted."""
    twice = booted(2000, (1, 5, 1, 5, 3, 6, 7), vm=2)
    boots = boots_of([*booted(1000), *twice], Rules())
    named = Definitions(
        "up", {42: "up"}, {"all": ("exec", "up")}, {"a": "b"}, {"c": "d"}, "2", "ms"
    )
    return Run(
        "night", tuple(boots), ("perf",), definitions=named, notes=("x",), host={"smt": None}
    )


def looked() -> Run:
    """Make a run with a boot that looked inside, and one of which no clock is known."""
    boot = Boot(index=2, pid=7, outcome=Outcome.REACHED, exec_ns=5)
    span = Span("a.service", 1, 2, "userspace", "systemd")
    inside = Inside(Purpose.UNITS, boot, (span,), Alignment(1, 2, 3, 4, 5), ("n",))
    return Run("night", (boot,), inside=(inside, replace(inside, alignment=None)))


RUNS = {
    "nothing": Run("empty", ()),
    "one boot": run_of([30]),
    "failed": run_of([30, 31], failed=2),
    "modes": two_kinds(),
    "outlier": run_of([*(30 + i * i % 7 / 10 for i in range(30)), 300]),
    "start": run_of([90, 80, *(30 + i * i % 7 / 10 for i in range(40))]),
    "reset": reset(),
    "inside": looked(),
    "counts": counted_run([3000, 3000]),
    "profiles": profiled([counter("ide", 3, 70), counter("", 1)], [counter("ide", 4)]),
}


# --- the schemas ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_schemas(name: str) -> None:
    """Of the draft that they say, with a name of their own."""
    found = schema(name)

    Draft202012Validator.check_schema(found)
    assert f"urn:qemu-boot-time:schema:{SCHEMA}:{name}" == found["$id"]


def enums(part: object, key: str = "") -> Iterable[tuple[str, tuple[str, ...]]]:
    """Give the lists of words of a schema, with the key that each is of."""
    if isinstance(part, dict):
        if "enum" in part:
            yield key, tuple(part["enum"])
        for name, inner in part.items():
            yield from enums(inner, name)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("run", {"outcome": Outcome, "bound": Bound, "clock": Clock, "state": State}),
        ("compare", {"verdict": Verdict, "state": State, "outcome": Outcome}),
        ("overhead", {"verdict": Verdict}),
        ("doctor", {"status": Status, "group": Group}),
    ],
)
def test_words_are_those_of_the_code(name: str, known: dict[str, type[StrEnum]]) -> None:
    """All that there are, so that a new one is published."""
    found = dict(enums(schema(name)))

    assert {key: {*words} for key, words in known.items()} == {key: {*found[key]} for key in known}


def test_kinds_are_those_of_the_code() -> None:
    """Of inputs, budgets, exits, and rows of a timeline."""
    kinds = {words for key, words in enums(schema("run")) if key == "kind"}

    expected = {frozenset(each) for each in (Kind, GateKind, ExitKind, RowKind)}
    assert expected == {frozenset(words) for words in kinds}


def test_a_key_that_nobody_published_is_seen() -> None:
    """By the copy that the tests use; who reads documents is to take any."""
    document = printed(RUNS["one boot"])
    document["boots"][0]["marks"][0]["colour"] = "red"

    assert ["$.boots[0].marks[0]"] == [line.split(":")[0] for line in troubles(document, "run")]
    assert Draft202012Validator(schema("run")).is_valid(document)


@pytest.mark.parametrize(
    "damage", [{"time_ns": 1.5}, {"time_ns": None}, {"bound": "about"}, {"name": 7}]
)
def test_a_value_that_is_none_is_seen(damage: dict[str, object]) -> None:
    """Times are integers, words are of a list."""
    document = printed(RUNS["one boot"])
    document["boots"][0]["marks"][0] |= damage

    assert 1 == len(troubles(document, "run"))


# --- runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_documents_of_runs(run: Run) -> None:
    """Whatever a run has."""
    assert [] == troubles(printed(run), "run")


def test_what_the_runs_of_these_tests_have() -> None:
    """Each key that may be there is there in one of them, so that each is validated."""
    documents = [printed(run) for run in RUNS.values()]

    keys = {key for document in documents for key in document}
    assert {*strict("run")["properties"]} - {"gates", "baseline", "timelines"} == keys
    totals = {
        name: printed(RUNS[name])["summary"]["phases"][-1] for name in ("modes", "outlier", "start")
    }
    assert totals["modes"]["modes"]
    assert totals["modes"]["drift"]["trend"]
    assert totals["outlier"]["outliers"]
    assert totals["start"]["drift"]["start"]


@pytest.mark.parametrize(
    "condition",
    [
        "kernel.p95 > 120ms",
        "kernel.median > 9s",
        "kernel.cv > 1%",
        "boots.failed > 0",
        "x.max > 1ms",
    ],
)
def test_documents_with_budgets(condition: str) -> None:
    """Kept, broken, and such that cannot be judged."""
    run = run_of([100, 104, 108, 112, 116, 120])
    gates = gate_documents([judged(fail_if(condition), run)])
    baseline = {"name": "base", "warnings": ["x"]}

    assert [] == troubles(printed(run, gates=gates, baseline=baseline), "run")


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_documents_with_timelines(run: Run) -> None:
    """Of whatever was seen."""
    told = timelines_document(timelines_of(run))

    assert [] == troubles(printed(run, timelines=told), "run")


# --- comparisons ------------------------------------------------------------------------------


def compared(first: Run, second: Run) -> dict[str, Any]:
    """Give what comparing two runs prints."""
    found = compare(first, second, Margin())
    document = comparison_document.document(comparison.Compared(first, second, found))
    result: dict[str, Any] = json.loads(dump({"schema": SCHEMA, **document}))
    return result


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (run_of([30] * 8), run_of([40 + i for i in range(8)])),
        (run_of([30]), run_of([40], failed=2)),
        (run_of([]), run_of([])),
        (two_kinds(), two_kinds()),
    ],
)
def test_documents_of_comparisons(first: Run, second: Run) -> None:
    """Decided or not, with boots or none."""
    assert [] == troubles(compared(first, second), "compare")


def test_documents_of_comparisons_of_counts() -> None:
    """With a total and without."""
    sides = counted_run([3000]), counted_run([3001])
    nothing = replace(sides[0], boots=()), replace(sides[1], boots=())

    for first, second in (sides, nothing):
        found = exact.document(first, second, stats_exact.compare(first, second))
        document = json.loads(dump({"schema": SCHEMA, **found, "warnings": []}))
        assert [] == troubles(document, "compare")


def test_documents_of_several_configurations() -> None:
    """Each has a name, and the whole the number of the format."""
    one = compared(run_of([30]), run_of([40]))
    del one["schema"]

    document = {"schema": SCHEMA, "configurations": [{"name": "x", **one}]}

    assert [] == troubles(document, "compare")
    assert [] != troubles({"schema": SCHEMA, "configurations": [one]}, "compare")


# --- the other commands -----------------------------------------------------------------------


def test_documents_of_overhead() -> None:
    """With intervals, and of so few boots that there are none."""
    alone, watched = run_of([30] * 9), run_of([31] * 9)
    taken = [Taken(10**8 + i, 10**7 + i) for i in range(9)]

    for n in (9, 1, 0):
        costs = costs_of(taken[:n], taken[:n], Margin())
        document = overhead.document(overhead.Overhead(alone, watched, costs, ("perf record",)))
        assert [] == troubles({"schema": SCHEMA, **json.loads(dump(document))}, "overhead")
    names = schema("overhead")["properties"]["costs"]["items"]["properties"]["name"]["description"]
    assert [each.name.lower() for each in Quantity] == names.split(" or ")


def test_documents_of_the_doctor(tmp_path: Path) -> None:
    """Of a host without anything, with something done about it."""
    patient = Patient(qemu="/nowhere/qemu", accel=Accel.KVM, root=tmp_path)
    write = Write((tmp_path / "x",), "1", "0")
    wrong = Finding("x", Group.NOISE, "why", Seen(Status.WARN, "what", steps=(write,)))

    found = (*examine(patient), wrong)
    document = doctor_command._document(patient, found, (Done(write), Done(write, "no")))

    assert [] == troubles(json.loads(json.dumps(document)), "doctor")


def test_documents_of_a_build(capsys: pytest.CaptureFixture[str]) -> None:
    """The files, and what they were made of."""
    made = BuiltFrom("seabios", 1, "seabios", "1.16-1", "bookworm", "aa", "bb", "cc", "gcc 12")

    _print(Built(Piece.SEABIOS, {"bios": Path("/x/bios")}, Path("/x"), made), as_json=True)

    assert [] == troubles(json.loads(capsys.readouterr().out), "build")


# --- what is really printed -------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world with two runs, one of which has a boot that failed, and a table."""
    (tmp_path / "tmp").mkdir()
    kept = tmp_path / "state/qemu-boot-time/runs"
    make_run(kept / "morning", until="linux_start_user", names={42: "up"})
    make_run(kept / "night", [boot_facts(0), boot_facts(1, ended_by=EndedBy.TIMEOUT)])
    for side in ("a", "b"):
        make_run(tmp_path / side / "one")
        make_run(tmp_path / side / "two")
    return World(tmp_path, tmp_path / "tmp")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run", ("show", "night")),
        ("run", ("show", "morning")),
        ("run", ("show", "--fail-if", "total.median > 1ms", "night")),
        ("run", ("show", "--baseline", "night", "--fail-if", "total slower than 1%", "night")),
        ("run", ("analyze", str(DATA / "perf-stock/perf.data"))),
        ("run", ("analyze", str(DATA / "stock-tracecmd/trace.dat"))),
        ("compare", ("compare", "night", "night")),
        ("compare", ("compare", "--fail-if", "total slower than 1%", "night", "night")),
        ("compare", ("compare", "a", "b")),
        ("list", ("list",)),
        ("patches", ("patch", "list")),
    ],
)
def test_commands_print_what_is_published(world: World, name: str, words: tuple[str, ...]) -> None:
    """Each in a process of its own."""
    done = world.qbt(*words, "--json")

    assert [] == troubles(done.document, name)
