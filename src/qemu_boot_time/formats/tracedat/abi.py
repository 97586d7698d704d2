"""Numbers of trace.dat: trace-cmd.dat.v6(5), trace-cmd.dat.v7(5), and Linux' ring buffer."""

from enum import IntEnum

MAGIC = b"\x17\x08\x44tracing"
"""What every trace.dat begins with; the version follows, as text."""

SECTION_COMPRESSED = 1
"""Flag of a section of file version 7."""


class Option(IntEnum):
    """An option's id, which is also the id of the section that it points to."""

    DONE = 0
    """Version 7: where the next options are, and the id of sections of options."""
    DATE = 1
    CPUSTAT = 2
    BUFFER = 3
    TRACECLOCK = 4
    UNAME = 5
    OFFSET = 7
    CPUCOUNT = 8
    VERSION = 9
    TRACEID = 11
    TIME_SHIFT = 12
    GUEST = 13
    TSC2NSEC = 14
    HEADER_INFO = 16
    FTRACE_EVENTS = 17
    EVENT_FORMATS = 18
    CMDLINES = 21
    BUFFER_TEXT = 22


class Kind(IntEnum):
    """``type_len`` of a ring buffer entry (include/linux/ring_buffer.h).

    Up to DATA_MAX it is the size of an event's data in words; 0: the next word tells the size.
    """

    DATA_MAX = 28
    PADDING = 29
    TIME_EXTEND = 30
    TIME_STAMP = 31


DELTA_BITS = 27
"""Of ``time_delta``; ``type_len`` has the other 5 of a word."""
COMMIT_MASK = (1 << 27) - 1
MISSED_EVENTS = 1 << 31
"""Flag in a page's ``commit``: events were lost before this page (kernel/trace/ring_buffer.c)."""
MISSED_STORED = 1 << 30
"""Flag beside it: their number follows the page's data."""
