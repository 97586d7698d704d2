"""What ``perf script --ns`` printed, as values: perf's own reading, to hold ours against."""

import re
from itertools import groupby
from typing import NamedTuple

FIELDS = "comm,pid,tid,cpu,time,event,trace"
"""For ``perf script --ns -F``: what :func:`lines` reads."""

_LINE = re.compile(
    r"\s*(?P<comm>.+?)\s+(?P<pid>\d+)/\d+\s+\[\d+\]\s+(?P<seconds>\d+)\.(?P<ns>\d{9}):"
    r"\s+(?P<event>\w+:\w+): (?P<text>.*)"
)
EXEC = "sched:sched_process_exec"
ENTRY = "kvm:kvm_entry"
_NAMES = {
    (0xF5, 1): "fw_start",
    (0xF5, 5): "fw_do_boot",
    (0xF4, 3): "linux_start_boot",
    (0xF4, 4): "linux_start_pvhboot",
    (0xF4, 6): "linux_start_kernel",
    (0xF4, 7): "linux_start_user",
}
_PORT_WRITE = re.compile(r"pio_write at (0x\w+) size 1 count 1 val (0x\w+)")


class Line(NamedTuple):
    """One event."""

    comm: str
    pid: int
    time_ns: int
    event: str
    """``subsystem:name``."""
    text: str

    def port_write(self) -> tuple[int, int] | None:
        """Give port and value of a one-byte write; None for everything else."""
        found = _PORT_WRITE.match(self.text)
        return (int(found[1], 16), int(found[2], 16)) if found else None


def lines(text: str) -> list[Line]:
    """Read every line; raises ValueError for one that is no event."""
    return [_line(line) for line in text.splitlines() if line.strip()]


def _line(line: str) -> Line:
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"not a line of perf script: {line!r}")
    time_ns = int(found["seconds"]) * 1_000_000_000 + int(found["ns"])
    return Line(found["comm"], int(found["pid"]), time_ns, found["event"], found["text"].strip())


def boots(text: str) -> list[list[Line]]:
    """Give the events of each QEMU, in order of time; one list a process, the first first."""
    of_qemu = [line for line in lines(text) if line.comm.startswith("qemu-system")]
    by_pid = sorted(of_qemu, key=lambda line: (line.pid, line.time_ns))
    processes = [list(group) for _, group in groupby(by_pid, key=lambda line: line.pid)]
    return sorted(processes, key=lambda events: events[0].time_ns)


def marks(boot: list[Line]) -> list[tuple[str, int]]:
    """Give the marks of one QEMU, name and nanoseconds since its last exec, the plainest way."""
    (*_, zero_ns) = (line.time_ns for line in boot if line.event == EXEC)
    entry_ns = next(line.time_ns for line in boot if line.event == ENTRY)
    named = [(_NAMES.get(write), line.time_ns) for line in boot if (write := line.port_write())]
    writes = [(name, time_ns - zero_ns) for name, time_ns in named if name]
    return [("qemu_init_end", entry_ns - zero_ns), *writes]
