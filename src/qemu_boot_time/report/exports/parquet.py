"""All that was seen of all boots as one Parquet table: a row a boot, a mark, a phase.

``kind`` says which: ``boot`` (how it ended), ``mark``, ``earlier_mark`` (of an attempt before a reset),
``also_seen`` (by another source), ``phase``. Times are integers, nanoseconds since the exec of
QEMU; a boot that failed has its rows like the others, and ``ok`` says that statistics leave it out.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

from qemu_boot_time.host.libraries import lacks
from qemu_boot_time.model import Boot, Mark, Phase, Run
from qemu_boot_time.report.json import plain

_COLUMNS = {
    "run": "string",
    "boot": "int64",
    "outcome": "string",
    "ok": "bool",
    "suspect": "string",
    "pid": "int64",
    "exec_ns": "int64",
    "kind": "string",
    "name": "string",
    "time_ns": "int64",
    "begin": "string",
    "begin_ns": "int64",
    "end": "string",
    "end_ns": "int64",
    "duration_ns": "int64",
    "instructions": "int64",
    "source": "string",
    "event": "string",
    "attempt": "int64",
    "bound": "string",
    "error_ns": "int64",
    "message": "string",
}
"""Name to Arrow's type. ``boot`` counts from 1, ``exec_ns`` is absolute, ``suspect`` joins the reasons
with commas; what a row has no value for is null."""
_Row = dict[str, Any]


def export(runs: Sequence[Run]) -> bytes:
    """Render runs as one file. Raises HostError where pyarrow is missing."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise lacks("pyarrow") from error
    rows = [row for run in runs for boot in run.boots for row in _boot(run, boot)]
    columns = {
        name: pa.array([row.get(name) for row in rows], pa.type_for_alias(kind))
        for name, kind in _COLUMNS.items()
    }
    stream = io.BytesIO()
    parquet.write_table(pa.table(columns), stream, compression="zstd")
    return stream.getvalue()


def _boot(run: Run, boot: Boot) -> Iterator[_Row]:
    known = {
        "run": plain(run.name),
        "boot": boot.number,
        "outcome": str(boot.outcome),
        "ok": boot.ok,
        "suspect": ",".join(boot.suspect),
        "pid": boot.pid or None,
        "exec_ns": boot.exec_ns,
    }
    yield {**known, "kind": "boot", "message": plain(boot.message)}
    kinds = {"mark": boot.marks, "earlier_mark": boot.other_attempts, "also_seen": boot.also_seen}
    for kind, marks in kinds.items():
        yield from ({**known, "kind": kind, **_mark(mark)} for mark in marks)
    yield from ({**known, "kind": "phase", **_phase(phase)} for phase in boot.phases)


def _mark(mark: Mark) -> _Row:
    return {
        "name": plain(mark.name),
        "time_ns": mark.time_ns,
        "instructions": mark.instructions,
        "source": mark.source,
        "event": mark.event,
        "attempt": mark.attempt,
        "bound": str(mark.bound),
        "error_ns": mark.error_ns,
    }


def _phase(phase: Phase) -> _Row:
    return {
        "name": plain(phase.name),
        "begin": plain(phase.begin),
        "begin_ns": phase.begin_ns,
        "end": plain(phase.end),
        "end_ns": phase.end_ns,
        "duration_ns": phase.duration_ns,
        "instructions": phase.instructions,
    }
