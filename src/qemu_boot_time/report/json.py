"""The JSON document of DESIGN.md, schema 1: all times integer nanoseconds."""

from dataclasses import asdict
from typing import Any

import msgspec

from qemu_boot_time.model import Boot, Clock, Inside, Mark, Phase, Run, Span
from qemu_boot_time.stats.summary import MarkSummary, PhaseSummary, Stats, Summary

SCHEMA = 1
_UNITS = {Clock.TIME: "_ns", Clock.INSTRUCTIONS: ""}
"""What a number's name ends in."""


def to_json(run: Run, summary: Summary, counted: Summary) -> str:
    """Render a run as one JSON document: its times, and its instructions where there are any."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "run": _run(run),
        "boots": [_boot(boot) for boot in run.boots],
        "summary": _summary(summary),
    }
    if run.inside:
        document["inside"] = [_inside(inside) for inside in run.inside]
    if counted.marks:
        document["instructions"] = _summary(counted)
    return dump(document)


def _run(run: Run) -> dict[str, Any]:
    return {
        "name": plain(run.name),
        "path": plain(run.path),
        "kind": run.kind,
        "command": [plain(word) for word in run.command],
        "sources": run.sources,
        "accelerator": run.accelerator,
        "clock": run.clock,
        "notes": [plain(note) for note in run.notes],
        "damage": plain(run.damage),
        "definitions": asdict(run.definitions),
        "host": dict(run.host),
    }


def _inside(inside: Inside) -> dict[str, Any]:
    known = inside.alignment
    return {
        "purpose": inside.purpose,
        "boot": _boot(inside.boot),
        "alignment": None if known is None else asdict(known),
        "spans": [_span(span) for span in inside.spans],
        "notes": [plain(note) for note in inside.notes],
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "name": plain(span.name),
        "begin_ns": span.begin_ns,
        "end_ns": span.end_ns,
        "duration_ns": span.duration_ns,
        "parent": plain(span.parent),
        "source": span.source,
    }


def dump(document: Any) -> str:
    """Render plain values as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def plain(text: str) -> str:
    """Make a name that is no UTF-8 (POSIX allows any bytes) one that JSON can carry."""
    return text.encode(errors="backslashreplace").decode()


def _boot(boot: Boot) -> dict[str, Any]:
    return {
        "index": boot.index,
        "pid": boot.pid,
        "outcome": boot.outcome,
        "suspect": boot.suspect,
        "message": boot.message,
        "exec_ns": boot.exec_ns,
        "attempts": boot.attempts,
        "marks": [_mark(mark) for mark in boot.marks],
        "phases": [_phase(phase) for phase in boot.phases],
        "other_attempts": [_mark(mark) for mark in boot.other_attempts],
        "also_seen": [_mark(mark) for mark in boot.also_seen],
    }


def _mark(mark: Mark) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": mark.name,
        "time_ns": mark.time_ns,
        "source": mark.source,
        "event": mark.event,
        "attempt": mark.attempt,
        "bound": mark.bound,
        "error_ns": mark.error_ns,
    }
    if mark.instructions is not None:
        document["instructions"] = mark.instructions
    return document


def _phase(phase: Phase) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": phase.name,
        "begin": phase.begin,
        "end": phase.end,
        "begin_ns": phase.begin_ns,
        "end_ns": phase.end_ns,
        "duration_ns": phase.duration_ns,
    }
    if phase.instructions is not None:
        document["instructions"] = phase.instructions
    return document


def _summary(summary: Summary) -> dict[str, Any]:
    unit = _UNITS[summary.clock]
    rest = summary.unaccounted
    return {
        "boots": summary.boots,
        "ok": summary.ok,
        "suspect": summary.suspect,
        "marks": [_mark_row(row, unit) for row in summary.marks],
        "phases": [_phase_row(row, unit) for row in summary.phases],
        "unaccounted": _stats(rest, unit) if rest else None,
    }


def _mark_row(row: MarkSummary, unit: str) -> dict[str, Any]:
    delta = {"from": row.delta_from, **_stats(row.delta, unit)} if row.delta else None
    return {"name": row.name, **_stats(row.at, unit), "delta": delta, "seen_by": row.seen_by}


def _phase_row(row: PhaseSummary, unit: str) -> dict[str, Any]:
    ends = {"name": row.name, "begin": row.begin, "end": row.end}
    return {**ends, **_stats(row.length, unit)}


def _stats(stats: Stats, unit: str) -> dict[str, int]:
    return {
        "n": stats.n,
        f"median{unit}": stats.median,
        f"mean{unit}": stats.mean,
        f"min{unit}": stats.min,
        f"max{unit}": stats.max,
    }
