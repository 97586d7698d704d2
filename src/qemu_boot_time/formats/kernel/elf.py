"""The ELF file that a kernel is before it is compressed."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import text_of
from qemu_boot_time.formats.kernel.damage import corrupt, missing

MAGIC = b"\x7fELF"
_STRUCTURE = "ELF"
_MACHINES = {"EM_X86_64": 64, "EM_386": 32}
_EXECINSTR = 0x4
"""SHF_EXECINSTR of a section."""
_STT_NOTYPE_OBJECT_FUNC = frozenset({0, 1, 2, 10})
"""Kinds of symbols that stand for a place, STT_GNU_IFUNC too; not sections and files."""
_SYMBOL = {32: ("<IIIBBH", (0, 1, 3, 5)), 64: ("<IBBHQQ", (0, 4, 1, 3))}
"""Elf32_Sym and Elf64_Sym, and where in them are name, value, info and section."""


@dataclass(frozen=True, slots=True)
class Vmlinux:
    """What matters of the ELF file of a kernel."""

    bits: int
    """64 or 32."""
    entry: int
    """Physical address of the first instruction."""
    entry_linked: int | None
    """Its link address; None: it is in no segment."""
    rodata: range
    """Where in the file what is read only lies; empty: it has no such section."""
    symbols: tuple[tuple[str, int], ...]
    """Name and address of what is in executable sections; empty: stripped."""


def read_elf(data: bytes, file: str) -> Vmlinux:
    """Read a vmlinux, of which offsets in errors are counted.

    Raises InputError for other machines than x86, CorruptFileError where it is damaged.
    """
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError as absent:
        raise missing(file, "an ELF file", "elftools", "pyelftools") from absent
    try:
        vmlinux = _parsed(ELFFile(BytesIO(data)))
    except Exception as error:  # the library lets through whatever nonsense causes
        raise corrupt(file, 0, _STRUCTURE, repr(error)) from error
    if vmlinux is None:
        raise InputError(
            f"{file}: an ELF file that is no kernel for x86", hint="only x86 guests are measured"
        )
    return vmlinux


def _parsed(elf: Any) -> Vmlinux | None:
    bits: int = elf.elfclass
    if _MACHINES.get(elf["e_machine"]) != bits or not elf.little_endian:
        return None
    return Vmlinux(
        bits=bits,
        entry=elf["e_entry"],
        entry_linked=_linked(elf, elf["e_entry"]),
        rodata=_rodata(elf),
        symbols=tuple(_symbols(elf, bits)),
    )


def _linked(elf: Any, physical: int) -> int | None:
    for segment in elf.iter_segments("PT_LOAD"):
        offset = physical - segment["p_paddr"]
        if 0 <= offset < segment["p_memsz"]:
            return int(segment["p_vaddr"] + offset)
    return None


def _rodata(elf: Any) -> range:
    section = elf.get_section_by_name(".rodata")
    if section is None:
        return range(0)
    return range(section["sh_offset"], section["sh_offset"] + section["sh_size"])


def _symbols(elf: Any, bits: int) -> Iterator[tuple[str, int]]:
    table = next(elf.iter_sections("SHT_SYMTAB"), None)
    if table is None:
        return
    executable = {
        number
        for number, section in enumerate(elf.iter_sections())
        if section["sh_flags"] & _EXECINSTR
    }
    names = elf.get_section(table["sh_link"]).data()
    code, places = _SYMBOL[bits]
    # A kernel has 100,000 of them: the library's own walk takes seconds.
    for fields in struct.iter_unpack(code, table.data()):
        name_at, value, info, section = (fields[place] for place in places)
        if section in executable and info & 0xF in _STT_NOTYPE_OBJECT_FUNC:
            yield text_of(names[name_at : names.index(b"\0", name_at)]), value
