"""JUnit XML: the shape that CI systems read, and nothing in it that XML cannot hold."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from budgets import fail_if, judged, require, run_of
from qemu_boot_time.model import Run
from qemu_boot_time.report.junit import Suite, to_junit
from qemu_boot_time.stats.judging import Judged

EVIL = "a\x00\x1b[31m<&\"'>\u202e\ud800\ufffe]]>\r\nb"


def suite_of(run: Run, *gates: Judged, properties: dict[str, str] | None = None) -> ET.Element:
    """Render one suite, and read it again."""
    text = to_junit([Suite(run, gates, properties or {})])
    return read(text)[0]


def read(text: str) -> ET.Element:
    """Read a document, as whoever gets it does."""
    return ET.fromstring(text.encode())  # noqa: S314  # our own


def cases(suite: ET.Element) -> dict[str | None, list[str]]:
    """Give what is in each case."""
    return {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}


def test_a_case_a_budget_and_one_for_the_boots() -> None:
    """What is broken has failed, what is undecided was skipped, what is kept says what it is."""
    base = run_of([100, 104, 108, 112, 116, 120])
    run = run_of([101, 105, 109, 114, 118, 122])

    suite = suite_of(
        run,
        judged(fail_if("kernel > 1s"), run),
        judged(require("kernel < 1ms"), run),
        judged(fail_if("net > 1ms"), run),
        judged(fail_if("kernel slower than 2%"), run, base),
    )

    assert {
        "boots": [],
        "kernel > 1s": ["system-out"],
        "require kernel < 1ms": ["failure"],
        "net > 1ms": ["failure"],
        "kernel slower than 2%": ["skipped"],
    } == cases(suite)
    assert {
        "name": "night",
        "tests": "5",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
        "time": "0.729000",
    } == suite.attrib
    broken, unknown = suite.iter("failure")
    assert ("it is 111.500 ms", "broken") == (broken.get("message"), broken.get("type"))
    assert "unknown" == unknown.get("type")


def test_boots_that_failed() -> None:
    """The case of the boots fails, and names each with its outcome and its last words."""
    suite = suite_of(run_of([100], failed=2))

    (failure,) = suite.iter("failure")
    assert "2 of 3 boots failed" == failure.get("message")
    assert "boot 2: timeout: stuck\nboot 3: timeout: stuck" == failure.text
    assert "1" == suite.get("failures")


def test_properties_come_first() -> None:
    """As the schema of JUnit has it."""
    suite = suite_of(run_of([100]), properties={"command": "qemu -m 1G", "qbt": "0.1.0"})

    assert ["properties", "testcase"] == [child.tag for child in suite]
    assert {"command": "qemu -m 1G", "qbt": "0.1.0"} == {
        str(each.get("name")): str(each.get("value")) for each in suite.iter("property")
    }


def test_every_case_says_what_readers_ask_for() -> None:
    """A name, a class and a time in seconds."""
    run = run_of([100])

    for case in suite_of(run, judged(fail_if("kernel > 1s"), run)).iter("testcase"):
        assert {"name", "classname", "time"} == set(case.keys())
        assert float(str(case.get("time"))) >= 0


@pytest.mark.parametrize("where", ["name", "message", "condition", "property"])
def test_what_xml_cannot_hold(where: str) -> None:
    """Wherever it comes from, the document can be read, and shows what was there."""
    evil = {each: EVIL if each == where else "x" for each in ("name", "message", "property")}
    run = run_of([100], failed=1, name=evil["name"])
    run = replace(run, boots=(run.boots[0], replace(run.boots[1], message=evil["message"])))
    gate = replace(fail_if("kernel > 1ms"), text=EVIL if where == "condition" else "x")

    text = to_junit([Suite(run, (judged(gate, run),), {"command": evil["property"]})])

    read(text)
    assert r"a\x00\x1b[31m" in text
    assert not set(text) & set("\x00\x1b\u202e\ud800\ufffe\r")


def test_several_configurations_are_several_suites() -> None:
    """Each by its name."""
    runs = [run_of([100], name=name) for name in ("q35", "microvm")]

    root = read(to_junit(Suite(run, (), {}) for run in runs))

    assert ["q35", "microvm"] == [suite.get("name") for suite in root]
