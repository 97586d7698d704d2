"""Signals that are held back."""

import signal

import pytest

from qemu_boot_time.process.signals import deferred_signals


def test_a_signal_waits_until_it_is_let_go() -> None:
    """What is done in between is done whole; then it is as if it had just come."""
    done: list[str] = []

    def work() -> None:
        with deferred_signals() as release:
            signal.raise_signal(signal.SIGINT)
            done.append("begun")
            release()
            done.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert ["begun"] == done


def test_the_end_of_the_block_lets_it_go() -> None:
    """Nobody has to ask."""
    done: list[str] = []

    def work() -> None:
        with deferred_signals():
            signal.raise_signal(signal.SIGINT)
            done.append("begun")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert ["begun"] == done


def test_handlers_are_as_they_were() -> None:
    """With a signal and without."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]

    with deferred_signals():
        assert before != [signal.getsignal(number) for number in numbers]

    assert before == [signal.getsignal(number) for number in numbers]
