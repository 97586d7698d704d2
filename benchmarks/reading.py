"""How fast a large perf.data is read: ``qbt analyze``, ``perf script`` as before, a walk in C.

Makes a recording of millions of mixed samples, then runs the whole commands on it in turn,
the file in the page cache. Ratios are of pairs from the same round.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import guests
from common import (
    arguments,
    host_line,
    in_turn,
    main,
    median_interval,
    progress,
    ratios,
    require_kvm,
    require_perf,
    rounds_of,
    scratch,
    table,
)
from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.formats import perfdata

_HERE = Path(__file__).resolve().parent
_EVENTS = (
    "kvm:kvm_entry",
    "kvm:kvm_pio",
    "kvm:kvm_fpu",
    "kvm:kvm_userspace_exit",
    "sched:sched_process_exec",
    "sched:sched_switch",
    "raw_syscalls:sys_enter",
    "raw_syscalls:sys_exit",
)
_OLD_EVENTS = ("kvm:kvm_entry", "kvm:kvm_pio", "sched:sched_process_exec")
_QBT = (sys.executable, "-c", "from qemu_boot_time.cli.main import main; main()")
_OURS = "qbt analyze --json"
_MB = 1_000_000
_RECORDS_BYTES = 1 << 16
_LARGEST_WAIT_S = 600.0
_GUEST_EXITS = 3000
_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    seconds: float
    peak_kb: int
    """VmHWM, as last seen (every 5 ms)."""
    output: str


def timed(argv: Sequence[str]) -> Ran:
    """Run a whole command. Raises HostError where it fails."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        child, _ = process.start(process.Start(tuple(argv), stdout=output, stderr=errors))
        peak_kb = 0
        while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            peak_kb = max(peak_kb, _peak_kb(child.pid))
            time.sleep(_POLL_S)
        seconds = time.monotonic() - begin
        output.seek(0)
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        if child.wait():
            raise HostError(f"{argv[0]}: exit status {child.returncode}: {last}")
        return Ran(seconds, peak_kb, output.read().decode(errors="replace"))


def _peak_kb(pid: int) -> int:
    """Not ru_maxrss: a child begins with that of its parent."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


@contextlib.contextmanager
def _running(argv: Sequence[str], number: signal.Signals) -> Iterator[subprocess.Popen[bytes]]:
    child, _ = process.start(process.Start(tuple(argv)))
    try:
        yield child
    finally:
        child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LARGEST_WAIT_S)
        process.end_group(child)


def record(file: Path, size_bytes: int) -> None:
    """Record a busy host until the file is so large: guests that exit, and a loop of system calls."""
    events = [word for event in _EVENTS for word in ("-e", event)]
    recorder = ("perf", "record", "-q", "-a", "-m", "8M", "-o", str(file), *events)
    busy = ("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "status=none")
    guest = guests.exits(file.parent, _GUEST_EXITS)
    deadline = time.monotonic() + _LARGEST_WAIT_S
    with _running(recorder, signal.SIGINT), _running(busy, signal.SIGTERM):
        while (size := _size(file)) < size_bytes:
            if time.monotonic() > deadline:
                raise HostError(f"perf record: not {size_bytes / _MB:g} MB in time")
            if size < _RECORDS_BYTES:
                time.sleep(_POLL_S)
            else:
                process.run(guest, accept=(1,))
    progress(f"recorded {file.stat().st_size / _MB:.0f} MB")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def wanted_ids(file: Path) -> list[str]:
    """Give the ids of the samples that the old way has handlers for."""
    events = perfdata.open_recording(file).events
    return [str(n) for event in events if event.name in _OLD_EVENTS for n in event.attr.ids]


def commands(file: Path, walk: Path) -> dict[str, tuple[str, ...]]:
    """Give the ways to read a recording."""
    old_way = ("perf", "script", "-s", str(_HERE / "old_way.py"), "-i", str(file))
    return {
        _OURS: (*_QBT, "analyze", "--json", str(file)),
        "perf script -s old_way.py": old_way,
        "the same without its trace_unhandled": (*old_way, "bare"),
        "walk.c": (str(walk), str(file), *wanted_ids(file)),
    }


def compare(file: Path, walk: Path, rounds: int) -> str:
    """Read one recording in all ways, in turn; give the table."""
    ways = commands(file, walk)
    ran: dict[str, list[Ran]] = {name: [] for name in ways}
    timed(ways["walk.c"])  # into the page cache
    for each, name in in_turn(tuple(ways), rounds):
        ran[name].append(timed(ways[name]))
        progress(f"round {each + 1}: {name} {ran[name][-1].seconds:.2f} s")
    _, samples, _ = map(int, ran["walk.c"][0].output.split())
    seconds = {name: [one.seconds for one in runs] for name, runs in ran.items()}
    against = ratios(seconds, to=_OURS)
    size_mb = file.stat().st_size / _MB
    rows = []
    for name, runs in ran.items():
        typical = median_interval(seconds[name]).median
        rows.append(
            (
                name,
                f"{typical:.2f} s",
                f"{samples / typical / 1e6:.2f}",
                f"{size_mb / typical:.0f}",
                f"{max(one.peak_kb for one in runs) / 1000:.1f} MB",
                median_interval(against[name]) if name in against else "1",
            )
        )
    boots = len(json.loads(ran[_OURS][0].output)["boots"])
    title = f"{samples / 1e6:.2f} M samples, {size_mb:.0f} MB, {boots} boots, {rounds} rounds"
    headings = ("command", "time", "M samples/s", "MB/s", "peak RSS", "time / qbt's")
    return f"{title}\n{table(headings, rows)}"


def growth(directory: Path, sizes_bytes: Sequence[int]) -> str:
    """Read recordings of several sizes; give the table of qbt's memory."""
    rows = []
    for size_bytes in sizes_bytes:
        file = directory / f"{size_bytes}.data"
        record(file, size_bytes)
        ran = timed((*_QBT, "analyze", "--json", str(file)))
        size_mb = file.stat().st_size / _MB
        rows.append((f"{size_mb:.0f} MB", f"{ran.seconds:.2f} s", f"{ran.peak_kb / 1000:.1f} MB"))
        file.unlink()
    return table(("recording", "qbt analyze", "peak RSS"), rows)


def compiled(directory: Path) -> Path:
    """Compile the walk. Raises HostError where there is no compiler."""
    process.require("gcc", hint="apt install gcc libc6-dev")
    program = directory / "walk"
    process.run(("gcc", "-O2", "-o", str(program), str(_HERE / "walk.c")))
    return program


def body() -> None:
    """Measure and print."""
    parser = arguments(__doc__, rounds=3, quick=1)
    parser.add_argument("--large", action="store_true", help="read one of 2 GB too")
    options = parser.parse_args()
    require_kvm()
    require_perf()
    compare_bytes, others = (40 * _MB, [10 * _MB]) if options.quick else (600 * _MB, [100 * _MB])
    print(host_line(), flush=True)
    with scratch() as directory:
        walk = compiled(directory)
        file = directory / "mixed.data"
        record(file, compare_bytes)
        print(compare(file, walk, rounds_of(options)), flush=True)
        file.unlink()
        print(growth(directory, [*others, compare_bytes, *([2000 * _MB] if options.large else [])]))


if __name__ == "__main__":
    main(body)
