"""Work that several files of one report ask for, done once: of the same value comes the same again."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache, wraps
from threading import Lock
from typing import Any, TypeVar

_MOST = 8
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, eq=False)
class _Itself:
    """A value that is equal to itself alone: to look whether 10,000 boots are equal takes too long."""

    value: Any

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value


def once(make: Callable[..., _Made]) -> Callable[..., _Made]:
    """Keep what ``make`` gives for the last values that it was given, by their identity.

    It takes values that nobody changes, in their places, and so must be what it gives. Who asks while
    another thread makes it waits for that. What it raises is kept as well.
    """
    one_at_a_time = Lock()

    @lru_cache(maxsize=_MOST)
    def made(*values: _Itself) -> Future[_Made]:
        found: Future[_Made] = Future()
        try:
            found.set_result(make(*(each.value for each in values)))
        except Exception as error:  # noqa: BLE001  # whoever asks is told of it
            found.set_exception(error)
        return found

    @wraps(make)
    def kept(*values: Any) -> _Made:
        with one_at_a_time:
            found = made(*map(_Itself, values))
        return found.result()

    return kept
