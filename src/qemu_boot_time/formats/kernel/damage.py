"""What is raised where a kernel is not as it should be."""

import sys

from qemu_boot_time.errors import CorruptFileError, InputError

_HINT = "copy it again, or reinstall the package it is from: it is cut off or damaged"


class DamageError(Exception):
    """What is wrong with some bytes, found by somebody who does not know where they are from."""


def corrupt(file: str, offset: int, structure: str, trouble: str) -> CorruptFileError:
    """Make the error for what was found at that byte of the file."""
    return CorruptFileError(file, offset, structure, trouble, hint=_HINT)


def missing(file: str, what: str, module: str, package: str) -> InputError:
    """Make the error for a library that this kernel needs and this Python lacks."""
    return InputError(
        f"{file}: {what}, and the module {module} is missing",
        hint=f"{sys.executable} -m pip install {package}",
    )
