"""The numbers of the format: include/uapi/linux/perf_event.h and tools/lib/perf/include/perf/event.h."""

from enum import IntEnum, IntFlag

MAGIC = b"PERFILE2"
MAGIC_OLD = b"PERFFILE"
FILE_HEADER_BYTES = 104
PIPE_HEADER_BYTES = 16
RECORD_HEADER_BYTES = 8

MISC_COMM_EXEC = 1 << 13
"""On a COMM record: the name changed through execve."""

TYPE_SOFTWARE = 1
TYPE_TRACEPOINT = 2
"""perf_event_attr.type of a tracepoint; config is its id."""
SOFTWARE_DUMMY = 9
"""perf_event_attr.config of the software event that never fires: for side-band records."""


class RecordType(IntEnum):
    """perf_event_header.type: below 64 written by the kernel, from there on by perf."""

    MMAP = 1
    LOST = 2
    COMM = 3
    EXIT = 4
    THROTTLE = 5
    UNTHROTTLE = 6
    FORK = 7
    READ = 8
    SAMPLE = 9
    MMAP2 = 10
    AUX = 11
    ITRACE_START = 12
    LOST_SAMPLES = 13
    SWITCH = 14
    SWITCH_CPU_WIDE = 15
    NAMESPACES = 16
    KSYMBOL = 17
    BPF_EVENT = 18
    CGROUP = 19
    TEXT_POKE = 20
    AUX_OUTPUT_HW_ID = 21
    HEADER_ATTR = 64
    HEADER_EVENT_TYPE = 65
    HEADER_TRACING_DATA = 66
    HEADER_BUILD_ID = 67
    FINISHED_ROUND = 68
    ID_INDEX = 69
    AUXTRACE_INFO = 70
    AUXTRACE = 71
    AUXTRACE_ERROR = 72
    THREAD_MAP = 73
    CPU_MAP = 74
    STAT_CONFIG = 75
    STAT = 76
    STAT_ROUND = 77
    EVENT_UPDATE = 78
    TIME_CONV = 79
    HEADER_FEATURE = 80
    COMPRESSED = 81
    FINISHED_INIT = 82
    COMPRESSED2 = 83
    """Since perf 6.16: the size of the compressed bytes as an u64, for header.size is an u16."""


class Sample(IntFlag):
    """perf_event_attr.sample_type: what a sample carries."""

    IP = 1 << 0
    TID = 1 << 1
    TIME = 1 << 2
    ADDR = 1 << 3
    READ = 1 << 4
    CALLCHAIN = 1 << 5
    ID = 1 << 6
    CPU = 1 << 7
    PERIOD = 1 << 8
    STREAM_ID = 1 << 9
    RAW = 1 << 10
    IDENTIFIER = 1 << 16


class ReadFormat(IntFlag):
    """perf_event_attr.read_format: what a READ inside a sample carries."""

    TOTAL_TIME_ENABLED = 1 << 0
    TOTAL_TIME_RUNNING = 1 << 1
    ID = 1 << 2
    GROUP = 1 << 3
    LOST = 1 << 4


class AttrFlag(IntFlag):
    """The bit field of perf_event_attr, as a little-endian kernel lays it out."""

    DISABLED = 1 << 0
    INHERIT = 1 << 1
    COMM = 1 << 9
    TASK = 1 << 13
    WATERMARK = 1 << 14
    SAMPLE_ID_ALL = 1 << 18
    COMM_EXEC = 1 << 24
    USE_CLOCKID = 1 << 25


class Feature(IntEnum):
    """The feature sections that matter here (tools/perf/util/header.h)."""

    TRACING_DATA = 1
    HOSTNAME = 3
    OSRELEASE = 4
    VERSION = 5
    CMDLINE = 11
    EVENT_DESC = 12
    CLOCK_DATA = 29
