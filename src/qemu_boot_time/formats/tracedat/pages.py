"""The pages of one CPU, in the order of the file: a bounded number of them in memory."""

from collections.abc import Iterator
from typing import NamedTuple

from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat.contents import Buffer, CpuData
from qemu_boot_time.formats.tracedat.storage import Inflate, Storage, inflated

_READ_BYTES = 1 << 16
_BLOCK_HEADER_BYTES = 8


class RawPage(NamedTuple):
    """One page of the ring buffer."""

    offset: int
    """Where it lies in the file, in bytes; a compressed one: where its block lies."""
    data: bytes


def pages(storage: Storage, buffer: Buffer, place: CpuData, order: ByteOrder) -> Iterator[RawPage]:
    """Give the pages of one CPU; raise CorruptFileError after those that precede damage."""
    if buffer.inflate is None:
        blocks = _plain(storage, place, buffer.page_bytes)
    else:
        blocks = _compressed(storage, place, order, buffer.inflate)
    for block in blocks:
        for begin in range(0, len(block.data), buffer.page_bytes):
            at = 0 if buffer.inflate else begin
            yield RawPage(block.offset + at, block.data[begin : begin + buffer.page_bytes])


def _plain(storage: Storage, place: CpuData, page_bytes: int) -> Iterator[RawPage]:
    step = max(_READ_BYTES // page_bytes, 1) * page_bytes
    end = min(place.offset + place.size, storage.size)
    for offset in range(place.offset, end, step):
        size = min(step, end - offset)
        yield RawPage(offset, storage.read(offset, size, "pages"))
    if place.offset + place.size > storage.size:
        trouble = f"{place.size} bytes of CPU {place.cpu} in a file of {storage.size}"
        raise storage.corrupt(place.offset, "pages", trouble)


def _compressed(
    storage: Storage, place: CpuData, order: ByteOrder, inflate: Inflate
) -> Iterator[RawPage]:
    if not place.size:
        return
    count = storage.cursor(place.offset, "pages", order, size=4).u32()
    offset = place.offset + 4
    for _ in range(count):
        head = storage.cursor(offset, "pages", order, size=_BLOCK_HEADER_BYTES)
        size = _BLOCK_HEADER_BYTES + head.u32()
        block = inflated(storage.cursor(offset, "pages", order, size=size), inflate)
        yield RawPage(offset, block.data)
        offset += size
