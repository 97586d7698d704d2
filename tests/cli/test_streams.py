"""Standard error that cannot be written: nothing else changes."""

from pathlib import Path

import pytest

from qbt_process import World
from runs import make_run


@pytest.mark.parametrize(
    ("words", "status"),
    [(("list",), 0), (("show", "nowhere"), 3), (("frobnicate",), 2), (("show", "run"), 0)],
)
def test_a_full_disk_below_standard_error(
    words: tuple[str, ...], status: int, tmp_path: Path
) -> None:
    """Notes are lost, errors keep their status, and what was asked for is printed."""
    make_run(tmp_path / "run")

    with Path("/dev/full").open("w") as full:
        done = World(tmp_path, tmp_path).qbt(*words, stderr=full)

    assert (status, words == ("show", "run")) == (done.status, "kernel" in done.stdout)
