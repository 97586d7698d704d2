"""Work that is done once for the same value."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from qemu_boot_time.stats.once import once


def test_the_same_value_is_worked_on_once() -> None:
    """Whoever asks again is given what was made."""
    asked = []

    @once
    def length(values: tuple[int, ...]) -> list[int]:
        asked.append(values)
        return [len(values)]

    values = (1, 2)
    first, again = length(values), length(values)

    assert [2] == first
    assert first is again
    assert 1 == len(asked)


def test_an_equal_value_is_another_one() -> None:
    """Nobody looks whether 10,000 boots are equal."""
    asked = []

    @once
    def noted(values: list[int]) -> None:
        asked.append(values)

    for values in ([1], [1]):
        noted(values)

    assert [[1], [1]] == asked


def test_of_several_values_each_counts() -> None:
    """In its place."""
    first, second = object(), object()

    @once
    def pair(one: object, other: object) -> tuple[object, object]:
        return one, other

    assert (first, second) == pair(first, second)
    assert (second, first) == pair(second, first)


def test_who_asks_meanwhile_waits() -> None:
    """Two threads that ask at once are given one answer."""
    asked = []

    @once
    def slow(value: object) -> object:
        asked.append(value)
        time.sleep(0.05)
        return object()

    value = object()
    with ThreadPoolExecutor(max_workers=2) as threads:
        first, second = threads.map(slow, [value, value])

    assert first is second
    assert 1 == len(asked)


def test_what_is_raised_is_raised_again() -> None:
    """A work that can be done once is not begun anew."""
    asked = []

    @once
    def broken(value: object) -> None:
        asked.append(value)
        raise ValueError("no such thing")

    value = object()
    for _ in range(2):
        with pytest.raises(ValueError, match="no such thing"):
            broken(value)

    assert [value] == asked
