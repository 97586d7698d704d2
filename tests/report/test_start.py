"""The parts of QEMU's start, as a person and as a program read them."""

import json
from dataclasses import replace
from pathlib import Path

from boots import booted, marks, started
from qemu_boot_time.inputs.document import open_document
from qemu_boot_time.model import Clock, Phase, Run
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of
from qemu_boot_time.report import comparison, comparison_document
from qemu_boot_time.report.comparison import Compared
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.text import to_text
from qemu_boot_time.stats import compare
from qemu_boot_time.stats.verdict import Margin

MS = 1_000_000


def run(**changes: object) -> Run:
    """Make a run of one boot whose start was seen in part: 10 ms, of which 2 to main()."""
    events = [*booted(0), started(2, "qemu_main")]
    slow = [type(e)(e.time_ns * 10**6, e.source, e.kind, e.vm, e.fields) for e in events]
    return Run("night", tuple(boots_of(slow, Rules())), **changes)  # type: ignore[arg-type]  # fields of Run


def test_a_table_below_that_of_the_phases() -> None:
    """With the share of the phase."""
    lines = [line.split() for line in to_text(run()).splitlines()]

    at = next(i for i, cells in enumerate(lines) if cells[:3] == ["part", "of", "vmm"])
    assert lines[at + 1] == ["qemu_libraries", "1", "2.000", "2.000", "2.000", "2.000", "20.0%"]
    assert lines[at + 2][0] == "qemu_main..qemu_init_end"


def test_where_nothing_was_seen_there_is_no_table() -> None:
    """And none among instructions: QEMU's start has none."""
    plain = Run("night", tuple(boots_of(booted(), Rules())))

    assert "part of" not in to_text(plain)
    assert "part of" not in to_text(run(clock=Clock.INSTRUCTIONS))


def test_the_document_has_parts_beside_phases(tmp_path: Path) -> None:
    """Of each boot and over boots; read back it is the same run."""
    text = to_json(run())
    file = tmp_path / "base.json"
    file.write_text(text)

    document = json.loads(text)

    first = document["summary"]["parts"][0]
    assert ("vmm", "qemu_libraries", "exec", "qemu_main") == tuple(first.values())[:4]
    assert (1, 2 * 10**6) == (first["n"], first["median_ns"])
    assert ["vmm", "firmware"] == [row["name"] for row in document["summary"]["phases"]][:2]
    assert 2 * 10**6 == document["boots"][0]["parts"][0]["duration_ns"]
    assert run().boots[0].parts == open_document(file).boots[0].parts


def slow_run(name: str, devices_ns: int, reset_ns: int = MS) -> Run:
    """Make a run of eight boots in which making the devices takes so long, give or take."""
    boots = []
    for i in range(8):
        made_ns = 10 * MS + devices_ns + i * 1000
        boots.append(
            replace(
                boot_of_marks(marks(qemu_init_end=made_ns + reset_ns), index=i, rules=Rules()),
                parts=(
                    Phase("exec..kernel_read", "exec", "kernel_read", 0, 10 * MS),
                    Phase("qemu_devices", "kernel_read", "devices_made", 10 * MS, made_ns),
                    Phase(
                        "qemu_reset", "devices_made", "qemu_init_end", made_ns, made_ns + reset_ns
                    ),
                ),
            )
        )
    return Run(name, tuple(boots))


def compared(first: Run, second: Run) -> Compared:
    """Compare two runs."""
    return Compared(first, second, compare.compare(first, second, Margin()))


def test_a_comparison_says_in_which_part_a_phase_has_moved() -> None:
    """Only of a phase that was judged to have; the document has all parts, without verdicts."""
    first, second = slow_run("a", 5 * MS), slow_run("b", 9 * MS)

    text = comparison.to_text(compared(first, second))
    document = comparison_document.document(compared(first, second))

    (line,) = (line for line in text.splitlines() if line.startswith("in vmm"))
    assert line.startswith("in vmm, each interval by itself: +4.0 ms [4.0, 4.0] in qemu_devices")
    assert "qemu_reset" not in line
    shifts = {part["name"]: part["shift_ns"] for part in document["parts"]}
    assert {"exec..kernel_read": 0, "qemu_devices": 4 * MS, "qemu_reset": 0} == shifts
    assert "verdict" not in document["parts"][0]


def test_a_comparison_of_equals_says_nothing_of_parts() -> None:
    """Nor where one side has none, nor of parts that move within a phase which stays as long."""
    plain, shifted = slow_run("a", 5 * MS), slow_run("b", 4 * MS, 2 * MS)
    bare = replace(plain, boots=tuple(replace(boot, parts=()) for boot in plain.boots))

    texts = [comparison.to_text(compared(plain, other)) for other in (plain, shifted, bare)]

    assert not any("in vmm" in text for text in texts)
    assert [] == comparison_document.document(compared(plain, bare))["parts"]
