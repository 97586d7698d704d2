"""A /proc and /sys made of plain files, for states of a host that cannot be provoked."""

from collections.abc import Mapping
from pathlib import Path


def fake_host(root: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` (path below the root to content) and give the root."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return root
