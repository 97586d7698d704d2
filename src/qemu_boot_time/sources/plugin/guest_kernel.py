"""Which kernel a command boots, and where its functions are: looked up once, then kept."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from qemu_boot_time.errors import HostError, InputError, readable
from qemu_boot_time.formats.kernel import Symbols, symbols_of
from qemu_boot_time.formats.kernel.elf import MAGIC
from qemu_boot_time.guest import cache
from qemu_boot_time.vm.command import QemuCommand

_NOT_KNOWN = "the guest's kernel is not known ({}): only fixed addresses are looked for"


@dataclass(frozen=True, slots=True)
class GuestKernel:
    """The kernel that QEMU is given with ``-kernel``, as far as it is one."""

    symbols: Symbols | None = None
    is_bzimage: bool = False
    is_pvh: bool = False
    """Whether it is an ELF file, which QEMU starts at its PVH entry."""
    note: str = ""
    """What of it cannot be seen, and why; empty: all can."""


def find_kernel(command: QemuCommand, symbols: Path | None) -> GuestKernel:
    """Find the command's kernel and its symbols, or take those of a file that the user names.

    Raises InputError for such a file that cannot be read or has none; a kernel of the command that
    has none is noted, and so is a command without one.
    """
    given = command.values("-kernel")
    data = _read(Path(given[-1])) if given else b""
    is_pvh = data.startswith(MAGIC)
    kernel = GuestKernel(is_bzimage=bool(data) and not is_pvh, is_pvh=is_pvh)
    if symbols is not None:
        return replace(kernel, symbols=_symbols(_read(symbols), str(symbols)))
    if not data:
        return replace(kernel, note=_NOT_KNOWN.format("no -kernel; --symbols FILE names it"))
    try:
        return replace(kernel, symbols=_symbols(data, given[-1]))
    except (InputError, HostError) as error:
        why = f"{error.what}; --symbols FILE names its symbols"
        return replace(kernel, note=_NOT_KNOWN.format(why))


def _read(file: Path) -> bytes:
    with readable(file, hint="a kernel, or its symbols"):
        return file.read_bytes()


def _symbols(data: bytes, file: str) -> Symbols:
    """Look a kernel's symbols up: from the cache where they are, for it takes seconds."""
    home = cache.directory("symbols")
    kept = home / f"{hashlib.sha256(data).hexdigest()[:32]}.msgpack"
    if kept.exists():
        try:
            return Symbols.from_bytes(kept.read_bytes(), file)
        except InputError:
            kept.unlink(missing_ok=True)
    found = symbols_of(data, file)
    with cache.staging(home) as scratch:
        made = scratch / kept.name
        made.write_bytes(found.to_bytes())
        made.replace(kept)
    return found
