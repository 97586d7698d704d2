"""Signals that ask us to end, held back where an end would lose something."""

import contextlib
import signal
from collections.abc import Callable, Iterator

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Hold back the signals that ask us to end, until what is given is called or the block ends.

    Then they do what they would have done. Programs started meanwhile know nothing of it, for a
    handler ends with the exec (signal(7)); main thread only.
    """
    pending: list[int] = []
    usual = {number: signal.getsignal(number) for number in _ENDING}
    held = {number: handler for number, handler in usual.items() if handler is not None}
    for number in held:
        signal.signal(number, lambda number, _: pending.append(number))

    def release() -> None:
        while held:
            signal.signal(*held.popitem())
        while pending:
            signal.raise_signal(pending.pop(0))

    try:
        yield release
    finally:
        release()
