"""The tables of docs/reference.md are those of the code."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import pytest

from qemu_boot_time.cli import output
from qemu_boot_time.cli.main import COMMANDS
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.model import EndedBy, EventKind, Outcome
from qemu_boot_time.phases import PHASES, UNACCOUNTED, boots
from qemu_boot_time.protocol import (
    CONSOLE_POINTS,
    CUSTOM_VALUES,
    FINER_POINTS,
    TRACE_POINTS,
    TracePoint,
)
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.store.facts import BootFacts, RunFacts
from schemas import NAMES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def tables(heading: str) -> list[list[list[str]]]:
    """Give the tables of one section: rows of cells, without their heads."""
    _, _, section = PAGE.partition(f"# {heading}\n")
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
    return [[_cells(line) for line in block.splitlines()[2:]] for block in blocks]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def named(rows: Iterable[Sequence[str]]) -> list[str]:
    """Give all names in code of the first column."""
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[0])]


def row_of(point: TracePoint) -> list[str]:
    """Give what the page says of a trace point that is written."""
    port = "" if point.port is None else f"{point.port:#x}"
    return [f"`{point.name}`", port, "" if point.value is None else str(point.value), point.where]


def test_trace_points_that_are_written() -> None:
    """Port, value and place of each, in the order of a boot; then the user's own."""
    *rows, yours = tables("Trace points")[0]

    assert [row_of(point) for point in TRACE_POINTS] == rows
    assert f"{CUSTOM_VALUES[0]} to {CUSTOM_VALUES[-1]}" == yours[2]


@pytest.mark.parametrize(("table", "points"), [(1, FINER_POINTS), (2, CONSOLE_POINTS)])
def test_places_that_nobody_writes(table: int, points: Sequence[TracePoint]) -> None:
    """Each with where it is."""
    assert [[f"`{p.name}`", p.where] for p in points] == tables("Trace points")[table]


def test_phases() -> None:
    """Those that every boot may have."""
    (rows,) = tables("Phases")

    assert PHASES | {UNACCOUNTED} == {*named(rows)}


def test_sources() -> None:
    """In the order in which they are tried."""
    (rows,) = tables("Sources")

    assert [*SOURCES] == named(rows)


def test_outcomes_and_suspicions() -> None:
    """How a boot ends, and why one should not be trusted."""
    outcomes, suspicions = tables("How a boot ends")

    assert [*Outcome] == named(outcomes)
    source = Path(boots.__file__).read_text(encoding="utf-8")
    assert [] == [name for name in named(suspicions) if f'"{name}": ' not in source]
    assert EventKind.CLOCK_STEP in named(suspicions)


def test_exit_statuses() -> None:
    """Each that there is, in its order; then those of signals."""
    (rows,) = tables("Exit status")

    assert [str(int(status)) for status in ExitStatus] == [row[0] for row in rows][
        : len(ExitStatus)
    ]


def test_every_command_that_prints_json_has_a_schema() -> None:
    """Its file is there, and linked."""
    (rows,) = tables("JSON")

    files = re.findall(r"\((schema/[^)]+)\)", PAGE)
    assert [f"schema/{name}.schema.json" for name in NAMES] == files
    assert all((ROOT / "docs" / file).is_file() for file in files)
    with_json = {name for name in COMMANDS if name != "report"}
    assert with_json == {name.split()[0] for name in named(rows)}


@pytest.mark.parametrize(("table", "facts"), [(0, RunFacts), (1, BootFacts)])
def test_facts_of_a_run_on_disk(table: int, facts: type[RunFacts | BootFacts]) -> None:
    """Every key of run.json and of a line of boots.jsonl."""
    keys = named(tables("A run")[table])

    assert {*facts.__struct_fields__} == {*keys}
    assert len(keys) == len({*keys})


@pytest.mark.parametrize(("key", "words"), [("ended_by", EndedBy)])
def test_words_of_the_facts(key: str, words: type[StrEnum]) -> None:
    """All that a key may say."""
    (row,) = [row for row in tables("A run")[1] if row[0] == f"`{key}`"]

    assert [*words] == re.findall(r"`([^`]+)`", row[1])


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the table is asked for somewhere."""
    (rows,) = tables("Environment")
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py")]

    assert [] == [name for name in named(rows) if not any(f'"{name}"' in s for s in sources)]
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[" in output.styled("x", "red")
