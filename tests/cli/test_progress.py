"""What a person sees of a measurement that goes on."""

import pytest

from qemu_boot_time.cli.progress import Progress
from qemu_boot_time.model import Boot, Outcome


def test_boots_are_counted_from_one(capsys: pytest.CaptureFixture[str]) -> None:
    """As in the table; so are warm-up boots, which have a count of their own."""
    progress = Progress(2, 1, verbose=True)

    for index in (-1, 0, 1):
        progress.ended(Boot(index, 1, Outcome.REACHED))

    assert ["warm-up 1 of 1", "boot 1 of 2", "boot 2 of 2"] == capsys.readouterr().err.splitlines()
