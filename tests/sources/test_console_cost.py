"""What a guest's text costs: bytes counted, and timed where it was written without a pause."""

from collections.abc import Sequence

import pytest

from qemu_boot_time.sources.console.cost import remarks_on, texts_of
from qemu_boot_time.sources.console.patterns import Stream
from qemu_boot_time.sources.console.raw import Read

TTY = Stream.SERIAL


def written(*pieces: tuple[int, bytes], boot: int = 0, stream: Stream = TTY) -> list[Read]:
    """Give the reads of these pieces; a number is how many ns one took to come."""
    found, now_ns = [], 0
    for took_ns, data in pieces:
        found.append(Read(boot, stream, now_ns, now_ns + took_ns, data))
        now_ns += took_ns
    return found


def remarks(reads: Sequence[Read]) -> tuple[str, ...]:
    """Say it of these reads."""
    return tuple(remarks_on(texts_of(reads)))


def test_the_time_a_byte_is_that_within_lines() -> None:
    """A pause before a line is the guest's own, and not the console's."""
    line = [(9_000_000, b"a" * 16), (40_000, b"abc\n")]

    assert ("console: 1,000 bytes a boot, about 10.0 ms of it (10.0 us a byte, measured)",) == (
        remarks(written(*line * 50))
    )


def test_a_pause_within_a_line_is_an_outlier() -> None:
    """The median byte is believed, whatever the guest waited for once."""
    bursts = [(4_000, b"ab")] * 200

    (said,) = remarks(written((1, b"x"), *bursts, (3_000_000_000, b"late"), *bursts))

    assert "(2.0 us a byte, measured)" in said


def test_a_few_bytes_are_not_timed() -> None:
    """They are counted, and nothing is made up."""
    assert ("console: 6 bytes a boot, too few to say how long they took",) == remarks(
        written((1, b"abc"), (10, b"def"))
    )


def test_boots_and_streams_are_kept_apart() -> None:
    """The bytes are a boot's; where one boot ends the next one's gap is no burst."""
    one = written((1, b"x" * 300), boot=0)
    two = written((1, b"x" * 100), boot=1, stream=Stream.FIRMWARE)
    three = written((1, b"x" * 500), boot=2)

    few = "bytes a boot, too few to say how long they took"
    assert (
        f"firmware's text: 100 {few}; written because this source listens",
        f"console: 400 {few}",
    ) == remarks([*one, *two, *three])


def test_silence_costs_nothing() -> None:
    """And is not mentioned."""
    assert () == remarks([])


@pytest.mark.parametrize("count", [199, 200])
def test_how_many_are_few(count: int) -> None:
    """Two hundred bytes within lines are enough."""
    (said,) = remarks(written((1, b"x"), *[(1_000, b"a")] * count))

    assert (count == 200) == ("measured" in said)
