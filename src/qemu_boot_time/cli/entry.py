"""Where ``qbt`` starts: as little as possible, so that a Ctrl-C meets no import but under a handler."""

import os
import signal
from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Import the rest, and run it: a Ctrl-C until then ends us without a word."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, _leave)
    from qemu_boot_time.cli import main as rest

    rest.main(interruptible=interruptible)


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(_INTERRUPTED)
