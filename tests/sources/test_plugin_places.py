"""The table of places, resolved for a kernel, and the words that the plugin is told."""

from dataclasses import replace

import pytest

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.formats.kernel import Symbols
from qemu_boot_time.model import Bound
from qemu_boot_time.sources.plugin.places import BZIMAGE, FIRMWARE, Place, plan

TEXT = 0xFFFFFFFF81000000
KERNEL = Symbols(
    "vmlinux",
    {
        "x86_64_start_kernel": (TEXT + 0x100,),
        "start_kernel": (TEXT + 0x200,),
        "rest_init": (TEXT + 0x300,),
        "smp_init": (TEXT + 0x400,),
        "run_init_process.isra.0": (TEXT + 0x500,),
        "kernel_execve": (TEXT + 0x600,),
        "twice": (TEXT + 0x700, TEXT + 0x800),
        "pvh_start_xen": (TEXT + 0x900,),
    },
    entry=0x1000000,
)


def named(symbols: Symbols | None, **how: bool) -> dict[str, Place]:
    """Give the places of a plan by name."""
    return {place.name: place for place in plan(symbols, {}, **{"bzimage": True, **how}).places}


def test_without_a_kernel_fixed_addresses_are_left() -> None:
    """Firmware and set-up code need no symbols; a boot from disk has not even the latter."""
    assert (*FIRMWARE, *BZIMAGE) == plan(None, {}, bzimage=True).places
    assert FIRMWARE == plan(None, {}, bzimage=False).places
    assert None is plan(None, {}, bzimage=False).anchor


def test_a_kernel_has_every_place() -> None:
    """Its functions are looked for where they were linked to, plus what KASLR adds."""
    found = named(KERNEL)

    assert [
        *("qemu_init_end", "fw_start", "fw_do_boot", "linux_start_boot", "decompress_start"),
        *("decompress_end", "linux_start_kernel", "linux_rest_init", "linux_smp_init"),
        *("linux_start_user", "first_user_instruction"),
    ] == list(found)
    expected = Place("linux_start_kernel", "start_kernel", TEXT + 0x200, TEXT + 0x200, slides=True)
    assert expected == found["linux_start_kernel"]
    assert TEXT + 0x100 == plan(KERNEL, {}, bzimage=True).anchor


def test_a_clone_is_the_function() -> None:
    """What the compiler made of run_init_process is where user space begins."""
    assert TEXT + 0x500 == named(KERNEL)["linux_start_user"].low


def test_what_was_inlined_has_a_stand_in() -> None:
    """The next best function is taken, and the mark says which."""
    addresses = {k: v for k, v in KERNEL.addresses.items() if not k.startswith("run_init")}

    place = named(replace(KERNEL, addresses=addresses))["linux_start_user"]

    assert ("kernel_execve", TEXT + 0x600) == (place.event, place.low)


def test_what_is_not_there_is_not_looked_for() -> None:
    """No start of user space, no first instruction of it either."""
    addresses = {"start_kernel": (TEXT,)}

    found = named(Symbols("x", addresses))

    assert "linux_start_user" not in found
    assert "first_user_instruction" not in found
    assert "decompress_end" not in found


def test_the_kernel_may_lie_anywhere() -> None:
    """The decompressed kernel is aligned, and so found by the low bits of its entry."""
    place = named(KERNEL)["decompress_end"]

    assert (0x200000, 0x1FFFFF) == (place.low, place.mask)


def test_pvh_has_an_entry_of_its_own() -> None:
    """It runs where the kernel was loaded, before any mapping, and nothing is decompressed."""
    found = named(KERNEL, bzimage=False, pvh=True)

    entry = found["linux_start_pvhboot"]
    assert (0x1000900, False, Bound.LE) == (entry.low, entry.slides, entry.bound)
    assert "decompress_end" not in found


def test_probes_of_the_user() -> None:
    """A symbol slides as the kernel's own do, an address below the kernel stays where it is."""
    asked = {"mine": "rest_init", "low": "0x7c00", "high": f"{TEXT:#x}"}

    places = plan(KERNEL, asked, bzimage=False).places[-3:]

    expected = [("mine", TEXT + 0x300, True), ("low", 0x7C00, False), ("high", TEXT, True)]
    assert expected == [(place.name, place.low, place.slides) for place in places]


@pytest.mark.parametrize(
    ("symbols", "where", "error", "said"),
    [
        (None, "rest_init", UsageError, "no kernel's symbols are known"),
        (KERNEL, "rest_inti", InputError, "no function 'rest_inti'"),
        (KERNEL, "twice", InputError, "2 functions are called"),
        (KERNEL, "0xnope", UsageError, "no address"),
    ],
)
def test_probes_that_are_not_there(
    symbols: Symbols | None, where: str, error: type[Exception], said: str
) -> None:
    """One line says which probe, and what to do."""
    with pytest.raises(error, match=said):
        plan(symbols, {"mine": where}, bzimage=True)


def test_the_words_of_the_plugin() -> None:
    """Places are called by number, and a place knows the number of what must come before it."""
    words = plan(KERNEL, {}, bzimage=True).arguments()

    assert f"anchor={TEXT + 0x100:x}" == words[0]
    assert "place=fffffff0:fffffff0:0:0:-1" == words[1]
    assert "place=0:ffffffef:0:0:0" == words[2]
    assert "place=200000:7fffffffffff:1fffff:0:1" == words[6]
    assert "place=10000:7fffffffffff:0:0:9" == words[-1]
