"""Which kernel a command boots, and what is known of it."""

from pathlib import Path

import pytest

from qemu_boot_time.errors import InputError
from qemu_boot_time.sources.plugin import guest_kernel
from qemu_boot_time.sources.plugin.guest_kernel import GuestKernel, find_kernel
from qemu_boot_time.vm.command import parse

MAP = b"".join(
    b"%x T %s\n" % (0xFFFFFFFF81000000 + 16 * i, name)
    for i, name in enumerate((b"_text", b"_stext", b"x86_64_start_kernel", b"start_kernel"))
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep symbols here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/qemu-boot-time/symbols"


def find(*words: str, symbols: Path | None = None) -> GuestKernel:
    """Look up the kernel of a command of these options."""
    return find_kernel(parse(("qemu-system-x86_64", *words)), symbols)


def test_a_boot_without_kernel_is_noted() -> None:
    """A disk's kernel is not known, and the user is told how to name it."""
    found = find()

    assert (None, False) == (found.symbols, found.is_bzimage)
    assert "no -kernel; --symbols FILE" in found.note


def test_symbols_of_another_file(tmp_path: Path) -> None:
    """A System.map stands for a kernel that has no symbols, or none that can be read."""
    (tmp_path / "System.map").write_bytes(MAP)

    found = find(symbols=tmp_path / "System.map")

    assert found.symbols is not None
    assert 0xFFFFFFFF81000030 == found.symbols.address_of("start_kernel")
    assert "" == found.note


def test_a_kernel_that_says_nothing_is_noted(tmp_path: Path) -> None:
    """The boot is measured all the same: what is at fixed addresses is seen."""
    (tmp_path / "kernel").write_bytes(b"not a kernel")

    found = find("-kernel", str(tmp_path / "kernel"))

    assert (None, True) == (found.symbols, found.is_bzimage)
    assert "no bzImage" in found.note


@pytest.mark.parametrize("words", [("-kernel", "/no/kernel"), ()])
def test_files_that_are_missing(words: tuple[str, ...]) -> None:
    """A kernel that QEMU could not boot either, and symbols that the user named: one line."""
    named = None if words else Path("/no/symbols")

    with pytest.raises(InputError, match=r"/no/.*No such file"):
        find(*words, symbols=named)


def test_symbols_are_looked_up_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept by what the file holds, and made again where what was kept is damaged."""
    (tmp_path / "System.map").write_bytes(MAP)
    once = find(symbols=tmp_path / "System.map").symbols
    (kept,) = cache.iterdir()

    with monkeypatch.context() as patch:
        patch.setattr(guest_kernel, "symbols_of", None)
        assert once == find(symbols=tmp_path / "System.map").symbols

    kept.write_bytes(b"\x00")
    assert once == find(symbols=tmp_path / "System.map").symbols
