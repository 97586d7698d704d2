"""What a guest's text costs, and how late the source console is: three kinds of text, two accelerators.

The tiny firmware writes 50,000 bytes to its serial port, straight away or each when there is room
(as Linux does), or to port 0x402 where firmware has its debug text. Timed is QEMU from its execve
to its end, and its CPU time, less those of the same guest without the bytes in the same round: once
with standard output in a file and no device on port 0x402, once with the source. Beside it is what the source
itself says of the time a byte, which it knows from its own reads.

Then a mark is written, and right after it a line of forty bytes: the stamps of the line's first byte
and of its last, each made a mark with ``--match``, less the kernel's own stamp of the mark (KVM; by
`perf`, which wakes nobody).
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import (
    arguments,
    host_line,
    in_turn,
    main,
    median_interval,
    percentile,
    progress,
    require_kvm,
    require_perf,
    rounds_of,
    scratch,
    table,
)
from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import tiny
from qemu_boot_time.model import Boot, Mark
from qemu_boot_time.sources import console
from qemu_boot_time.sources.base import Arm
from qemu_boot_time.sources.console.cost import texts_of
from qemu_boot_time.sources.console.patterns import Stream
from qemu_boot_time.sources.console.raw import reads
from qemu_boot_time.store.load import load_run
from qemu_boot_time.vm.console import FIRMWARE_TEXT_PORT
from recorders import Timed, boot

_BYTES = 50_000
_QBT = (sys.executable, "-c", "from qemu_boot_time.cli.main import main; main()", "run")
_LONGEST_S = 1800.0
_NONE, _PLAIN, _WATCHED = "no bytes", "file", "console"
_LINES = len(tiny.PROTOCOL)
_LINE_BYTES = 40
_SPIN = 50_000
"""Loops before each mark: a boot's lines do not come in close order either."""


@dataclass(frozen=True, slots=True)
class Text:
    """One way for a guest to write."""

    title: str
    stream: Stream
    step: tiny.Step


_TEXTS = (
    Text("serial", Stream.SERIAL, tiny.Flood(_BYTES, tiny.UART)),
    Text("serial, polled", Stream.SERIAL, tiny.Print(_BYTES)),
    Text("port 0x402", Stream.FIRMWARE, tiny.Flood(_BYTES, FIRMWARE_TEXT_PORT)),
)


def qemu(directory: Path, accelerator: str, *steps: tiny.Step) -> tuple[str, ...]:
    """Give the command of a tiny guest that ends by itself."""
    bios = directory / f"tiny-{abs(hash(steps))}.bin"
    bios.write_bytes(tiny.image(*steps, tiny.DebugExit()))
    machine = ("qemu-system-x86_64", "-accel", accelerator, "-M", "pc", "-m", "16")
    return (*machine, *tiny.qemu_args(bios), "-serial", "stdio")


def plainly(argv: tuple[str, ...]) -> Timed:
    """Boot with standard output in a file, and nobody who reads it."""
    with tempfile.TemporaryFile() as out:
        return boot(argv, stdout=out)


def watched(argv: tuple[str, ...], raw: Path, index: int) -> Timed:
    """Boot with the source."""
    with process.Guard() as guard, console.arm(Arm(raw), guard) as session:
        return boot(argv, session, index)


def byte_us(directory: Path, accelerator: str, text: Text, rounds: int) -> tuple[str, ...]:
    """Measure one kind of text; give a line of the table."""
    empty, full = (qemu(directory, accelerator, *steps) for steps in ((), (text.step,)))
    raw = directory / f"{accelerator}-{text.title}"
    raw.mkdir()
    found: dict[str, list[Timed]] = {_NONE: [], _PLAIN: [], _WATCHED: []}
    for each, arm in in_turn(tuple(found), rounds):
        progress(f"{accelerator}, {text.title}: round {each + 1} of {rounds}: {arm}")
        argv = empty if arm == _NONE else full
        found[arm].append(watched(argv, raw, each) if arm == _WATCHED else plainly(argv))
    told_ns = texts_of(reads(raw))[text.stream].byte_ns
    told = "" if told_ns is None else f"{told_ns / 1000:.1f}"
    walls, cpus = (_a_byte(found, which) for which in ("wall_ns", "cpu_ns"))
    return (accelerator, text.title, *walls, told, *cpus)


def _a_byte(found: Mapping[str, Sequence[Timed]], which: str) -> list[str]:
    """Give one of the times a byte of both arms, in microseconds."""
    took = {arm: [getattr(timed, which) for timed in many] for arm, many in found.items()}
    pairs = (zip(took[arm], took[_NONE], strict=True) for arm in (_PLAIN, _WATCHED))
    each = ([(full - none) / _BYTES / 1000 for full, none in pair] for pair in pairs)
    intervals = map(median_interval, each)
    return [f"{found.median:.1f} [{found.low:.1f}, {found.high:.1f}]" for found in intervals]


def boots_seen_twice(directory: Path, count: int) -> Sequence[Boot]:
    """Boot with perf and console. Raises ProgramError where ``qbt run`` fails."""
    steps: list[tiny.Step] = []
    for number, name in enumerate(tiny.PROTOCOL):
        line = f"{number}".encode().ljust(_LINE_BYTES - 1, b".") + b"\n"
        steps += [*tiny.marks(name, spin=_SPIN), *(tiny.Write(tiny.UART, byte) for byte in line)]
    out = directory / "twice"
    options = ["-n", str(count), "--out", str(out), "--source", "perf", "--source", "console"]
    for number in range(_LINES):
        dots = _LINE_BYTES - 2
        options += ["--match", f"first{number}=^{number}"]
        options += ["--match", f"last{number}=^{number}\\.{{{dots}}}"]
    process.run((*_QBT, *options, "--", *qemu(directory, "kvm", *steps)), timeout_s=_LONGEST_S)
    return load_run(out).boots


def lateness(boots: Sequence[Boot], which: str) -> list[tuple[Mark, int]]:
    """Give the marks of lines, each with its stamp less that of the mark before it, in ns.

    Raises HostError where a boot has not all of them.
    """
    late = []
    for each in boots:
        marks = {mark.name: mark for mark in each.marks}
        wanted = [(name, f"{which}{number}") for number, name in enumerate(tiny.PROTOCOL)]
        if not marks.keys() >= {name for pair in wanted for name in pair}:
            raise HostError(f"boot {each.index}: the sources did not see the same marks")
        late += [(marks[line], marks[line].time_ns - marks[name].time_ns) for name, line in wanted]
    return late


def late_row(title: str, late: Sequence[tuple[Mark, int]]) -> tuple[str, ...]:
    """Give a line of the table, in microseconds, and how many errors reach back to the mark."""
    ordered = sorted(ns for _, ns in late)
    shares = (0.0, 0.5, 0.95, 1.0)
    held = sum(mark.error_ns >= ns for mark, ns in late) / len(late)
    figures = (f"{percentile(ordered, at) / 1000:.1f}" for at in shares)
    return (title, str(len(late)), *figures, f"{held:.0%}")


def body() -> None:
    """Measure and print."""
    options = arguments(__doc__, rounds=20, quick=2).parse_args()
    rounds = rounds_of(options)
    require_kvm()
    require_perf()
    print(host_line(), flush=True)
    with scratch() as directory:
        rows = [
            byte_us(directory, accelerator, text, rounds)
            for accelerator in ("tcg", "kvm")
            for text in _TEXTS
        ]
        print(f"microseconds a byte, {rounds} rounds")
        told = ("file", "console", "console says", "CPU: file", "CPU: console")
        print(table(("accelerator", "text", *told), rows), flush=True)
        boots = boots_seen_twice(directory, 5 * rounds)
    print("console's stamp minus that of kvm_pio of the mark just before the line, microseconds")
    headings = ("byte", "n", "min", "median", "p95", "max", "within error_ns")
    print(table(headings, [late_row(which, lateness(boots, which)) for which in ("first", "last")]))


if __name__ == "__main__":
    main(body)
