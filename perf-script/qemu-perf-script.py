# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot times of QEMU from a perf.data, by perf's own Python.

::

    perf record -a -e kvm:kvm_entry -e kvm:kvm_pio -e sched:sched_process_exec
    perf script -s qemu-perf-script.py -i perf.data [COMM]

COMM names another VMM than QEMU. The numbers are those of ``qbt analyze perf.data``: the same
modules make them. It defines no handler for single events, so that no change of their fields, and
no other event in the recording, can break it.
"""

import os
import sys
from pathlib import Path
from typing import Any

# The package beside this file: in a checkout under src/, else around it.
_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent / "src"), str(_HERE.parents[1])]

from qemu_boot_time.model import Event  # noqa: E402  # found by the path above
from qemu_boot_time.phases import Rules, boots_of  # noqa: E402
from qemu_boot_time.report.classic import to_classic  # noqa: E402
from qemu_boot_time.sources.kvm_trace import KvmTrace, TraceRecord  # noqa: E402
from qemu_boot_time.sources.vmm import Vmm  # noqa: E402
from qemu_boot_time.stats.summary import summarise  # noqa: E402

_NS_PER_S = 1_000_000_000

_trace = KvmTrace("perf", Vmm(tuple(sys.argv[1:2])) if sys.argv[1:] else None)
_events: list[Event] = []


def trace_unhandled(
    event_name: str,
    context: object,  # noqa: ARG001  # perf's own handle
    fields: dict[str, Any],
    sample: dict[str, Any] | None = None,
) -> None:
    """Take one event of any kind: perf calls this for all that have no handler of their own."""
    known = sample["sample"] if sample else {}
    tid = known.get("tid", fields["common_pid"])
    _events.extend(
        _trace.feed(
            TraceRecord(
                fields["common_s"] * _NS_PER_S + fields["common_ns"],
                event_name.replace("__", ":", 1),
                known.get("pid", tid),
                tid,
                fields["common_comm"],
                fields,
            )
        )
    )


def trace_end() -> None:
    """Print the table."""
    _events.extend(_trace.read(()))
    boots = boots_of(_events, Rules())
    if not boots:
        print("no VM in this recording: no exec of QEMU with a port write", file=sys.stderr)
        return
    try:
        print(to_classic(boots, summarise(boots)), flush=True)
    except BrokenPipeError:
        # The reader has left (head); perf would make a crash of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
