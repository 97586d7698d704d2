"""From the bytes of a kernel, however packed, to its ELF file and to its symbols."""

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.kernel import elf
from qemu_boot_time.formats.kernel.damage import DamageError, corrupt
from qemu_boot_time.formats.kernel.decompress import decompress
from qemu_boot_time.formats.kernel.header import BootHeader, read_header
from qemu_boot_time.formats.kernel.kallsyms import find_kallsyms
from qemu_boot_time.formats.kernel.symbols import Symbols, gather
from qemu_boot_time.formats.kernel.system_map import is_system_map, read_system_map

_PAYLOAD_SINCE = 0x208
_BEGINNINGS = ("_text", "_stext")
_FIRST = {64: "startup_64", 32: "startup_32"}
"""What the entry point of a vmlinux is (ENTRY in arch/x86/kernel/vmlinux.lds.S), by its bits."""


def vmlinux_of(data: bytes, file: str) -> bytes:
    """Give the ELF file in a bzImage, or the data itself where that is one.

    Behind its end are the kernel's own relocations, where the kernel has any. Raises InputError for
    what is no kernel, a compression that is not known and a library that is missing,
    CorruptFileError for damage.
    """
    if data.startswith(elf.MAGIC):
        return data
    header = read_header(data, file)
    try:
        vmlinux = decompress(_payload(data, header, file), file)
    except DamageError as error:
        raise corrupt(file, header.payload_at, "compressed kernel", str(error)) from error
    if not vmlinux.startswith(elf.MAGIC):
        raise corrupt(file, header.payload_at, "compressed kernel", "no ELF file is in it")
    return vmlinux


def _payload(data: bytes, header: BootHeader, file: str) -> bytes:
    if header.protocol < _PAYLOAD_SINCE:
        raise InputError(
            f"{file}: boot protocol {header.protocol:#x}, which does not say where the kernel is",
            hint="Linux says it since 2.6.26; give the vmlinux instead",
        )
    end = header.payload_at + header.payload_length
    if end > len(data):
        trouble = f"it ends at byte {end}, the file at {len(data)}"
        raise corrupt(file, header.payload_at, "compressed kernel", trouble)
    return data[header.payload_at : end]


def symbols_of(data: bytes, file: str) -> Symbols:
    """Give the code of a kernel by its names, of a bzImage, a vmlinux or a System.map.

    The symbol table of an ELF file is read where it has one, else its kallsyms, which takes seconds:
    keep :meth:`Symbols.to_bytes`. Raises InputError for what is no kernel or has no symbols,
    CorruptFileError for damage.
    """
    if is_system_map(data):
        return _from_system_map(data, file)
    vmlinux = vmlinux_of(data, file)
    read = elf.read_elf(vmlinux, file)
    pairs = read.symbols or find_kallsyms(vmlinux, read, file)
    symbols = gather(file, pairs, entry=read.entry)
    if read.entry_linked not in symbols.addresses.get(_FIRST[read.bits], ()):
        raise InputError(
            f"{file}: {_FIRST[read.bits]} is not where the kernel begins, so that no symbol of it "
            "can be trusted",
            hint="give its System.map, or its vmlinux with symbols",
        )
    return symbols


def _from_system_map(data: bytes, file: str) -> Symbols:
    symbols = gather(file, read_system_map(data, file), entry=None)
    if not any(symbols.addresses.get(name, (0,))[0] for name in _BEGINNINGS):
        raise InputError(
            f"{file}: neither of {' and '.join(_BEGINNINGS)} in it, or without its address",
            hint="give a bzImage, a vmlinux or a whole System.map",
        )
    return symbols
