"""The kernel's initcalls, from its trace or from its log.

That is include/trace/events/initcall.h, or what ``initcall_debug`` writes (init/main.c).

::

    calling  inet_init+0x0/0x36a @ 1
    initcall inet_init+0x0/0x36a returned 0 after 5120 usecs
    calling  virtio_net_driver_init+0x0/0x1000 [virtio_net] @ 97

    swapper/0-1   [000] .....  1946171578: initcall_start: func=inet_init+0x0/0x36a
    swapper/0-1   [000] .....  1946420320: initcall_finish: func=inet_init+0x0/0x36a ret=0

The trace's stamps are of the TSC, which counts from the guest's first instruction; the log's clock
loses time before the kernel trusts its TSC. Several calls may be under way at once: modules are
loaded by several processes.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from qemu_boot_time.formats.kmsg import Record

_CALLING = re.compile(r"calling  (\S+)(?: \[(\S+)\])? @ (\d{1,10})", re.ASCII)
_RETURNED = re.compile(
    r"initcall (\S+)(?: \[(\S+)\])? returned (-?\d{1,10}) after (\d{1,15}) usecs.*",
    re.ASCII,
)
_TRACED = re.compile(
    r".*-(\d{1,10}) +\[\d+\] \S+ +(\d{1,19}): initcall_(start|finish): "
    r"func=(\S+)(?: \[(\S+)\])?(?: ret=-?\d{1,10})?",
    re.ASCII,
)
_OFFSET = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+$")
_NS_PER_US = 1000


class Initcall(NamedTuple):
    """One call; times on the log's clock, or those of a trace in cycles of the TSC."""

    name: str
    """Of the function."""
    module: str
    """Empty: it is part of the kernel."""
    begin: int
    end: int | None
    """None: it had not returned when the log ended."""


def initcalls(records: Iterable[Record]) -> Iterator[Initcall]:
    """Give the initcalls in the order in which they returned, then those that had not.

    Where the line that tells of the beginning is lost, it is the end less the kernel's own count,
    which older kernels round down by up to 2.4 % (it is nanoseconds shifted by ten bits).
    """
    open_calls: dict[tuple[str, str], int] = {}
    for record in records:
        if called := _CALLING.fullmatch(record.text):
            open_calls[called[1], called[2] or ""] = record.time_ns
        elif done := _RETURNED.fullmatch(record.text):
            place = (done[1], done[2] or "")
            counted_ns = int(done[4]) * _NS_PER_US
            begin_ns = open_calls.pop(place, record.time_ns - counted_ns)
            yield Initcall(_OFFSET.sub("", place[0]), place[1], begin_ns, record.time_ns)
    for (name, module), begin in open_calls.items():
        yield Initcall(_OFFSET.sub("", name), module, begin, None)


def traced_initcalls(lines: Iterable[str], log: Iterable[Record] = ()) -> Iterator[Initcall]:
    """Give the initcalls of a trace in cycles of the TSC, in the order of :func:`initcalls`.

    A trace is put into words when it is read: by then the code of a module's initcall may be gone, and its
    address another module's. The ``log`` names the same calls, in each process in the same order; where it has
    more or fewer of a process the trace's own words must do.
    """
    events = [found for found in map(_TRACED.fullmatch, lines) if found]
    begun = Counter(found[1] for found in events if found[3] == "start")
    called = {process: c for process, c in _called(log).items() if len(c) == begun[process]}
    open_calls: defaultdict[str, list[Initcall]] = defaultdict(list)
    for found in events:
        process, cycles = found[1], int(found[2])
        if found[3] == "start":
            own = (found[4], found[5] or "")
            name, module = called[process].popleft() if process in called else own
            open_calls[process].append(Initcall(_OFFSET.sub("", name), module, cycles, None))
        elif open_calls[process]:
            yield open_calls[process].pop()._replace(end=cycles)
    for calls in open_calls.values():
        yield from calls


def _called(log: Iterable[Record]) -> Mapping[str, deque[tuple[str, str]]]:
    """Give the calls of each process by name, in their order."""
    called: defaultdict[str, deque[tuple[str, str]]] = defaultdict(deque)
    for found in filter(None, (_CALLING.fullmatch(record.text) for record in log)):
        called[found[3]].append((found[1], found[2] or ""))
    return called
