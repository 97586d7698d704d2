"""A process between us and a program of somebody else's: what that leaves behind is never ours.

Orphans go to the nearest ancestor that adopts them (prctl(2)), which is the keeper. Whoever waits for our own
children does not meet them, and the CPU time that they took is with the keeper until that is reaped.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from qemu_boot_time.process import signal_group
from qemu_boot_time.process.descendants import adopt_orphans, end_left_behind

_RUN = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from qemu_boot_time.process.keeper import main; main(sys.argv[2:])"
)
HEARD = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD})
"""What it waits for: whoever starts it has it begin with these blocked, or they may come too early."""
_IGNORED_BY_US = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT)
"""What Python ignores, and what a shell has its background jobs ignore: a program of others should not."""


def kept(argv: Sequence[str]) -> tuple[str, ...]:
    """Give the command that runs ``argv`` below a keeper, in a process group of its own.

    SIGINT goes on to that group. The keeper ends when the program has, or at SIGTERM, and kills what is left by then.
    """
    root = Path(__file__).parents[2]
    return (sys.executable, "-I", "-S", "-c", _RUN, str(root), *argv)


def main(argv: list[str]) -> None:
    """Be the keeper."""
    adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        pid = os.posix_spawnp(
            argv[0], argv, os.environ, setpgroup=0, setsigmask=(), setsigdef=_IGNORED_BY_US
        )
    except OSError as error:
        sys.exit(f"{argv[0]}: cannot be started: {error.strerror}")
    while not _reaped(pid) and (number := signal.sigwait(HEARD)) is not signal.SIGTERM:
        if number is signal.SIGINT:
            signal_group(pid, signal.SIGINT)
    end_left_behind(())


def _reaped(pid: int) -> bool:
    """Reap all that have ended; say whether ``pid`` is among them."""
    ended = 0
    while ended != pid and (ended := os.waitpid(-1, os.WNOHANG)[0]):
        pass
    return ended == pid
