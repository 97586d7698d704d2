"""The ELF file that a kernel is before it is compressed."""

import struct
from collections.abc import Iterator, Sequence
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
_KINDS = frozenset({0, 1, 2, 10})
"""Symbols that stand for a place: STT_NOTYPE, _OBJECT, _FUNC, _GNU_IFUNC; no sections, no files."""
_MOST_NAME_BYTES = 512
"""KSYM_NAME_LEN in include/linux/kallsyms.h, with the zero at its end."""
_MOST_PARTS = 1 << 16
"""A count of more would be in a header that says nothing of its own size."""
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
    """Read a vmlinux; ``file`` is its name for errors.

    Raises InputError for other machines than x86, CorruptFileError where it is damaged.
    """
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError as absent:
        raise missing(file, "an ELF file", "elftools", "pyelftools") from absent
    try:
        vmlinux = _parsed(data, ELFFile(BytesIO(data)))
    except Exception as error:  # the library lets through whatever nonsense causes
        raise corrupt(file, 0, _STRUCTURE, repr(error)) from error
    if vmlinux is None:
        raise InputError(
            f"{file}: an ELF file that is no kernel for x86", hint="only x86 guests are measured"
        )
    return vmlinux


def _parsed(data: bytes, elf: Any) -> Vmlinux | None:
    bits: int = elf.elfclass
    if _MACHINES.get(elf["e_machine"]) != bits or not elf.little_endian:
        return None
    if max(elf.num_sections(), elf.num_segments()) > _MOST_PARTS:
        raise ValueError("more sections or segments than an ELF file has")
    sections = tuple(elf.iter_sections())
    return Vmlinux(
        bits=bits,
        entry=elf["e_entry"],
        entry_linked=_linked(elf, elf["e_entry"]),
        rodata=next((_place(one) for one in sections if one.name == ".rodata"), range(0)),
        symbols=tuple(_symbols(data, sections, bits)),
    )


def _linked(elf: Any, physical: int) -> int | None:
    for segment in elf.iter_segments("PT_LOAD"):
        offset = physical - segment["p_paddr"]
        if 0 <= offset < segment["p_memsz"]:
            return int(segment["p_vaddr"] + offset)
    return None


def _place(section: Any) -> range:
    return range(section["sh_offset"], section["sh_offset"] + section["sh_size"])


def _symbols(data: bytes, sections: Sequence[Any], bits: int) -> Iterator[tuple[str, int]]:
    table = next((one for one in sections if one["sh_type"] == "SHT_SYMTAB"), None)
    if table is None:
        return
    executable = {at for at, one in enumerate(sections) if one["sh_flags"] & _EXECINSTR}
    names, entries = (_bytes(data, one) for one in (sections[table["sh_link"]], table))
    code, places = _SYMBOL[bits]
    # A kernel has 100,000 of them: the library's own walk takes seconds.
    for fields in struct.iter_unpack(code, entries):
        name_at, value, info, section = (fields[place] for place in places)
        if section in executable and info & 0xF in _KINDS:
            end = names.index(b"\0", name_at, name_at + _MOST_NAME_BYTES)
            yield text_of(names[name_at:end]), value


def _bytes(data: bytes, section: Any) -> bytes:
    place = _place(section)
    return data[place.start : place.stop]
