"""What a test needs of this host: skip with a reason, or fail where QBT_REAL=1 says it must run."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def require(condition: bool, reason: str) -> None:  # noqa: FBT001  # read as a sentence: require(x, "why")
    """Skip the test with ``reason`` unless ``condition``; fail instead under QBT_REAL=1."""
    if condition:
        return
    if os.environ.get("QBT_REAL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def kvm_to_itself() -> Iterator[None]:
    """Keep VMs under KVM of other test processes away: their marks would be in our recorders' rings.

    `make test` runs two beside each other.
    """
    with (Path(tempfile.gettempdir()) / "qbt-tests-kvm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
