"""The names of a kernel's code, and the addresses it was linked to."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from qemu_boot_time.errors import InputError
from qemu_boot_time.formats.kernel.damage import corrupt

CODE = frozenset("tTwW")
"""The letters of code in System.map and kallsyms: nm(1)."""
_CLONE = re.compile(r"(?:\.(?:isra|constprop|lto_priv)\.\d+|\.llvm\.\d+)+")
"""What GCC and Clang append to a function that they changed but that begins where it began.

Not ``.cold`` and ``.part``: these are pieces that a function jumps to, or never does.
"""
_MOST_SHOWN = 5
_ADDRESSES = range(1 << 64)


@dataclass(frozen=True, slots=True)
class Symbols:
    """The code of one kernel: every name, with all its link addresses.

    Link addresses are virtual, without what KASLR adds (boot with ``nokaslr``, or add it).
    """

    file: str
    """What they were read from, for errors."""
    addresses: Mapping[str, tuple[int, ...]]
    """Name to addresses, ascending; several where static functions share a name."""
    entry: int | None = None
    """Physical address of the first instruction (``startup_64``); None: read from a System.map."""

    def addresses_of(self, name: str) -> tuple[int, ...]:
        """Give every beginning of the functions of that name, ascending; empty: there is none.

        Clones that the compiler made (``name.isra.0``, ``name.constprop.0``) count as the function
        itself; pieces of it (``name.cold``, ``name.part.0``) do not.
        """
        found = set(self.addresses.get(name, ()))
        for known, addresses in self.addresses.items():
            if known.startswith(name) and _CLONE.fullmatch(known, len(name)):
                found.update(addresses)
        return tuple(sorted(found))

    def address_of(self, name: str) -> int:
        """Give the address of a function: the one of that very name, else its only clone's.

        Raises InputError for a name that is not there or that stands for several addresses.
        """
        found = self.addresses.get(name) or self.addresses_of(name)
        if not found:
            raise InputError(f"{self.file}: no function {name!r}", hint=self._resembling(name))
        if len(found) > 1:
            places = ", ".join(f"{address:#x}" for address in found[:_MOST_SHOWN])
            raise InputError(
                f"{self.file}: {len(found)} functions are called {name!r}: {places}",
                hint="choose one that is called once, or give the address itself",
            )
        return found[0]

    @property
    def text(self) -> int:
        """The address of ``_text`` (else ``_stext``), where the kernel begins.

        Raises InputError where there is neither.
        """
        return self.address_of("_text" if "_text" in self.addresses else "_stext")

    def to_bytes(self) -> bytes:
        """Give them as bytes to keep; ``file`` is not in them."""
        return msgspec.msgpack.encode(_Stored(self.entry, dict(self.addresses)))

    @classmethod
    def from_bytes(cls, data: bytes, file: str) -> "Symbols":
        """Make them of what :meth:`to_bytes` gave; raise CorruptFileError where it is not that."""
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise corrupt(file, 0, "kept symbols", repr(error)) from error
        return cls(file, stored.addresses, stored.entry)

    def _resembling(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.addresses, n=3)
        if close:
            return f"is it one of {', '.join(map(repr, close))}?"
        return "the compiler may have made it a part of its caller: choose the caller"


class _Stored(msgspec.Struct, frozen=True, array_like=True, tag="qbt-symbols-1"):
    entry: int | None
    addresses: dict[str, tuple[int, ...]]


def gather(file: str, pairs: Iterable[tuple[str, int]], *, entry: int | None) -> Symbols:
    """Make the value of (name, address) of code in any order; what can be neither is left out."""
    found: dict[str, set[int]] = {}
    for name, address in pairs:
        if name.isascii() and name.isprintable() and address in _ADDRESSES:
            found.setdefault(name, set()).add(address)
    return Symbols(file, {name: tuple(sorted(each)) for name, each in found.items()}, entry)
