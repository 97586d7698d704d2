"""What a test needs of this host: skip with a reason, or fail where QBT_REAL=1 says it must run."""

import os

import pytest


def require(condition: bool, reason: str) -> None:  # noqa: FBT001  # read as a sentence: require(x, "why")
    """Skip the test with ``reason`` unless ``condition``; fail instead under QBT_REAL=1."""
    if condition:
        return
    if os.environ.get("QBT_REAL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
