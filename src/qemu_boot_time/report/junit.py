"""JUnit XML of a run and its budgets, as Jenkins, GitLab and GitHub's reporters read it.

One suite a run; a case for the boots, which fails when one of them did, and a case a budget. What is
not shown either way is ``skipped``. The form: https://github.com/testmoapp/junitxml.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from xml.etree import ElementTree as ET

from qemu_boot_time.model import Boot, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.judging import Judged, State

_NS_PER_S = 1_000_000_000
_CLASS = "qbt"
_ELEMENTS = {State.BROKEN: "failure", State.UNKNOWN: "failure", State.UNDECIDED: "skipped"}


class Suite(NamedTuple):
    """One run, as a suite of tests."""

    run: Run
    judged: tuple[Judged, ...]
    properties: Mapping[str, str]
    """What was measured, on what, by what."""


def to_junit(suites: Iterable[Suite]) -> str:
    """Render as one XML document.

    Every character that XML cannot hold, or a log should not, is written as its number.
    """
    root = ET.Element("testsuites", {"name": _CLASS})
    for suite in suites:
        _suite(root, suite)
    ET.indent(root)
    # Paths and names may hold bytes that are no UTF-8; printable() has escaped them.
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, suite: Suite) -> None:
    run, judged, properties = suite
    failed = [boot for boot in run.boots if not boot.ok]
    counts = {
        "tests": str(1 + len(judged)),
        "failures": str(bool(failed) + sum(each.breaks for each in judged)),
        "errors": "0",
        "skipped": str(sum(each.state is State.UNDECIDED for each in judged)),
        "time": _seconds(run.boots),
    }
    element = ET.SubElement(root, "testsuite", {"name": printable(run.name), **counts})
    listed = ET.SubElement(element, "properties")
    for name, value in properties.items():
        ET.SubElement(listed, "property", {"name": name, "value": printable(value)})
    _boots_case(element, run, failed)
    for each in judged:
        _gate_case(element, each)


def _boots_case(suite: ET.Element, run: Run, failed: list[Boot]) -> None:
    case = _case(suite, "boots", _seconds(run.boots))
    if failed:
        lines = [f"boot {boot.number}: {boot.outcome}: {boot.message}" for boot in failed]
        message = f"{len(failed)} of {len(run.boots)} boots failed"
        failure = ET.SubElement(case, "failure", {"message": message, "type": "boot"})
        failure.text = "\n".join(printable(line.rstrip(": ")) for line in lines)


def _gate_case(suite: ET.Element, judged: Judged) -> None:
    case = _case(suite, judged.gate.words, "0.000000")
    text = printable(judged.line)
    if judged.state not in _ELEMENTS:
        ET.SubElement(case, "system-out").text = text
        return
    told = {"message": text, "type": str(judged.state)}
    ET.SubElement(case, _ELEMENTS[judged.state], told).text = text


def _case(suite: ET.Element, name: str, seconds: str) -> ET.Element:
    words = {"name": printable(name), "classname": f"{_CLASS}.{suite.get('name', '')}"}
    return ET.SubElement(suite, "testcase", {**words, "time": seconds})


def _seconds(boots: Iterable[Boot]) -> str:
    """Give what all totals come to."""
    phases = (phase for boot in boots for phase in boot.phases if phase.name == TOTAL)
    return f"{sum(phase.duration_ns for phase in phases) / _NS_PER_S:.6f}"
