"""The one exception tree: what went wrong, what to do next, which exit status."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path


class ExitStatus(IntEnum):
    """What ``qbt`` tells the shell (DESIGN.md, "What a person types")."""

    DONE = 0
    """Done."""
    NO = 1
    """The answer is no: slower, over budget, host unfit."""
    USAGE = 2
    """An unknown option, a missing argument, a command that cannot be measured."""
    BAD_INPUT = 3
    """A file that is missing, unreadable or corrupt."""
    BOOT_FAILED = 4
    """At least one boot failed."""
    CANNOT = 5
    """This host cannot do it."""


class QbtError(Exception):
    """Something a person can act on.

    ``what`` is one line that names the thing and the trouble; ``hint`` is the next step, ready to
    paste where there is one.
    """

    status = ExitStatus.CANNOT

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(QbtError):
    """The command line asks for what makes no sense."""

    status = ExitStatus.USAGE


class InputError(QbtError):
    """A file that cannot be read as what it should be."""

    status = ExitStatus.BAD_INPUT


class CorruptFileError(InputError):
    """Bytes that break their format: file, offset in bytes, the structure being read."""

    def __init__(
        self, file: str, offset: int, structure: str, trouble: str, *, hint: str = ""
    ) -> None:
        super().__init__(f"{file}: {structure} at byte {offset}: {trouble}", hint=hint)
        self.file = file
        self.offset = offset
        self.structure = structure


class BootError(QbtError):
    """A virtual machine that did not boot."""

    status = ExitStatus.BOOT_FAILED


class HostError(QbtError):
    """Something this host lacks: a program, a right, a device."""

    status = ExitStatus.CANNOT


class ProgramError(HostError):
    """A program that was started, and failed.

    ``returncode`` as in :mod:`subprocess` (negative: killed by that signal, None: past its
    deadline), ``output`` the end of what it wrote.
    """

    def __init__(
        self, what: str, *, returncode: int | None, output: str = "", hint: str = ""
    ) -> None:
        super().__init__(what, hint=hint)
        self.returncode = returncode
        self.output = output


@contextmanager
def readable(file: Path, *, hint: str = "") -> Iterator[None]:
    """Read a file in this block: where the system does not let us, InputError names it."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}", hint=hint) from error
