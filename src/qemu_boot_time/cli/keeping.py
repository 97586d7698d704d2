"""What is left of a measurement that its disk had no room for."""

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence

from qemu_boot_time.errors import HostError, InputError
from qemu_boot_time.report.parts import counted
from qemu_boot_time.store.facts import ELSEWHERE, RunKind, RunWriter, read_facts
from qemu_boot_time.store.load import load_run

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


@contextlib.contextmanager
def telling_what_is_kept(
    writers: Sequence[RunWriter], shown_by: str, discard: Callable[[], None]
) -> Iterator[None]:
    """Where the disk takes no more: name the place, how many boots are kept, and what shows them.

    What has no boot is discarded. Raises HostError.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        trouble = f"{writers[0].directory}: {error.strerror}"
        kept = [_boots(writer) for writer in writers]
        if not any(kept):
            discard()
            raise HostError(f"{trouble}; no boot is kept", hint=ELSEWHERE) from error
        told = " and ".join(map(counted, kept))
        verb = "is" if kept == [1] else "are"
        raise HostError(
            f"{trouble}; {told} {verb} kept", hint=f"{shown_by}\n{ELSEWHERE}"
        ) from error


def _boots(writer: RunWriter) -> int:
    try:
        facts, boots = read_facts(writer.directory)
        if facts.kind is RunKind.RECORDED:
            return len(load_run(writer.directory).boots)
        return sum(boot.counts for boot in boots)
    except InputError:
        return 0
