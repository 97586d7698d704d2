"""The ring that the kernel writes an event's records to, mapped into our memory."""

import mmap

_HEAD, _TAIL = 1024 // 8, 1032 // 8
"""``data_head`` and ``data_tail`` of struct perf_event_mmap_page, in words."""


class Ring:
    """A ring of ``pages`` (a power of two) pages of data. Raises OSError where it may not be had.

    The kernel moves the head, we move the tail, both only ever grow. That a record is seen once the
    head says so, and its room is given back after it was copied, is the order in which x86 loads and
    stores anyway; each word is read and written in one piece (``memoryview`` copies it whole).
    """

    def __init__(self, descriptor: int, *, pages: int) -> None:
        self._map = mmap.mmap(descriptor, (1 + pages) * mmap.PAGESIZE)
        self._view = memoryview(self._map)
        self._words = self._view[: mmap.PAGESIZE].cast("Q")
        self._data = self._view[mmap.PAGESIZE :]

    def take(self) -> bytes:
        """Give the records that were written since the last time, and their room back."""
        head, tail = self._words[_HEAD], self._words[_TAIL]
        size = len(self._data)
        begin = tail % size
        end = begin + head - tail
        taken = bytes(self._data[begin:end])
        if end > size:
            taken += bytes(self._data[: end - size])
        self._words[_TAIL] = head
        return taken

    def close(self) -> None:
        """Unmap it."""
        for view in (self._words, self._data, self._view):
            view.release()
        self._map.close()
