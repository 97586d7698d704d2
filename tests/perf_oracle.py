"""What perf itself says of a recording, and the same said by our reader, as comparable lines.

Left out: LOST_SAMPLES, which perf 6.1 does not print.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from qemu_boot_time.formats.perfdata import Comm, Exit, Fork, LossKind, Lost, Record, Sample

FIELDS = "comm,pid,tid,cpu,time,event,trace"
SCRIPT = (
    "perf", "script", "--ns", "--show-task-events", "--show-lost-events", "-F", FIELDS, "-i",
)  # fmt: skip
"""The command whose output :func:`parse` reads; the recording's name follows."""

_LINE = re.compile(
    r"\s*\S.*?\s+(?P<pid>-?\d+)/(?P<tid>-?\d+)\s+\[(?P<cpu>-?\d+)\]"
    r"\s+(?P<s>\d+)\.(?P<ns>\d{9}):\s+(?P<text>\S.*)"
)


class Line(NamedTuple):
    """One record as ``perf script`` tells it; pid, tid and cpu are those of samples, else 0."""

    time_ns: int
    pid: int
    tid: int
    cpu: int
    text: str


def parse(script: str) -> list[Line]:
    """Parse what SCRIPT printed, sorted."""
    return sorted(_parsed(found) for found in map(_LINE.fullmatch, script.splitlines()) if found)


def _parsed(found: re.Match[str]) -> Line:
    time_ns = int(found["s"]) * 10**9 + int(found["ns"])
    text = re.sub(r"\s+", " ", found["text"]).strip()
    who = (0, 0, 0) if text.startswith("PERF_RECORD") else _numbers(found, "pid", "tid", "cpu")
    return Line(time_ns, *who, shown(text))


def _numbers(found: re.Match[str], *names: str) -> tuple[int, int, int]:
    first, second, third = (int(found[name]) for name in names)
    return first, second, third


def shown(text: str) -> str:
    """Cut what only perf's own print formats know off an event that has no entry in RENDERED."""
    event, _, _ = text.partition(": ")
    return text if event in RENDERED or event.startswith("PERF_RECORD") else event.rstrip(":")


def render(records: Iterable[Record]) -> list[Line]:
    """Say our records as SCRIPT would, sorted."""
    return sorted(line for record in records for line in _rendered(record))


def _rendered(record: Record) -> Iterator[Line]:
    match record:
        case Sample(time_ns, pid, tid, cpu, event, fields):
            trace = RENDERED[event](fields) if event in RENDERED else None
            text = event if trace is None else f"{event}: {trace}"
            yield Line(time_ns, pid, tid, cpu, re.sub(r"\s+", " ", text).strip())
        case Comm(time_ns, pid, tid, comm, is_exec):
            how = " exec" if is_exec else ""
            yield Line(time_ns, 0, 0, 0, f"PERF_RECORD_COMM{how}: {comm}:{pid}/{tid}")
        case Fork(time_ns, pid, ppid, tid, ptid):
            yield Line(time_ns, 0, 0, 0, f"PERF_RECORD_FORK({pid}:{tid}):({ppid}:{ptid})")
        case Exit(time_ns, pid, ppid, tid, ptid):
            yield Line(time_ns, 0, 0, 0, f"PERF_RECORD_EXIT({pid}:{tid}):({ppid}:{ptid})")
        case Lost(time_ns=time_ns, count=count, kind=LossKind.RING):
            yield Line(time_ns, 0, 0, 0, f"PERF_RECORD_LOST lost {count}")


def _states(value: object) -> str:
    """Name the bits of TASK_REPORT, then + for preempted."""
    assert isinstance(value, int)
    names = [name for bit, name in enumerate("SDTtXZPI") if value >> bit & 1]
    return ("|".join(names) or "R") + ("+" if value & 0x100 else "")


def _hex_list(values: object) -> str:
    assert isinstance(values, tuple)
    return ", ".join(format(value, "x") for value in values)


def _prev_state(fields: Mapping[str, object]) -> str:
    return _states(fields["prev_state"])


RENDERED: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    "kvm:kvm_pio": lambda f: (
        f"pio_{'write' if f['rw'] else 'read'} at {f['port']:#x} size {f['size']}"
        f" count {f['count']} val {f['val']:#x} {'(...)' if f['count'] != 1 else ''}"
    ),
    "kvm:kvm_entry": lambda f: f"vcpu {f['vcpu_id']}, rip {f['rip']:#x}",
    "kvm:kvm_fpu": lambda f: "load" if f["load"] else "unload",
    "sched:sched_process_exec": lambda f: (
        f"filename={f['filename']} pid={f['pid']} old_pid={f['old_pid']}"
    ),
    "sched:sched_process_fork": lambda f: (
        f"comm={f['parent_comm']} pid={f['parent_pid']}"
        f" child_comm={f['child_comm']} child_pid={f['child_pid']}"
    ),
    "sched:sched_waking": lambda f: (
        f"comm={f['comm']} pid={f['pid']} prio={f['prio']} target_cpu={f['target_cpu']:03d}"
    ),
    "sched:sched_switch": lambda f: (
        f"prev_comm={f['prev_comm']} prev_pid={f['prev_pid']} prev_prio={f['prev_prio']}"
        f" prev_state={_prev_state(f)} ==> next_comm={f['next_comm']}"
        f" next_pid={f['next_pid']} next_prio={f['next_prio']}"
    ),
    "raw_syscalls:sys_enter": lambda f: f"NR {f['id']} ({_hex_list(f['args'])})",
    "raw_syscalls:sys_exit": lambda f: f"NR {f['id']} = {f['ret']}",
}
"""By event: its fields, said as the kernel's print format says them."""
