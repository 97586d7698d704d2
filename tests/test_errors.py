"""The exception tree: what went wrong, what to do next, which exit status."""

from pathlib import Path

import pytest

from qemu_boot_time import errors
from qemu_boot_time.errors import (
    CorruptFileError,
    ExitStatus,
    InputError,
    ProgramError,
    QbtError,
    readable,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("UsageError", 2),
        ("InputError", 3),
        ("BootError", 4),
        ("HostError", 5),
    ],
)
def test_every_error_has_its_exit_status(kind: str, status: int) -> None:
    """The statuses are those of the manual."""
    error = getattr(errors, kind)("it broke", hint="mend it")

    assert (status, "it broke", "mend it", "it broke") == (
        error.status,
        error.what,
        error.hint,
        str(error),
    )


def test_a_corrupt_file_names_the_byte() -> None:
    """File, structure, offset and trouble are one line; it is bad input."""
    error = CorruptFileError("perf.data", 104, "attr", "cut short")

    assert "perf.data: attr at byte 104: cut short" == error.what
    assert (104, "attr", ExitStatus.BAD_INPUT) == (error.offset, error.structure, error.status)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With the system's reason; whatever else goes wrong meanwhile is not its doing."""
    with pytest.raises(InputError) as missing, readable(tmp_path / "gone", hint="qbt list"):
        (tmp_path / "gone").read_bytes()
    with pytest.raises(ZeroDivisionError), readable(tmp_path):
        _ = 1 // 0

    assert f"{tmp_path}/gone: No such file or directory" == missing.value.what
    assert "qbt list" == missing.value.hint


def test_a_program_error_keeps_what_it_wrote() -> None:
    """How it ended and its last words are there for whoever asks."""
    error = ProgramError("make: exit status 2", returncode=2, output="no rule")

    assert (2, "no rule", ExitStatus.CANNOT) == (error.returncode, error.output, error.status)


def test_all_errors_can_be_told() -> None:
    """Whatever is raised on purpose is one tree, so that the command line catches it."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]

    others = [
        kind for kind in kinds if issubclass(kind, Exception) and not issubclass(kind, QbtError)
    ]
    assert ([], 7) == (others, sum(issubclass(kind, QbtError) for kind in kinds))
