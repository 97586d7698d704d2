"""The parts of QEMU's start, as a person and as a program read them."""

import json
from pathlib import Path

from boots import booted, started
from qemu_boot_time.inputs.document import open_document
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.text import to_text


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
