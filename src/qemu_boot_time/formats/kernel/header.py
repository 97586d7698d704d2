"""The header of a bzImage: Linux' Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"."""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.cursor import text_of
from qemu_boot_time.formats.kernel.damage import corrupt

_MAGIC = b"HdrS"
_MAGIC_AT = 0x202
_SECTOR_BYTES = 512
_SECTORS_OF_OLD = 4
"""What a setup_sects of 0 stands for."""
_MOST_VERSION_BYTES = 512
_STRUCTURE = "boot header"


class _Field(NamedTuple):
    name: str
    offset: int
    code: str
    """As in :mod:`struct`."""
    since: int
    """Version of the protocol."""


_FIELDS = (
    _Field("setup_sects", 0x1F1, "B", 0x200),
    _Field("protocol", 0x206, "H", 0x200),
    _Field("version_at", 0x20E, "H", 0x200),
    _Field("code32_start", 0x214, "I", 0x200),
    _Field("relocatable_kernel", 0x234, "B", 0x205),
    _Field("payload_offset", 0x248, "I", 0x208),
    _Field("payload_length", 0x24C, "I", 0x208),
    _Field("pref_address", 0x258, "Q", 0x20A),
    _Field("init_size", 0x260, "I", 0x20A),
    _Field("xloadflags", 0x236, "H", 0x20C),
)


@dataclass(frozen=True, slots=True)
class BootHeader:
    """What a bzImage tells its boot loader; 0 where its protocol is too old to tell it."""

    protocol: int
    """Version of the boot protocol: 0x20f is 2.15."""
    setup_sects: int
    """Sectors of 512 bytes of the real-mode code, without the first."""
    code32_start: int
    """Physical address of the protected-mode code as linked; the loader may move it."""
    relocatable: bool
    """Whether the kernel may run elsewhere than at ``pref_address``."""
    xloadflags: int
    """Bit 0: there is a 64-bit entry point, 0x200 behind where the protected-mode code is loaded."""
    payload_offset: int
    """Where the compressed kernel begins: bytes from the protected-mode code on."""
    payload_length: int
    """Bytes of the compressed kernel, with the four of its size at their end."""
    pref_address: int
    """Physical address that the kernel prefers."""
    init_size: int
    """Bytes of memory from there on that the kernel needs until it knows of memory."""
    kernel_version: str
    """Release, builder and date, as file(1) shows them; empty where there is none."""

    @property
    def payload_at(self) -> int:
        """Where in the file the compressed kernel begins, in bytes."""
        return (self.setup_sects + 1) * _SECTOR_BYTES + self.payload_offset


def read_header(data: bytes, file: str) -> BootHeader:
    """Read the header of a bzImage; ``file`` is its name for errors.

    Raises InputError for what is no bzImage, CorruptFileError where the header is cut off.
    """
    if data[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
        raise InputError(
            f"{file}: no bzImage of Linux for x86: no HdrS at byte {_MAGIC_AT:#x}",
            hint="give what QEMU gets with -kernel, as /boot/vmlinuz-* of a distribution",
        )
    values = _read_fields(data, file)
    return BootHeader(
        protocol=values["protocol"],
        setup_sects=values["setup_sects"] or _SECTORS_OF_OLD,
        code32_start=values["code32_start"],
        relocatable=values["relocatable_kernel"] != 0,
        xloadflags=values["xloadflags"],
        payload_offset=values["payload_offset"],
        payload_length=values["payload_length"],
        pref_address=values["pref_address"],
        init_size=values["init_size"],
        kernel_version=_version_text(data, values["version_at"], file),
    )


def _read_fields(data: bytes, file: str) -> dict[str, int]:
    values = dict.fromkeys((field.name for field in _FIELDS), 0)
    protocol = _number(data, next(f for f in _FIELDS if f.name == "protocol"), file)
    for field in _FIELDS:
        if protocol >= field.since:
            values[field.name] = _number(data, field, file)
    return values


def _number(data: bytes, field: _Field, file: str) -> int:
    code = f"<{field.code}"
    if field.offset + struct.calcsize(code) > len(data):
        raise corrupt(file, field.offset, _STRUCTURE, f"the file ends before {field.name}")
    (value,) = struct.unpack_from(code, data, field.offset)
    return int(value)


def _version_text(data: bytes, version_at: int, file: str) -> str:
    if version_at == 0:
        return ""
    begin = version_at + _SECTOR_BYTES
    text = data[begin : begin + _MOST_VERSION_BYTES]
    if b"\0" not in text:
        raise corrupt(file, begin, "kernel version", "a string without an end")
    return text_of(text)
