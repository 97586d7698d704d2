"""The code of a kernel by name, of an ELF file's table, a System.map and kept bytes."""

import struct
import subprocess
import sys
from collections.abc import Mapping

import msgspec
import pytest

import kernel_build as build
from kernel_build import TEXT, Elf, Symbol
from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.formats.kernel import Symbols, symbols_of
from qemu_boot_time.formats.kernel.symbols import gather

FILE = "vmlinux"
STUB = b"ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n"
SYSTEM_MAP = b"""\
0000000000000000 D __per_cpu_start
ffffffff81000000 T _stext
ffffffff81000000 T startup_64
ffffffff81000040 t init_once
ffffffff81000080 W arch_hook
ffffffff810000c0 t init_once
ffffffff82000000 d init_data
ffffffff83000000 A end
"""


def of(*symbols: Symbol) -> Symbols:
    """Give the symbols of a vmlinux that has these besides its first ones."""
    return symbols_of(Elf(symbols=(*build.FUNCTIONS, *symbols)).build(), FILE)


def named(**addresses: int) -> Symbols:
    """Give symbols; ``__`` stands for a dot."""
    names = {name.replace("__", "."): (TEXT + at,) for name, at in addresses.items()}
    return Symbols(FILE, names)


def test_elf_table_gives_code_alone() -> None:
    """Functions and labels of executable sections; no data, no file, no section, nothing undefined."""
    symbols = of(
        ("weak_hook", TEXT + 0x80, 0x22, 1),
        ("init_data", TEXT + 0x90, 1, 2),
        ("main.c", 0, 4, 0xFFF1),
        ("", TEXT, 3, 1),
        ("nowhere", 0, 0, 0),
    )

    expected: Mapping[str, tuple[int, ...]] = {
        "_text": (TEXT,),
        "start_kernel": (TEXT + 0x40,),
        "startup_64": (TEXT,),
        "weak_hook": (TEXT + 0x80,),
    }
    assert (expected, build.ENTRY) == (symbols.addresses, symbols.entry)
    assert TEXT == symbols.text


def test_bzimage_of_an_elf_with_symbols_gives_the_same() -> None:
    """Unpacked on the way."""
    packed = build.bzimage(build.payload(Elf().build(), "gzip"))

    assert symbols_of(Elf().build(), FILE) == symbols_of(packed, FILE)


def test_a_32_bit_kernel_begins_at_startup_32() -> None:
    """Its symbols have another layout."""
    text = 0xC1000000
    functions = (
        ("startup_32", text, 0, 1),
        ("_text", text, 0, 1),
        ("start_kernel", text + 8, 2, 1),
    )
    data = Elf(symbols=functions, bits=32, machine=3, text=text).build()

    symbols = symbols_of(data, FILE)

    assert (text + 8, text) == (symbols.address_of("start_kernel"), symbols.text)


def test_other_machines_are_refused() -> None:
    """183 is AArch64."""
    with pytest.raises(InputError, match="no kernel for x86"):
        symbols_of(Elf(machine=183).build(), FILE)


def test_symbols_that_disagree_with_the_entry_point_are_refused() -> None:
    """startup_64 must be where the ELF header says that the kernel begins."""
    with pytest.raises(InputError, match="startup_64 is not where the kernel begins"):
        symbols_of(Elf(entry=build.ENTRY + 0x40).build(), FILE)


def test_names_that_could_move_a_cursor_are_left_out() -> None:
    """No compiler makes them, and a name reaches a terminal."""
    symbols = of(("\x1b[2Jevil", TEXT + 0x80, 2, 1))

    assert {"_text", "start_kernel", "startup_64"} == set(symbols.addresses)


@pytest.mark.parametrize("address", [-1, 1 << 64])
def test_addresses_that_are_none_are_left_out(address: int) -> None:
    """What is added up from a damaged kallsyms may be anything, and could not be kept."""
    assert {"b": (1,)} == gather(FILE, [("a", address), ("b", 1)], entry=None).addresses


def test_system_map_gives_code_alone() -> None:
    """Of both cases, weak ones too; no entry point, which it does not tell."""
    symbols = symbols_of(SYSTEM_MAP, FILE)

    expected: Mapping[str, tuple[int, ...]] = {
        "_stext": (TEXT,),
        "startup_64": (TEXT,),
        "init_once": (TEXT + 0x40, TEXT + 0xC0),
        "arch_hook": (TEXT + 0x80,),
    }
    assert (expected, None, TEXT) == (symbols.addresses, symbols.entry, symbols.text)


def test_debians_stub_is_refused_with_a_hint() -> None:
    """It says itself where the real one is; the vmlinuz beside it does as well."""
    assert 83 == len(STUB)
    with pytest.raises(InputError, match="a stub without symbols") as caught:
        symbols_of(STUB, "/boot/System.map-6.1")

    assert "vmlinuz" in caught.value.hint


def test_kallsyms_without_rights_is_refused() -> None:
    """/proc/kallsyms is all zeros for those who may not see addresses."""
    hidden = b"0000000000000000 T startup_64\n0000000000000000 T _text\n"

    with pytest.raises(InputError, match="neither of _text and _stext"):
        symbols_of(hidden, "kallsyms")


def test_a_damaged_line_is_named_by_its_offset() -> None:
    """Cut off within a line, too."""
    with pytest.raises(
        CorruptFileError, match=r"System\.map at byte 35: a line that is no address"
    ):
        symbols_of(SYSTEM_MAP[:50], FILE)


def test_a_name_gives_its_address() -> None:
    """A function of that very name comes before its clones."""
    symbols = named(run_init_process=8, run_init_process__isra__0=16)

    assert TEXT + 8 == symbols.address_of("run_init_process")
    assert (TEXT + 8, TEXT + 16) == symbols.addresses_of("run_init_process")


@pytest.mark.parametrize(
    "suffix", [".isra.0", ".constprop.12", ".isra.0.constprop.1", ".llvm.1234567", ".lto_priv.0"]
)
def test_a_clone_is_found_by_the_functions_name(suffix: str) -> None:
    """Compilers append what they did to it."""
    symbols = Symbols(FILE, {f"run_init_process{suffix}": (TEXT,)})

    assert TEXT == symbols.address_of("run_init_process")


@pytest.mark.parametrize(
    "name",
    [
        *("run_init_process.cold", "run_init_process.isra.0.cold", "run_init_process.part.0"),
        *("run_init_process.cold.0", "run_init_process_late", "run_init_process.0", "a.isra.0"),
        *("__pfx_run_init_process", "run_init_process.isra.x", "run_init_process.isra"),
    ],
)
def test_pieces_of_a_function_are_not_its_beginning(name: str) -> None:
    """Nor are functions of other names."""
    symbols = Symbols(FILE, {name: (TEXT,)})

    assert () == symbols.addresses_of("run_init_process")
    with pytest.raises(InputError, match="no function 'run_init_process'"):
        symbols.address_of("run_init_process")


def test_a_name_of_several_functions_is_ambiguous() -> None:
    """All are given where all are asked for; else they are listed."""
    symbols = symbols_of(SYSTEM_MAP, FILE)

    assert (TEXT + 0x40, TEXT + 0xC0) == symbols.addresses_of("init_once")
    with pytest.raises(InputError, match="2 functions are called 'init_once': 0xffffffff81000040,"):
        symbols.address_of("init_once")


def test_several_clones_alone_are_ambiguous() -> None:
    """None of them is the function itself."""
    symbols = named(cleanup__isra__0=8, cleanup__constprop__0=16)

    with pytest.raises(InputError, match="2 functions are called 'cleanup'"):
        symbols.address_of("cleanup")


def test_one_address_under_two_entries_is_one() -> None:
    """A table may name a place twice."""
    symbols = of(("twice", TEXT + 0x80, 2, 1), ("twice", TEXT + 0x80, 2, 1))

    assert TEXT + 0x80 == symbols.address_of("twice")


def test_an_unknown_name_is_shown_with_what_resembles_it() -> None:
    """A slip of the pen is the usual cause; the name is escaped."""
    with pytest.raises(InputError, match=r"vmlinux: no function 'start_kernal\\x1b'") as caught:
        of().address_of("start_kernal\x1b")

    assert "is it one of 'start_kernel'?" == caught.value.hint


def test_an_unknown_name_like_no_other_has_a_hint_too() -> None:
    """Functions are often made part of their only caller."""
    with pytest.raises(InputError) as caught:
        of().address_of("qqqqqq")

    assert "the compiler may have made it a part of its caller: choose the caller" == (
        caught.value.hint
    )


@pytest.mark.parametrize("data", [Elf().build(), SYSTEM_MAP], ids=["ELF", "System.map"])
def test_what_is_kept_is_what_comes_back(data: bytes) -> None:
    """But for the name of the file, which may have moved."""
    symbols = symbols_of(data, "elsewhere")

    assert symbols_of(data, FILE) == Symbols.from_bytes(symbols.to_bytes(), FILE)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xc1", of().to_bytes()[:-1], of().to_bytes() + b"\0"),
        msgspec.msgpack.encode(["qbt-symbols-0", None, {}]),
        msgspec.msgpack.encode(["qbt-symbols-1", None, {"_text": [-1.5]}]),
        b"\x94" + msgspec.msgpack.encode(["qbt-symbols-1", None, {}])[1:] + b"\x91" * 100_000,
    ],
)
def test_kept_bytes_that_lie_are_damage(data: bytes) -> None:
    """Cut off, of another schema, of other types, nested without end."""
    with pytest.raises(CorruptFileError, match=r"^cache: kept symbols at byte 0: "):
        Symbols.from_bytes(data, "cache")


def test_a_stripped_kernel_without_kallsyms_has_a_hint() -> None:
    """What else could be given."""
    with pytest.raises(InputError, match="no table of symbols found in it") as caught:
        symbols_of(Elf().build(stripped=True), FILE)

    assert "CONFIG_KALLSYMS" in caught.value.hint


def test_looking_for_kallsyms_leaves_logging_alone() -> None:
    """The library logs by the root logger, which would set up a handler to stderr for ever."""
    code = (
        "import contextlib, logging, sys\n"
        "from qemu_boot_time.errors import InputError\n"
        "from qemu_boot_time.formats.kernel import symbols_of\n"
        "with contextlib.suppress(InputError):\n"
        "    symbols_of(sys.stdin.buffer.read(), 'vmlinux')\n"
        "print('vmlinux_to_elf' in sys.modules, logging.root.handlers)"
    )
    plain = Elf().build(stripped=True)
    kernel = plain.replace(bytes(64), b"Linux version 6.1.0 (me)".ljust(64, b"\0"), 1)

    done = subprocess.run(
        [sys.executable, "-c", code], input=kernel, capture_output=True, check=True
    )

    assert (b"True []\n", b"") == (done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("module", "package", "stripped"),
    [
        ("elftools.elf.elffile", "pyelftools", False),
        ("vmlinux_to_elf.core.kallsyms", "vmlinux-to-elf", True),
    ],
)
def test_a_missing_library_is_named(
    module: str,
    package: str,
    stripped: bool,  # noqa: FBT001  # a parameter of the table above
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(InputError, match="is missing") as caught:
        symbols_of(Elf().build(stripped=stripped), FILE)

    assert caught.value.hint.endswith(f"-m pip install {package}")


def test_a_symbol_table_that_lies_is_damage() -> None:
    """A name beyond its table of strings."""
    data = bytearray(Elf().build())
    at = data.index(struct.pack("<BBHQ", 0, 0, 1, TEXT)) - 4
    struct.pack_into("<I", data, at, 0x7FFFFFFF)

    with pytest.raises(CorruptFileError, match=r"^vmlinux: ELF at byte 0: "):
        symbols_of(bytes(data), FILE)
