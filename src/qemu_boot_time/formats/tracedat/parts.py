"""A recording in parts, each only ever appended to, and the trace.dat that they make.

::

    head        the kernel's own texts on pages and events: a trace.dat without CPUs
    clock       tracefs ``trace_clock``
    comms       lines of a thread id and its name; the last one counts
    cpuN.pages  what ``per_cpu/cpuN/trace_pipe_raw`` gave, page after page; no file: nothing

What is there after a SIGKILL is a whole recording. ``trace-cmd restore -i head cpu0.pages ...``
reads it too.
"""

import re
import shutil
import struct
from itertools import accumulate
from pathlib import Path

from qemu_boot_time.errors import readable
from qemu_boot_time.formats.tracedat.abi import MISSED_EVENTS, MISSED_STORED, Option
from qemu_boot_time.formats.tracedat.contents import read_start
from qemu_boot_time.formats.tracedat.storage import opened
from qemu_boot_time.formats.tracing_data import TracingFiles, sized, tracing_data

HEAD, CLOCK, COMMS = "head", "clock", "comms"
PAGES = "cpu{}.pages"
_PAGES = re.compile(r"cpu(\d{1,4})\.pages")
_VERSION = "6"
_NO_SYMBOLS = struct.pack("<II", 0, 0)
"""Neither the kernel's nor those of its printk formats."""
_NO_NAMES = sized(b"")
_PAGE_HEADER = struct.Struct("<QQQ")


def head(files: TracingFiles, *, page_bytes: int) -> bytes:
    """Give the part that is written first."""
    return tracing_data(files, _VERSION, page_bytes=page_bytes) + _NO_SYMBOLS + _NO_NAMES


def lost_page(time_ns: int, events: int, *, page_bytes: int) -> bytes:
    """Say, as the kernel does in its next page, that events were lost."""
    flags = MISSED_EVENTS | MISSED_STORED
    return _PAGE_HEADER.pack(time_ns, flags, events).ljust(page_bytes, b"\0")


def assemble(parts: Path, into: Path) -> None:
    """Make the trace.dat of a directory of parts; a page that was cut short is left out.

    Raises InputError where a part is missing.
    """
    with opened(parts / HEAD) as storage:
        page_bytes = read_start(storage).page_bytes
    files = {int(m[1]): f for f in parts.iterdir() if (m := _PAGES.fullmatch(f.name))}
    names = [PAGES.format(cpu) for cpu in range(max(files, default=0) + 1)]
    sizes = [file.stat().st_size if (file := parts / name).exists() else 0 for name in names]
    whole = [size // page_bytes * page_bytes for size in sizes]
    start, clock = _start(parts, cpus=len(names)), sized(_bytes(parts / CLOCK))
    first = _aligned(len(start) + 16 * len(names) + len(clock), page_bytes)
    begins = list(accumulate((_aligned(size, page_bytes) for size in sizes), initial=first))
    table = b"".join(struct.pack("<QQ", *each) for each in zip(begins, whole, strict=False))
    with into.open("wb") as joined:
        joined.write(start + table + clock)
        for cpu, file in files.items():
            joined.seek(begins[cpu])
            with file.open("rb") as pages:
                shutil.copyfileobj(pages, joined)


def _start(parts: Path, *, cpus: int) -> bytes:
    """Give all that precedes the table of the CPUs' pages."""
    clock = _bytes(parts / CLOCK)
    option = struct.pack("<HI", Option.TRACECLOCK, len(clock)) + clock
    named = _bytes(parts / HEAD).removesuffix(_NO_NAMES) + sized(_bytes(parts / COMMS))
    counted = named + struct.pack("<I", cpus)
    return counted + b"options  \0" + option + struct.pack("<H", Option.DONE) + b"flyrecord\0"


def _aligned(size: int, page_bytes: int) -> int:
    return size + -size % page_bytes


def _bytes(part: Path) -> bytes:
    with readable(part, hint="the recording is not whole"):
        return part.read_bytes()
