"""The table of symbols that a kernel has for itself, and keeps when it is stripped."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.kernel.damage import missing
from qemu_boot_time.formats.kernel.elf import MAGIC, Vmlinux
from qemu_boot_time.formats.kernel.symbols import CODE

_HEADERS_BYTES = 4096
"""What follows them stays aligned, as tables are."""
_HINT = "is it built with CONFIG_KALLSYMS? else give its System.map, or its vmlinux with symbols"


def find_kallsyms(data: bytes, vmlinux: Vmlinux, file: str) -> Iterator[tuple[str, int]]:
    """Give name and link address of the code that is in the kallsyms of a stripped vmlinux.

    Raises InputError where there is none.
    """
    finder = _finder(file)
    try:
        with _quiet():
            found = finder(_narrowed(data, vmlinux.rodata), bit_size=vmlinux.bits)
        named = tuple(zip(found.symbol_names, found.kernel_addresses, strict=True))
    except Exception as error:  # the library lets through whatever nonsense causes
        what = f"{file}: no table of symbols found in it ({type(error).__name__})"
        raise InputError(what, hint=_HINT) from error
    for text, address in named:
        if text[:1] in CODE:
            yield text[1:], address


def _narrowed(data: bytes, rodata: range) -> bytes:
    """Give the part that kallsyms is in (``.rodata``: scripts/kallsyms.c) behind the ELF headers.

    The library searches all that it gets, so a tenth of it takes a fourth of the time. Of the
    headers it wants where the kernel begins; without their magic it looks for no sections.
    """
    if not rodata:
        return data
    return bytes(len(MAGIC)) + data[len(MAGIC) : _HEADERS_BYTES] + data[rodata.start : rodata.stop]


def _finder(file: str) -> Any:
    try:
        from vmlinux_to_elf.core.kallsyms import KallsymsFinder
    except ImportError as absent:
        raise missing(
            file, "stripped, so that kallsyms is needed", "vmlinux_to_elf", "vmlinux-to-elf"
        ) from absent
    return KallsymsFinder


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from setting up logging to stderr, which its first line would do."""
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
