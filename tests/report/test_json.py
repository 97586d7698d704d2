"""The JSON document: DESIGN.md's keys, and times that are integers."""

import json
from dataclasses import replace
from typing import Any

from boots import booted, marks, wrote
from qemu_boot_time.model import Definitions, Kind, Phase, Run
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of
from qemu_boot_time.report.json import to_json


def document(run: Run) -> dict[str, Any]:
    """Render a run and read it again."""
    found: dict[str, Any] = json.loads(to_json(run))
    return found


def two_boots() -> Run:
    """Make two boots, one reset once."""
    twice = booted(2000, (1, 5, 1, 5, 3, 6, 7), vm=2)
    return Run("night", tuple(boots_of([*booted(1000), *twice], Rules())), ("perf",))


def times_in(value: object, key: str = "") -> list[object]:
    """Give every value anywhere whose key says that it is a time."""
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in times_in(inner, name)]
    if isinstance(value, list):
        return [found for inner in value for found in times_in(inner, key)]
    return [value] if key.endswith("_ns") else []


def test_the_promised_keys() -> None:
    """Schema 1, boots with their marks, a summary of marks and phases."""
    found = document(two_boots())

    first, second = found["boots"]
    mark = first["marks"][0]
    assert (1, 0, 1, "reached", []) == (
        found["schema"],
        *(first[key] for key in ("index", "pid", "outcome", "suspect")),
    )
    assert ("qemu_init_end", 10, "perf") == (mark["name"], mark["time_ns"], mark["source"])
    assert (2, ["guest_reset"]) == (second["attempts"], second["suspect"])
    assert (2, 2) == (found["summary"]["boots"], found["summary"]["ok"])
    row = {"n": 2, "median_ns": 20, "mean_ns": 20, "min_ns": 10, "max_ns": 30}
    assert {
        "name": "vmm",
        "begin": "exec",
        "end": "qemu_init_end",
        **dict.fromkeys(row, 10),
        "n": 2,
    }.items() <= found["summary"]["phases"][0].items()
    assert ["fw_start", 2, 30] == [
        found["summary"]["marks"][1][k] for k in ("name", "n", "mean_ns")
    ]


def test_every_time_is_an_integer() -> None:
    """Also means and medians of odd sums; what two boots do not tell is null."""
    times = [time for time in times_in(document(two_boots())) if time is not None]

    assert ({int}, True) == ({type(time) for time in times}, len(times) > 100)


def test_an_unknown_exec_is_null() -> None:
    """Nobody saw it: that is no zero, and nothing is unaccounted for."""
    run = Run("late", tuple(boots_of([*booted()][1:], Rules())))

    assert document(run)["boots"][0]["exec_ns"] is None
    assert document(run)["summary"]["unaccounted"] == []


def test_instructions_are_there_where_they_were_counted() -> None:
    """And no null where they were not."""
    (boot,) = boots_of([wrote(5, 6)], Rules())
    counted = replace(boot, marks=(replace(boot.marks[0], instructions=120_540_919),))

    first, second = document(Run("x", (boot, counted)))["boots"]

    assert ("instructions" in first["marks"][0]) is False
    assert 120_540_919 == second["marks"][0]["instructions"]


def test_names_that_are_no_utf8() -> None:
    """A path may be any bytes; the document is always JSON."""
    run = Run(
        "\udcff.csv", (), path="/tmp/\udcff.csv", command=("qemu", "\udcff"), notes=("\udcff",)
    )

    assert r"/tmp/\udcff.csv" == document(run)["run"]["path"]


def test_names_that_are_no_utf8_wherever_they_are() -> None:
    """Phases and marks of the user's, parts, messages: they are in boots and in the summary."""
    (boot,) = two_boots().boots[:1]
    odd = Phase("p\udc80", "a\udc80", "b\udc80", 0, 9)
    boot = replace(boot, phases=(*boot.phases, odd), parts=(odd,), message="m\udc80")
    run = Run("x", (boot,), definitions=Definitions(phases={"p\udc80": ("a\udc80", "b\udc80")}))

    found = document(run)

    (told,) = found["boots"]
    summary = found["summary"]
    assert "m\\udc80" == told["message"]
    assert {"p\\udc80": ["a\\udc80", "b\\udc80"]} == found["run"]["definitions"]["phases"]
    for phase in (told["phases"][-1], told["parts"][0], summary["phases"][-1], summary["parts"][0]):
        assert ("p\\udc80", "a\\udc80") == (phase["name"], phase["begin"])


def test_keys_that_are_numbers_beside_names_that_are_no_utf8() -> None:
    """Marks are defined by their values; JSON writes these as text."""
    run = Run("x", (), definitions=Definitions(names={42: "m\udc80"}))

    assert {"42": "m\\udc80"} == document(run)["run"]["definitions"]["names"]


def test_what_a_run_means_and_where_it_was_measured() -> None:
    """The keys by which two runs are found to be alike."""
    definitions = Definitions("ready", {42: "ready"}, {"all": ("exec", "ready")}, unit="ms")
    run = Run("x", (), kind=Kind.TABLE, definitions=definitions, host={"smt": None})

    found = document(run)["run"]

    expected = {
        "until": "ready",
        "names": {"42": "ready"},
        "phases": {"all": ["exec", "ready"]},
        "probes": {},
        "matches": {},
        "column": "",
        "unit": "ms",
    }
    assert ("table", expected, {"smt": None}) == (
        found["kind"],
        found["definitions"],
        found["host"],
    )


def test_text_of_a_guest_is_escaped() -> None:
    """A message is data."""
    (boot,) = boots_of([wrote(5, 6)], Rules())
    evil = replace(boot, message='\x1b[31m"}]')

    text = to_json(Run("x", (evil,)))

    assert "\x1b" not in text
    assert '\x1b[31m"}]' == json.loads(text)["boots"][0]["message"]


def test_a_trend_is_whole_nanoseconds() -> None:
    """All times are integers, with their unit in their name."""
    boots = [
        boot_of_marks(marks(linux_start_user=10**7 + 333 * i * i), index=i, rules=Rules())
        for i in range(30)
    ]

    found = document(Run("night", tuple(boots)))

    trend = found["summary"]["phases"][-1]["drift"]["trend"]
    assert {"slope_ns", "slope_low_ns", "slope_high_ns", "p"} == trend.keys()
    assert [int] * 3 == [type(trend[f"slope{end}_ns"]) for end in ("", "_low", "_high")]
