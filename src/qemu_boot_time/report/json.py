"""The JSON document of DESIGN.md, schema 1: all times integer nanoseconds."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import msgspec

from qemu_boot_time.model import Boot, Clock, Inside, Mark, Phase, Run, Span
from qemu_boot_time.stats.detail import Detail, Details, Separator, details_of
from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.modes import Modes
from qemu_boot_time.stats.oddities import Drift
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.start import summarise_parts
from qemu_boot_time.stats.summary import MarkSummary, PhaseSummary, Stats, summarise

SCHEMA = 1
_UNITS = {Clock.TIME: "_ns", Clock.INSTRUCTIONS: ""}
"""What a number's name ends in."""
_PERCENTILES = ("p90", "p95", "p99")


def to_json(run: Run, more: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Render a run as one JSON document: its times, and its instructions where there are any.

    ``more`` are keys beside the run's own.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "run": _run(run),
        "boots": [boot_document(boot) for boot in run.boots],
        "summary": {**_summary(run, Clock.TIME), "parts": _parts(run.boots)},
    }
    if run.inside:
        document["inside"] = [_inside(inside) for inside in run.inside]
    if run.profiles:
        # It renders tables too, and a document without profiles needs no library for that.
        from qemu_boot_time.report.exits import exits_document

        document["profile"] = exits_document(run)
    counted = _summary(run, Clock.INSTRUCTIONS)
    if counted["marks"]:
        document["instructions"] = counted
    return dump({**document, **more})


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
        "measurement": run.measurement,
        "created": plain(run.created),
        "definitions": asdict(run.definitions),
        "host": dict(run.host),
    }


def _inside(inside: Inside) -> dict[str, Any]:
    known = inside.alignment
    return {
        "purpose": inside.purpose,
        "boot": boot_document(inside.boot),
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
    """Render plain values as indented JSON; text that is no UTF-8 as :func:`plain` has it, wherever it lies."""
    try:
        encoded = msgspec.json.encode(document)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_plain_values(document))
    return msgspec.json.format(encoded, indent=2).decode()


def _plain_values(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {_plain_values(name): _plain_values(each) for name, each in value.items()}
    return [_plain_values(each) for each in value] if isinstance(value, (list, tuple)) else value


def plain(text: str) -> str:
    """Make a name that is no UTF-8 (POSIX allows any bytes) one that JSON can carry."""
    return text.encode(errors="backslashreplace").decode()


def boot_document(boot: Boot) -> dict[str, Any]:
    """Give what is known of one boot."""
    return {
        "index": boot.index,
        "pid": boot.pid,
        "outcome": boot.outcome,
        "suspect": boot.suspect,
        "message": boot.message,
        "exec_ns": boot.exec_ns,
        "cpu_ns": boot.cpu_ns,
        "attempts": boot.attempts,
        "marks": [_mark(mark) for mark in boot.marks],
        "phases": [_phase(phase) for phase in boot.phases],
        "parts": [_phase(part) for part in boot.parts],
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


def _summary(run: Run, clock: Clock) -> dict[str, Any]:
    summary, details = summarise(run.boots, clock), details_of(run.boots, clock)
    unit = _UNITS[clock]
    return {
        "boots": summary.boots,
        "ok": summary.ok,
        "suspect": summary.suspect,
        "marks": [_mark_row(row, details, unit) for row in summary.marks],
        "phases": [_phase_row(row, details, unit) for row in summary.phases],
        "unaccounted": [_phase_row(row, details, unit) for row in summary.unaccounted],
        "separator": _separator(details.separator, unit),
    }


def _parts(boots: Iterable[Boot]) -> list[dict[str, Any]]:
    """Give the parts of QEMU's own start, which are known in time alone."""
    return [
        {
            "of": row.of,
            "name": row.name,
            "begin": row.begin,
            "end": row.end,
            **_stats(row.length, _UNITS[Clock.TIME]),
        }
        for row in summarise_parts(boots)
    ]


def _mark_row(row: MarkSummary, details: Details, unit: str) -> dict[str, Any]:
    delta = {"from": row.delta_from, **_stats(row.delta, unit)} if row.delta else None
    known = {"name": row.name, **_stats(row.at, unit), "delta": delta, "seen_by": row.seen_by}
    return {**known, **_detail(details.marks.get(row.name), unit)}


def _phase_row(row: PhaseSummary, details: Details, unit: str) -> dict[str, Any]:
    place = Place(row.name, row.begin, row.end)
    detail = _detail(details.phases.get(place), unit)
    return {**place._asdict(), **_stats(row.length, unit), **detail}


def _separator(found: Separator | None, unit: str) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**found.place._asdict(), f"apart{unit}": found.apart, "share": found.share}


def _stats(stats: Stats, unit: str) -> dict[str, int]:
    return {
        "n": stats.n,
        f"median{unit}": stats.median,
        f"mean{unit}": stats.mean,
        f"min{unit}": stats.min,
        f"max{unit}": stats.max,
    }


def _detail(detail: Detail | None, unit: str) -> dict[str, Any]:
    """Give what goes beside n, median, mean, min and max; null: so few boots do not tell."""
    if detail is None:  # all its stamps are corrupt
        return {}
    return {
        f"sd{unit}": None if detail.sd is None else round(detail.sd),
        "cv": detail.cv,
        **{f"{name}{unit}": getattr(detail, name) for name in _PERCENTILES},
        **_ends("median", detail.median_interval, unit),
        **_ends("mean", detail.mean_interval, unit),
        "outliers": [
            {"index": o.boot - 1, f"value{unit}": o.value, f"far{unit}": o.far}
            for o in detail.outliers
        ],
        "drift": None if detail.drift is None else _drift(detail.drift, unit),
        "modes": [] if detail.modes is None else _modes(detail.modes, unit),
        "modes_p": None if detail.modes is None else detail.modes.p,
    }


def _ends(name: str, interval: Interval | None, unit: str) -> dict[str, int | None]:
    return {
        f"{name}_low{unit}": interval.low if interval else None,
        f"{name}_high{unit}": interval.high if interval else None,
    }


def _drift(drift: Drift, unit: str) -> dict[str, Any]:
    start, trend = drift.start, drift.trend
    first = start and {"boots": start.boots, f"longer{unit}": start.longer, "p": start.p}
    slope = trend and {
        f"slope{unit}": round(trend.slope),
        f"slope_low{unit}": round(trend.interval[0]),
        f"slope_high{unit}": round(trend.interval[1]),
        "p": trend.p,
    }
    return {"start": first, "trend": slope}


def modes_document(modes: Modes, clock: Clock = Clock.TIME) -> dict[str, Any]:
    """Give where the modes lie, which boots each has (from 0), and how likely one alone is."""
    return {"p": modes.p, "modes": _modes(modes, _UNITS[clock])}


def _modes(modes: Modes, unit: str) -> list[dict[str, Any]]:
    return [
        {f"at{unit}": m.at, "share": m.share, "indices": [boot - 1 for boot in m.boots]}
        for m in modes.modes
    ]
