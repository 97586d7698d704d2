"""Runs on disk, made without a VM."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qemu_boot_time.model import EndedBy
from qemu_boot_time.sources.debugcon import NAME as DEBUGCON
from qemu_boot_time.store.facts import BootFacts, RunFacts, RunWriter

QEMU = ("qemu-system-x86_64", "-accel", "kvm")


def run_facts(**changes: Any) -> RunFacts:
    """Say what was asked: two boots, seen by debugcon."""
    usual: dict[str, Any] = {
        "created": "2026-11-23T14:45:00Z",
        "qbt": "0.1.0",
        "command": QEMU,
        "boots": 2,
        "timeout_s": 60.0,
        "sources": (DEBUGCON,),
    }
    return RunFacts(**{**usual, **changes})


def boot_facts(index: int, **changes: Any) -> BootFacts:
    """Say how a boot ended: it began at second ``index`` + 1, and left by itself half a second on."""
    begin_ns = (index + 1) * 10**9
    usual: dict[str, Any] = {
        "index": index,
        "pids": (100 + index,),
        "exec_stamp_ns": begin_ns,
        "end_ns": begin_ns + 500_000_000,
        "ended_by": EndedBy.ITSELF,
        "exit_status": 1,
    }
    return BootFacts(**{**usual, **changes})


def debugcon_lines(index: int, values: Iterable[int] = (1, 5, 3, 6, 7)) -> str:
    """Write what debugcon keeps of a boot: a mark every millisecond from 10 ms after its exec."""
    begin_ns = (index + 1) * 10**9
    lines: list[dict[str, Any]] = [
        {"type": "clock", "boot": index, "realtime_ns": begin_ns + 7, "monotonic_ns": begin_ns}
    ]
    for i, value in enumerate(values):
        port = 0xF5 if value in {1, 5} else 0xF4
        time_ns = begin_ns + 7 + (10 + i) * 10**6
        write = {"type": "write", "boot": index, "port": port, "value": value}
        lines.append({**write, "realtime_ns": time_ns})
    return "".join(json.dumps(line) + "\n" for line in lines)


def make_run(
    directory: Path,
    boots: Iterable[BootFacts] | None = None,
    *,
    raw: str | None = None,
    **facts: Any,
) -> Path:
    """Write a run of two boots (or ``boots``) and what debugcon saw of them (or ``raw``)."""
    writer = RunWriter.begin(directory, run_facts(**facts))
    seen = debugcon_lines(0) + debugcon_lines(1) if raw is None else raw
    (writer.raw / "debugcon.jsonl").write_text(seen)
    for boot in (boot_facts(0), boot_facts(1)) if boots is None else boots:
        writer.append(boot)
    return directory
