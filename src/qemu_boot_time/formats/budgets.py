"""``budgets.toml``: what a run must keep to, kept beside what it measures."""

from pathlib import Path

import msgspec

from qemu_boot_time.errors import InputError, readable


class BudgetsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file; its conditions are text still."""

    baseline: str | None = None
    """A file or a run, relative to this file."""
    fail_if: tuple[str, ...] = ()
    require: tuple[str, ...] = ()


def read_budgets(path: Path) -> BudgetsFile:
    """Read the file. Raises InputError, which names the key that is not as it should be."""
    try:
        with readable(path):
            return msgspec.toml.decode(path.read_bytes(), type=BudgetsFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        known = ", ".join(BudgetsFile.__struct_fields__)
        raise InputError(f"{path}: {error}", hint=f"keys: {known}") from error
