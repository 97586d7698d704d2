"""Our programs for the guest: their bytes are those of their sources; init is told what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import init, inside

PROGRAMS = pytest.mark.parametrize("program", [init, inside], ids=["init", "inside"])


def first_line(*command: str) -> str:
    """Give the first line that a program prints, empty where it is missing."""
    return (
        "" if shutil.which(command[0]) is None else process.run(command).stdout.partition("\n")[0]
    )


@PROGRAMS
def test_prebuilt_program_is_what_the_source_makes(program: ModuleType, tmp_path: Path) -> None:
    """The toolchain of Debian 12 makes the very bytes of the package; others need not."""
    toolchain = first_line("gcc", "--version") + first_line("ld", "--version")
    if not re.search(r"Debian 12\.2\..*Binutils for Debian\) 2\.40", toolchain):
        pytest.skip(f"another toolchain: {toolchain!r}")

    program.build(tmp_path / "init")

    assert (tmp_path / "init").read_bytes() == program.binary()


@PROGRAMS
def test_source_builds_with_any_gcc(program: ModuleType, tmp_path: Path) -> None:
    """Whatever the compiler: a static ELF program for x86-64, below 10 KB."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")

    program.build(tmp_path / "init")
    made = (tmp_path / "init").read_bytes()

    assert made[:6] == b"\x7fELF\x02\x01"
    assert made[16:20] == bytes([2, 0, 62, 0])  # ET_EXEC, EM_X86_64
    assert len(made) < 10_000


@PROGRAMS
def test_prebuilt_program_loads_no_other(program: ModuleType) -> None:
    """No interpreter, no dynamic section: it runs where there is no libc."""
    made = program.binary()
    at, size, count = (int.from_bytes(made[i : i + n], "little") for i, n in HEADERS)

    kinds = {int.from_bytes(made[at + i * size :][:4], "little") for i in range(count)}

    assert kinds == {1, 0x6474E551}  # PT_LOAD, PT_GNU_STACK


HEADERS = ((32, 8), (54, 2), (56, 2))
"""Of ELF-64: where the program headers are, the size of one, how many."""


@PROGRAMS
def test_it_does_nothing_where_it_is_not_the_first_process(
    program: ModuleType, tmp_path: Path
) -> None:
    """Run on a host, by root, it powers nothing off and hands nothing out: it says so and leaves."""
    copy = tmp_path / "program"
    copy.write_bytes(program.binary())
    copy.chmod(0o755)

    done = subprocess.run([copy], capture_output=True, check=False, env={"qbt_mark": "7"})

    name = program.__name__.rpartition(".")[2].encode()
    assert (done.returncode, done.stdout) == (
        1,
        b"qbt-%s: not process 1, so nothing is done\n" % name,
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ()),
        ({"mark": 7}, ("qbt_mark=7",)),
        ({"end": init.End.POWER_OFF}, ()),
        ({"mark": 9, "end": init.End.DEBUG_EXIT}, ("qbt_mark=9", "qbt_end=debug-exit")),
        ({"end": init.End.REBOOT}, ("reboot=t", "qbt_end=reboot")),
        ({"program": "/bin/a", "end": init.End.HALT}, ("qbt_init=/bin/a", "qbt_end=halt")),
    ],
)
def test_parameters_are_words_of_a_kernel_command_line(
    asked: dict[str, object], expected: tuple[str, ...]
) -> None:
    """Only what differs from init's own default is said."""
    assert init.parameters(**asked) == expected  # type: ignore[arg-type]  # a table of keywords


@pytest.mark.parametrize("end", init.End)
def test_source_knows_every_end(end: init.End) -> None:
    """What Python can ask for, the C source has in its table."""
    assert f'{{ "{end}",' in init.source()


def test_first_end_is_the_one_without_asking() -> None:
    """`parameters` leaves the default out, so it has to be init's default too."""
    table = re.search(r'ends\[\] = \{\s*\{ "([a-z-]+)"', init.source())

    assert table is not None
    assert table[1] == init.End.POWER_OFF


def test_a_missing_compiler_is_named_with_the_package(tmp_path: Path) -> None:
    """The error says what to install."""
    with pytest.raises(HostError, match="no-such-cc: not found") as caught:
        init.build(tmp_path / "init", compiler="no-such-cc")

    assert caught.value.hint == "sudo apt-get install gcc"


def test_a_compiler_that_fails_leaves_its_words(tmp_path: Path) -> None:
    """What the compiler said is kept in the error."""
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho no such flag >&2\nexit 4\n")
    compiler.chmod(0o755)

    with pytest.raises(ProgramError, match="no such flag") as caught:
        init.build(tmp_path / "init", compiler=str(compiler))

    assert caught.value.returncode == 4
