"""Which places of a guest's code are trace points: a table, resolved for one kernel.

Nothing in the guest has to be changed: a place is an address, or a symbol of the kernel. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qemu_boot_time.errors import UsageError
from qemu_boot_time.formats.kernel import Symbols
from qemu_boot_time.model import Bound
from qemu_boot_time.protocol import (
    DECOMPRESS_END,
    DECOMPRESS_START,
    FIRST_USER_INSTRUCTION,
    FW_DO_BOOT,
    FW_START,
    LINUX_REST_INIT,
    LINUX_SMP_INIT,
    LINUX_START_BOOT,
    LINUX_START_KERNEL,
    LINUX_START_PVHBOOT,
    LINUX_START_USER,
    QEMU_INIT_END,
)

_RESET_VECTOR = 0xFFFFFFF0
"""Intel SDM volume 3, 10.1.4 "First Instruction Executed"."""
_INT_19_ENTRY = 0xFE6F2
"""Where a PC's BIOS has its handler of int 0x19, since the first of them; SeaBIOS keeps to it
(src/romlayout.S, entry_19_official)."""
_SETUP_ENTRY = 0x10200
"""QEMU's option ROMs and qboot load a bzImage's set-up code to 0x10000, and its entry is 512 bytes
behind that (hw/i386/x86.c, load_linux(); Documentation/arch/x86/boot.rst)."""
_CODE32_START = 0x100000
"""Where the protected-mode code of a bzImage is loaded (boot.rst, LOADED_HIGH)."""
_ALIGNMENT = 0x200000
"""Decompressed kernels are placed at multiples of it (CONFIG_PHYSICAL_ALIGN, at the least)."""
_USER_LOW, _USER_HIGH = 0x10000, 0x7FFF_FFFF_FFFF
"""User space: from vm.mmap_min_addr on (Documentation/arch/x86/x86_64/mm.rst)."""
TEXT_START = 0xFFFFFFFF80000000
"""Where Linux maps its own code, by its physical address (ibid., __START_KERNEL_map)."""
_ANCHOR = "x86_64_start_kernel"
"""The first function that runs at the kernel's virtual addresses (arch/x86/kernel/head_64.S)."""


@dataclass(frozen=True, slots=True)
class Place:
    """The first instruction in a range of addresses, of those that a mask leaves."""

    name: str
    """Of the trace point."""
    event: str
    """What is there, in words."""
    low: int
    high: int
    mask: int = 0
    """Bits in which the address must not differ from ``low``."""
    slides: bool = False
    """Whether these are link addresses, which KASLR moves."""
    after: str = ""
    """The place that must have been passed before."""
    bound: Bound = Bound.EXACT


@dataclass(frozen=True, slots=True)
class Plan:
    """What the plugin looks for in one guest. The reset vector is the first of the places."""

    places: tuple[Place, ...]
    anchor: int | None = None
    """Link address of the function whose first run tells KASLR's slide; None: no kernel is known."""

    def arguments(self) -> tuple[str, ...]:
        """Give the plugin's words for them; a place is called by its number."""
        numbers = {place.name: i for i, place in enumerate(self.places)}
        anchor = () if self.anchor is None else (f"anchor={self.anchor:x}",)
        return (*anchor, *(_word(place, numbers) for place in self.places))


def _word(place: Place, numbers: Mapping[str, int]) -> str:
    after = numbers.get(place.after, -1)
    return f"place={place.low:x}:{place.high:x}:{place.mask:x}:{place.slides:d}:{after}"


def _at(
    name: str, event: str, address: int, *, after: str = "", bound: Bound = Bound.EXACT
) -> Place:
    return Place(name, event, address, address, after=after, bound=bound)


FIRMWARE = (
    _at(QEMU_INIT_END, "first instruction", _RESET_VECTOR),
    Place(FW_START, "firmware entry", 0, _RESET_VECTOR - 1, after=QEMU_INIT_END),
    _at(FW_DO_BOOT, "SeaBIOS int 0x19", _INT_19_ENTRY, after=FW_START, bound=Bound.GE),
)
"""Whatever the guest is."""

BZIMAGE = (
    _at(LINUX_START_BOOT, "bzImage set-up code", _SETUP_ENTRY, after=FW_START, bound=Bound.LE),
    _at(DECOMPRESS_START, "bzImage 32-bit entry", _CODE32_START, after=LINUX_START_BOOT),
)
"""Where QEMU was given a bzImage: another boot loader may have code of its own there."""


@dataclass(frozen=True, slots=True)
class _Function:
    """A trace point that is the entry of a function of Linux."""

    name: str
    symbols: tuple[str, ...]
    """What it is called; the first that a kernel has is meant."""
    after: str = ""


FUNCTIONS = (
    _Function(LINUX_START_KERNEL, ("start_kernel",)),
    _Function(LINUX_REST_INIT, ("rest_init", "arch_call_rest_init"), LINUX_START_KERNEL),
    _Function(LINUX_SMP_INIT, ("smp_init", "kernel_init_freeable"), LINUX_START_KERNEL),
    _Function(LINUX_START_USER, ("run_init_process", "kernel_execve"), LINUX_START_KERNEL),
)
"""init/main.c. A compiler may have inlined one: another stands in, and the mark says which."""

_FIRST_USER = Place(
    FIRST_USER_INSTRUCTION, "user mode", _USER_LOW, _USER_HIGH, after=LINUX_START_USER
)


def plan(
    symbols: Symbols | None, probes: Mapping[str, str], *, bzimage: bool, pvh: bool = False
) -> Plan:
    """Resolve the table, and the user's own ``probes`` (name to symbol or address).

    ``symbols`` None: the kernel is not known, and only what needs none is looked for. Raises
    UsageError for a probe that is no address, InputError for one that this kernel does not have.
    """
    places = [*FIRMWARE, *(BZIMAGE if bzimage else ())]
    if symbols is not None:
        places += _kernel(symbols, pvh=pvh)
    places += [_probe(name, where, symbols) for name, where in probes.items()]
    return Plan(tuple(places), None if symbols is None else _only(symbols, _ANCHOR))


def _only(symbols: Symbols, name: str) -> int | None:
    """Give the address of a function that there is just one of."""
    found = symbols.addresses_of(name)
    return found[0] if len(found) == 1 else None


def _kernel(symbols: Symbols, *, pvh: bool) -> Iterator[Place]:
    entry = _only(symbols, "pvh_start_xen")
    if pvh and entry is not None:
        physical = entry - TEXT_START  # so early, Linux runs where it was loaded
        yield _at(LINUX_START_PVHBOOT, "pvh_start_xen", physical, after=FW_START, bound=Bound.LE)
    if symbols.entry is not None and not pvh:
        low = _ALIGNMENT + symbols.entry % _ALIGNMENT
        yield Place(DECOMPRESS_END, "startup_64", low, _USER_HIGH, _ALIGNMENT - 1, after=FW_START)
    found = list(_functions(symbols))
    yield from found
    if any(place.name == LINUX_START_USER for place in found):
        yield _FIRST_USER


def _functions(symbols: Symbols) -> Iterator[Place]:
    for function in FUNCTIONS:
        for symbol in function.symbols:
            address = _only(symbols, symbol)
            if address is not None:
                yield _slid(function.name, symbol, address, after=function.after)
                break


def _slid(name: str, event: str, address: int, *, after: str = "") -> Place:
    return Place(name, event, address, address, slides=address >= TEXT_START, after=after)


def _probe(name: str, where: str, symbols: Symbols | None) -> Place:
    """Find a place of the user's own."""
    if where.lower().startswith("0x"):
        return _slid(name, where, _address(name, where))
    if symbols is None:
        raise UsageError(
            f"--probe {name}={where}: no kernel's symbols are known",
            hint="--symbols vmlinux (or System.map, or a bzImage)",
        )
    return _slid(name, where, symbols.address_of(where))


def _address(name: str, where: str) -> int:
    try:
        return int(where, 16)
    except ValueError:
        raise UsageError(
            f"--probe {name}={where}: no address", hint="--probe NAME=0x10200, or NAME=SYMBOL"
        ) from None
