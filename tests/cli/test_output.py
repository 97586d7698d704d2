"""What every command prints in one way."""

import subprocess
from pathlib import Path

import pytest

from qemu_boot_time.cli.output import typed


@pytest.mark.parametrize(
    "name", [b"plain", b"two words", b"it's", b"caf\xe9", b"it's\\\xe9 \n", "µ".encode()]
)
def test_a_path_can_be_pasted(name: bytes) -> None:
    """A shell makes the same bytes of it, and it is text that can be printed."""
    word = typed(Path(name.decode(errors="surrogateescape")))

    made = subprocess.run(("bash", "-c", f"printf %s {word}"), capture_output=True, check=True)

    assert name == made.stdout
    assert word.encode()
