"""How late debugcon's stamp of a mark is: against the kvm_pio tracepoint of the same write.

Boots the tiny firmware with two sources at once, debugcon and one that takes the kernel's own stamp
inside the event, and subtracts mark from mark. With perf_event the difference includes the
interrupt by which the tracepoint wakes its reader before QEMU sees the write; perf and tracefs are
read now and then, so theirs is debugcon's alone.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from common import (
    arguments,
    host_line,
    main,
    percentile,
    progress,
    require_kvm,
    rounds_of,
    scratch,
    table,
)
from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import tiny
from qemu_boot_time.model import Boot, Bound
from qemu_boot_time.store.load import load_run
from recorders import UNDER_KVM

_QBT = (sys.executable, "-c", "from qemu_boot_time.cli.main import main; main()", "run")
_QEMU = ("qemu-system-x86_64", "-accel", "kvm", "-M", "pc", "-m", "16")
_DEBUGCON = "debugcon"
_LONGEST_S = 1800.0
_SPINS = {"one after the other": 0, "apart": 50_000}
"""Loops before each mark: what sends the datagram is in the caches still, or no longer."""


def boots_seen_twice(
    directory: Path, sources: tuple[str, str], spin: int, count: int
) -> Sequence[Boot]:
    """Boot with two sources, armed in this order. Raises ProgramError where ``qbt run`` fails."""
    bios = directory / "tiny.bin"
    bios.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL, spin=spin), tiny.DebugExit()))
    out = directory / f"{'-'.join(sources)}-{spin}"
    asked = [word for source in sources for word in ("--source", source)]
    options = ("-n", str(count), "--out", str(out), *asked)
    process.run((*_QBT, *options, "--", *_QEMU, *tiny.qemu_args(bios)), timeout_s=_LONGEST_S)
    return load_run(out).boots


def lateness(boots: Sequence[Boot]) -> list[list[int]]:
    """Give debugcon's stamp minus the kernel's, in ns: a list a boot, mark by mark.

    Raises HostError where the two did not see the same marks.
    """
    late = []
    for boot in boots:
        all_marks = (*boot.marks, *boot.also_seen)
        seen = [m for m in all_marks if m.name in tiny.PROTOCOL and m.bound is Bound.EXACT]
        ours = {mark.name: mark.time_ns for mark in seen if mark.source == _DEBUGCON}
        kernels = {mark.name: mark.time_ns for mark in seen if mark.source != _DEBUGCON}
        if set(tiny.PROTOCOL) != ours.keys() or ours.keys() != kernels.keys():
            raise HostError(f"boot {boot.number}: the sources did not see the same marks")
        late.append([ours[name] - kernels[name] for name in tiny.PROTOCOL])
    return late


def row(title: tuple[str, ...], values: Sequence[int]) -> tuple[str, ...]:
    """Give a line of the table, in microseconds."""
    ordered = sorted(values)
    shares = (0.0, 0.5, 0.95, 1.0)
    return (*title, str(len(values)), *(f"{percentile(ordered, at) / 1000:.1f}" for at in shares))


def body() -> None:
    """Measure and print."""
    options = arguments(__doc__, rounds=200, quick=3).parse_args()
    require_kvm()
    references = [s.name for s in UNDER_KVM if s.needs_kvm and s.probe().ok]
    if not references:
        raise HostError("no source takes the kernel's stamps here", hint="qbt doctor")
    print(host_line(), flush=True)
    rows = []
    with scratch() as directory:
        for title, spin in _SPINS.items():
            for source in references:
                progress(f"{rounds_of(options)} boots with {source} and {_DEBUGCON}, {title}")
                late = lateness(
                    boots_seen_twice(directory, (source, _DEBUGCON), spin, rounds_of(options))
                )
                rows += [
                    row((title, source, "all"), [ns for boot in late for ns in boot]),
                    row((title, source, "first"), [boot[0] for boot in late]),
                    row((title, source, "later"), [ns for boot in late for ns in boot[1:]]),
                ]
    print("debugcon's stamp minus kvm_pio's, microseconds")
    print(table(("marks", "against", "of a boot", "n", "min", "median", "p95", "max"), rows))


if __name__ == "__main__":
    main(body)
