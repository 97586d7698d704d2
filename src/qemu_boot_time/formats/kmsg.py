"""The kernel's log as ``/dev/kmsg`` gives it (Documentation/ABI/testing/dev-kmsg).

``priority,sequence,microseconds,flags[,...];text``, one record a line; lines that begin with a
space belong to the record before.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_RECORD = re.compile(r"\d{1,10},\d{1,20},(\d{1,18}),[^;]*;(.*)", re.ASCII)
_NS_PER_US = 1000


class Record(NamedTuple):
    """One message."""

    time_ns: int
    """On the log's own clock, cut to the microsecond."""
    text: str


def records(lines: Iterable[str]) -> Iterator[Record]:
    """Read records; a line that is none is left out."""
    for line in lines:
        if found := _RECORD.fullmatch(line):
            yield Record(int(found[1]) * _NS_PER_US, found[2])
