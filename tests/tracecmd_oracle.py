"""What trace-cmd itself says of a recording, and the same said by our reader, as comparable lines."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from qemu_boot_time.formats.tracedat import Lost, Record, TraceEvent

REPORT = ("trace-cmd", "report", "-t", "-R", "-i")
"""The command whose output :func:`parse` reads: ns, and all fields; the file's name follows."""

_EVENT = re.compile(
    r"(?:(?P<buffer>\S+):)?\s*(?P<comm>\S.*)-(?P<tid>\d+)\s+\[(?P<cpu>\d+)\]\s*"
    r"(?P<time>\d+(?:\.\d{9})?): (?P<event>\w+):\s*(?P<fields>.*)"
)
_DROPPED = re.compile(
    r"(?:(?P<buffer>\S+):)?\s*CPU:(?P<cpu>\d+) \[(?P<events>\d+ )?EVENTS DROPPED\]"
)
_FIELD = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")


class Line(NamedTuple):
    """One record as ``trace-cmd report`` tells it."""

    buffer: str
    cpu: int
    what: str
    """The event, or how many were dropped."""
    time_ns: int = 0
    """0: dropped events have none."""
    comm: str = ""
    tid: int = 0
    fields: tuple[tuple[str, int | str], ...] = ()


def parse(report: str) -> list[Line]:
    """Parse what REPORT printed, in its order."""
    return [line for text in report.splitlines() for line in _parsed(text)]


def _parsed(text: str) -> Iterator[Line]:
    if dropped := _DROPPED.match(text):
        events = (dropped["events"] or "").strip()
        yield Line(dropped["buffer"] or "", int(dropped["cpu"]), _dropped(events))
    elif event := _EVENT.fullmatch(text.rstrip()):
        yield Line(
            event["buffer"] or "",
            int(event["cpu"]),
            event["event"],
            int(event["time"].replace(".", "")),
            event["comm"].strip(),
            int(event["tid"]),
            tuple((name, _value(value)) for name, value in _FIELD.findall(event["fields"])),
        )


def render(records: Iterable[Record]) -> list[Line]:
    """Say our records as REPORT would, in their order."""
    return [_rendered(record) for record in records]


def _rendered(record: Record) -> Line:
    match record:
        case Lost():
            return Line(record.buffer, record.cpu, _dropped(str(record.events or "")))
        case TraceEvent():
            return Line(
                record.buffer,
                record.cpu,
                record.event.partition(":")[2],
                record.time_ns,
                record.comm or "<...>",
                record.tid,
                tuple((name, _value(str(value))) for name, value in record.fields.items()),
            )


def _dropped(events: str) -> str:
    return f"{events or 'some'} dropped"


def _value(text: str) -> int | str:
    """Read a number, whatever its base: trace-cmd has it from the event's print format."""
    try:
        return int(text, 0)
    except ValueError:
        return text
