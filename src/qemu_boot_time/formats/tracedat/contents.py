"""What both file versions hold, and how the begin of a file tells which it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import ByteOrder, Cursor
from qemu_boot_time.formats.tracedat.abi import MAGIC
from qemu_boot_time.formats.tracedat.header import Header
from qemu_boot_time.formats.tracedat.ring import Layout, read_layout
from qemu_boot_time.formats.tracedat.storage import Inflate, Storage
from qemu_boot_time.formats.tracing import EventFormat, Formats, read_events

_START_BYTES = 4096
_VERSIONS = ("6", "7")
_MOST_DIGITS = 10
_PAGE_BYTES = range(64, (1 << 24) + 1)
MOST_CPUS = 1 << 16
"""Linux has at most 8192."""


@dataclass(frozen=True, slots=True)
class Start:
    """The begin of a file."""

    version: int
    order: ByteOrder
    page_bytes: int
    rest: Cursor
    """Behind it."""


@dataclass(frozen=True, slots=True)
class CpuData:
    """Where the pages of one CPU lie, in bytes of the file."""

    cpu: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """One ring buffer: the top one, or an instance (``trace-cmd record -B``)."""

    name: str
    """Empty: the top one."""
    clock: str
    page_bytes: int
    cpus: tuple[CpuData, ...]
    inflate: Inflate | None = None
    """None: its pages are not compressed."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A recording without its pages."""

    header: Header
    layout: Layout
    formats: Formats
    comms: dict[int, str] = field(default_factory=dict)
    """What ftrace remembered threads to be called."""
    buffers: tuple[Buffer, ...] = ()


def read_start(storage: Storage) -> Start:
    """Read the begin of a file; raise InputError where it is no trace.dat that this can read."""
    rest = storage.cursor(0, "header", "<", size=_START_BYTES)
    if rest.data[: len(MAGIC)] != MAGIC:
        raise InputError(f"{storage.file}: no trace.dat", hint="trace-cmd record writes one")
    rest.take(len(MAGIC))
    version = rest.c_string()
    if version not in _VERSIONS:
        raise InputError(
            f"{storage.file}: a trace.dat of version {version[:20]!r}; 6 and 7 are known here",
            hint=f"trace-cmd convert --file-version 7 -i {storage.file} -o other.dat",
        )
    rest.order = ">" if rest.u8() else "<"
    rest.u8()  # the bytes of a long of user space: header_page tells the kernel's
    page_bytes = checked_page_bytes(rest)
    return Start(int(version), rest.order, page_bytes, rest)


def checked_page_bytes(cursor: Cursor) -> int:
    """Read the size of pages."""
    size = cursor.u32()
    if size not in _PAGE_BYTES:
        raise cursor.corrupt(f"pages of {size} bytes")
    return size


def read_page_layout(cursor: Cursor) -> Layout:
    """Read the kernel's texts on pages and entries."""
    page, entry = (_kernel_text(cursor, name) for name in ("header_page", "header_event"))
    return read_layout(page, entry, cursor.order)


def _kernel_text(cursor: Cursor, name: str) -> str:
    if cursor.c_string() != name:
        raise cursor.corrupt(f"no {name}")
    return cursor.take(cursor.u64()).decode(errors="replace")


def read_ftrace_formats(cursor: Cursor) -> dict[int, EventFormat]:
    """Read the formats of ftrace's own events (``ftrace:print``, ``ftrace:function``)."""
    return {event.id: event for event in read_events(cursor, "ftrace")}


def read_comms(cursor: Cursor) -> dict[int, str]:
    """Read tracefs ``saved_cmdlines``: a thread id and its name on each line."""
    text = cursor.take(cursor.u64()).decode(errors="backslashreplace")
    lines = (line.split(" ", 1) for line in text.strip("\0").splitlines())
    return dict(_numbered(lines)) | {0: "<idle>"}


def _numbered(lines: Iterable[list[str]]) -> Iterator[tuple[int, str]]:
    for tid, *comm in lines:
        if comm and tid.isdecimal() and len(tid) <= _MOST_DIGITS:
            yield int(tid), comm[0]


def latency_error(file: str) -> InputError:
    """Make the error for what holds no events."""
    return InputError(
        f"{file}: the text of a latency tracer instead of events",
        hint="trace-cmd record -e kvm -e sched:sched_process_exec, without -p",
    )
