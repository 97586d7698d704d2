"""What qbt itself takes: from one boot's end to the next one's exec, and to say its version.

The first is from ``boots.jsonl`` of real runs of the tiny firmware: QEMU has left, and the next QEMU
is about to be executed. QEMU's own start and exit are beside it.
"""

import statistics
import sys
import time
from itertools import pairwise
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
from qemu_boot_time.guest import tiny
from qemu_boot_time.store.facts import read_facts
from recorders import UNDER_KVM

_QBT = (sys.executable, "-c", "from qemu_boot_time.cli.main import main; main()")
_QEMU = ("qemu-system-x86_64", "-accel", "kvm", "-M", "pc", "-m", "16")
_LONGEST_S = 600.0
_VERSIONS = 20
_NS_PER_MS = 1_000_000


def row(source: str, directory: Path, boots: int) -> tuple[str, ...]:
    """Measure one source. Raises ProgramError where ``qbt run`` fails."""
    bios = directory / "tiny.bin"
    bios.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
    out = directory / source
    words = ("run", "-n", str(boots), "--source", source, "--out", str(out), "--")
    begin = time.monotonic()
    process.run((*_QBT, *words, *_QEMU, *tiny.qemu_args(bios)), timeout_s=_LONGEST_S)
    whole_s = time.monotonic() - begin
    _, facts = read_facts(out)
    gaps = sorted(after.exec_stamp_ns - before.end_ns for before, after in pairwise(facts))
    lasted = sorted(boot.end_ns - boot.exec_stamp_ns for boot in facts)
    around_s = whole_s - (facts[-1].end_ns - facts[0].exec_stamp_ns) / 1e9
    found = [percentile(gaps, 0.5), percentile(gaps, 0.95), percentile(lasted, 0.5)]
    return (source, *(f"{ns / _NS_PER_MS:.1f}" for ns in found), f"{around_s:.2f}")


def version_s() -> float:
    """Give the median wall time of ``qbt --version``."""
    taken = []
    for _ in range(_VERSIONS):
        begin = time.monotonic()
        process.run((*_QBT, "--version"))
        taken.append(time.monotonic() - begin)
    return statistics.median(taken)


def body() -> None:
    """Measure and print."""
    options = arguments(__doc__, rounds=50, quick=3).parse_args()
    require_kvm()
    print(host_line(), flush=True)
    print(f"qbt --version: {version_s() * 1000:.0f} ms (median of {_VERSIONS})", flush=True)
    rows = []
    with scratch() as directory:
        for source in UNDER_KVM:
            if not source.probe().ok:
                progress(f"without {source.name}: {source.probe().what}")
                continue
            progress(f"{rounds_of(options)} boots with {source.name}")
            rows.append(row(source.name, directory, rounds_of(options)))
    headings = ("source", "gap, ms", "its p95", "exec to exit, ms", "before and after all, s")
    print(table(headings, rows))


if __name__ == "__main__":
    main(body)
