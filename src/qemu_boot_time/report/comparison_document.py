"""A comparison of times, for a program: DESIGN.md, "JSON"."""

from typing import Any

from qemu_boot_time.report.comparison import Compared, notes, numbers, sentence
from qemu_boot_time.report.json import modes_document, plain
from qemu_boot_time.report.troubles import failure_documents
from qemu_boot_time.stats.compare import Change, Comparison
from qemu_boot_time.stats.start import PartShift, part_shifts


def document(compared: Compared) -> dict[str, Any]:
    """Give a comparison as plain values."""
    found, runs = compared.found, (compared.first, compared.second)
    return {
        "clock": found.clock,
        "runs": [plain(run.name) for run in runs],
        "paths": [plain(run.path) for run in runs],
        "boots": found.boots,
        "failed": found.failed,
        "failures": [failure_documents(run.boots) for run in runs],
        "p_failed": found.p_failed,
        "total": _change(found, found.total),
        "phases": [_change(found, change) for change in found.phases],
        "parts": [
            _part_document(part)
            for part in part_shifts(compared.first.boots, compared.second.boots)
        ],
        "modes": [None if modes is None else modes_document(modes) for modes in found.modes],
        "only": [[plain(place.name) for place in places] for places in found.only],
        "sentence": sentence(found),
        "notes": list(notes(compared)),
        "warnings": [plain(warning) for warning in compared.warnings],
    }


def _change(found: Comparison, change: Change) -> dict[str, Any]:
    shift, low, high = numbers(change)
    whole = found.total.shift if found.share_of(change) is not None else None
    return {
        "name": plain(change.place.name),
        "begin": plain(change.place.begin),
        "end": plain(change.place.end),
        "verdict": change.verdict,
        "reason": change.reason,
        "n": change.n,
        "first_ns": _whole(change.medians[0]),
        "second_ns": _whole(change.medians[1]),
        "shift_ns": shift,
        "low_ns": low,
        "high_ns": high,
        "shift_percent": _percent_of(change, shift),
        "low_percent": _percent_of(change, low),
        "high_percent": _percent_of(change, high),
        "p": change.p,
        "margin_ns": change.margin,
        "more_boots": change.more,
        "share_of_shift": found.share_of(change),
        "share_low": _part(low, high, whole)[0],
        "share_high": _part(low, high, whole)[1],
    }


def _part_document(part: PartShift) -> dict[str, Any]:
    interval = part.shift.interval
    return {
        "of": plain(part.of),
        "name": plain(part.name),
        "begin": plain(part.begin),
        "end": plain(part.end),
        "n": part.n,
        "shift_ns": part.shift.estimate,
        "low_ns": interval and interval.low,
        "high_ns": interval and interval.high,
    }


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _percent_of(change: Change, value: int | None) -> float | None:
    return None if value is None else change.percent(value)


def _part(
    low: int | None, high: int | None, whole: int | None
) -> tuple[float | None, float | None]:
    """Give an interval in parts of the total's shift."""
    if low is None or high is None or not whole:
        return None, None
    ends = sorted((low / whole, high / whole))
    return ends[0], ends[1]
