"""Recordings on disk: their facts, and their records merged by time."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.formats.tracedat.contents import Buffer, CpuData, read_start
from qemu_boot_time.formats.tracedat.decoder import Described, PageDecoder
from qemu_boot_time.formats.tracedat.header import Header
from qemu_boot_time.formats.tracedat.pages import RawPage, pages
from qemu_boot_time.formats.tracedat.records import Record
from qemu_boot_time.formats.tracedat.ring import PageError
from qemu_boot_time.formats.tracedat.storage import Storage, opened
from qemu_boot_time.formats.tracedat.version6 import read_version6
from qemu_boot_time.formats.tracedat.version7 import read_version7
from qemu_boot_time.formats.tracing import FieldError

_VERSIONS = {6: read_version6, 7: read_version7}


class Recording:
    """One recording: its facts, and its records as often as one likes. Nothing is kept open."""

    def __init__(self, path: Path, wanted: Collection[str] | None) -> None:
        self.path = path
        with opened(path) as storage:
            start = read_start(storage)
            self._contents = _VERSIONS[start.version](storage, start)
        self._order = start.order
        described = Described(
            self._contents.layout,
            self._contents.formats,
            self._contents.comms,
            self._contents.header.scale.time_ns,
        )
        self._decoder = PageDecoder(described, str(path), wanted)

    @property
    def header(self) -> Header:
        """What the recording says about itself."""
        return self._contents.header

    @property
    def events(self) -> tuple[str, ...]:
        """The events that the recording describes: those recorded, wanted or not, and ftrace's."""
        return tuple(event.full_name for event in self._contents.formats.values())

    @property
    def comms(self) -> Mapping[int, str]:
        """What ftrace remembered threads to be called, by thread id."""
        return self._contents.comms

    @property
    def buffers(self) -> Mapping[str, str]:
        """Its ring buffers: name (the top one's is empty) to clock."""
        return {buffer.name: buffer.clock for buffer in self._contents.buffers}

    @property
    def unknown(self) -> Counter[int]:
        """Events that the last walk skipped because the recording does not describe them, by id."""
        return self._decoder.unknown

    def records(self) -> Iterator[Record]:
        """Give all records in the order of their times, equal ones in that of their CPUs.

        Where a CPU's pages are damaged, those of the other CPUs are still given; then the first
        damage is raised as CorruptFileError. Raises InputError where the events' formats are such
        that they cannot be read.
        """
        self.unknown.clear()
        damages: list[CorruptFileError] = []
        with opened(self.path) as storage:
            streams = [
                self._guarded(storage, buffer, place, damages)
                for buffer in self._contents.buffers
                for place in buffer.cpus
            ]
            yield from heapq.merge(*streams, key=_time)
        if damages:
            raise damages[0]

    def _guarded(
        self, storage: Storage, buffer: Buffer, place: CpuData, damages: list[CorruptFileError]
    ) -> Iterator[Record]:
        try:
            for page in pages(storage, buffer, place, self._order):
                yield from self._of_page(storage, page, place.cpu, buffer.name)
        except CorruptFileError as error:
            damages.append(error)

    def _of_page(self, storage: Storage, raw: RawPage, cpu: int, buffer: str) -> Iterator[Record]:
        try:
            yield from self._decoder.records(raw.data, cpu=cpu, buffer=buffer)
        except (PageError, FieldError) as error:
            raise storage.corrupt(raw.offset, f"page of CPU {cpu}", str(error)) from error


def _time(record: Record) -> int:
    return record.time_ns


def open_recording(path: Path, *, wanted: Collection[str] | None = None) -> Recording:
    """Open a trace.dat of file version 6 or 7.

    ``wanted`` names the events that are given (None: all). Raises InputError where it cannot be
    read or is something else, CorruptFileError where what precedes its pages is damaged.
    """
    return Recording(path, wanted)
