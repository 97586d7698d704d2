"""One run shown in every way: whoever shows it, the numbers are the same."""

import json
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from boots import marks
from page_runs import Page, phases_of
from qemu_boot_time.model import Run
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.report.exports import exporter
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.parts import Screen
from qemu_boot_time.report.text import Showing, to_text

MS = 10**6
NAMES = ("median", "median_low", "median_high", "mean", "min", "max")
"""What all of them show, in the order of a table."""
NAMES_OF_COLUMNS = ("median", "median_low", "median_high", "mean", "sd", "min", "max")
"""What a wide terminal shows."""

Numbers = dict[str, dict[str, int]]
"""Name of a row to name of a number to itself, in ns."""


@pytest.fixture
def run() -> Run:
    """Make seven boots that end in the kernel, and six that go on for a while, each of its own."""
    short = [
        {"fw_start": 10 + i, "fw_do_boot": 20 + 3 * i, "linux_start_kernel": 60} for i in range(7)
    ]
    long = [{**each, "up": 90 + i} for i, each in enumerate(short[:6])]
    rows = [marks(**{name: at * MS for name, at in row.items()}) for row in (*short, *long)]
    return Run("n", tuple(boot_of_marks(row, index=i, rules=Rules()) for i, row in enumerate(rows)))


@pytest.fixture
def rows(run: Run) -> dict[str, Any]:
    """Give what --json says of phases."""
    return phases_of(json.loads(to_json(run))["summary"])


def exact(rows: dict[str, Any], names: tuple[str, ...] = NAMES) -> Numbers:
    """Give the numbers that --json has."""
    return {label: {name: row[f"{name}_ns"] for name in names} for label, row in rows.items()}


def test_each_total_and_its_rest_have_a_row(rows: dict[str, Any]) -> None:
    """With as many boots as end there, and an interval."""
    ends = {"(exec..linux_start_kernel)": 7, "(exec..up)": 6}

    for name in ("unaccounted", "total"):
        assert ends == {
            label.partition(" ")[2]: row["n"] for label, row in rows.items() if row["name"] == name
        }
    assert all(row["median_low_ns"] is not None for row in rows.values())


def test_the_page_has_the_numbers_of_json(run: Run, rows: dict[str, Any]) -> None:
    """To the nanosecond, of as many boots."""
    page = Page.of(exporter("html", library=lambda: "window.vegaEmbed = 0;")([run]))

    table = page.table("phase (ms)")
    found = {
        label: [int(cell[1:]) for cell in cells[:7]]
        for label, cells in table.items()
        if label in rows
    }
    assert {label: [row["n"], *exact(rows)[label].values()] for label, row in rows.items()} == found


def test_openmetrics_has_the_numbers_of_json(run: Run, rows: dict[str, Any]) -> None:
    """Under the same names, in seconds."""
    text = exporter("openmetrics")([run])
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # none there

    found: Numbers = {}
    for family in families:
        for sample in family.samples if family.name == "qbt_phase_seconds" else ():
            of = found.setdefault(sample.labels["phase"], {})
            of[sample.labels["statistic"]] = round(sample.value * 10**9)
    assert exact(rows) == found


def test_the_terminal_has_the_numbers_of_json(run: Run, rows: dict[str, Any]) -> None:
    """To the microsecond."""
    text = to_text(run, Showing(screen=Screen(160)))

    table = text[text.index("\nphase (ms)") :].split("\n\n")[0].splitlines()[2:]
    cells = [line.rsplit(maxsplit=9) for line in table]
    assert {
        label: [f"{ns / MS:.3f}" for ns in numbers.values()]
        for label, numbers in exact(rows, NAMES_OF_COLUMNS).items()
    } == {label: numbers[1:-1] for label, *numbers in cells}
    assert {label: str(row["n"]) for label, row in rows.items()} == {c[0]: c[1] for c in cells}
