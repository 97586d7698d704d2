"""JSON as pyperf keeps it, version 1.0: one benchmark a phase, each boot a run of one value.

Values are seconds; instructions, where they were counted, are benchmarks of their own. pyperf takes
values above 0 alone, so a phase that took nothing in some boot is not in it, nor are boots that
failed. The form: https://pyperf.readthedocs.io/en/latest/api.html, checked with pyperf itself.
"""

from collections.abc import Sequence
from typing import Any

from qemu_boot_time.model import Clock, Run
from qemu_boot_time.report.exports.parts import counted, label, require_any, seconds
from qemu_boot_time.report.json import dump, plain

_SUFFIXES = {Clock.TIME: "", Clock.INSTRUCTIONS: " instructions"}
_LACK = "no phase takes more than 0 in each boot that counts, and pyperf takes no 0"
_UNITS = {Clock.TIME: "second", Clock.INSTRUCTIONS: "integer"}


def export(runs: Sequence[Run]) -> str:
    """Render runs as one suite of benchmarks. Raises InputError where no phase can be in it."""
    phases = {
        label(runs, run, name) + _SUFFIXES[clock]: (run, values, clock)
        for clock in Clock
        for run, name, values in counted(runs, clock)
    }
    require_any(phases, runs)
    found = {name: _benchmark(*of) for name, of in phases.items() if min(of[1]) > 0}
    require_any(found, runs, _LACK)
    for name, benchmark in found.items():
        benchmark["metadata"]["name"] = plain(name)
    return dump({"benchmarks": list(found.values()), "version": "1.0"}) + "\n"


def _benchmark(run: Run, values: Sequence[int], clock: Clock) -> dict[str, Any]:
    numbers = values if clock is Clock.INSTRUCTIONS else [seconds(value) for value in values]
    return {
        "metadata": {"unit": _UNITS[clock], **_metadata(run)},
        "runs": [{"values": [number]} for number in numbers],
    }


def _metadata(run: Run) -> dict[str, str]:
    """Give what was measured, on what; empty values are none that pyperf takes."""
    known = {
        "command": " ".join(run.command),
        "cpu_model_name": run.host.get("cpu_model"),
        "platform": run.host.get("kernel"),
    }
    return {name: plain(str(value)).strip() for name, value in known.items() if value}
