"""The stock kernel: which package, what is kept of it, and what is said where there is none.

apt and dpkg are stand-ins here, programs on PATH; tests/real/test_demo_guest.py asks the real ones.
"""

import os
from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import stock

CLOUD = """Package: linux-image-cloud-amd64
Version: 6.1.192-2
Recommends: linux-image-1-decoy
Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)
"""
VIRTUAL = "Depends: linux-modules-6.8.0-9-generic, linux-image-6.8.0-9-generic, firmware"
NAME = "linux-image-6.1.0-56-cloud-amd64"
UNPACK = 'mkdir -p "$3/boot" && echo kernel > "$3/boot/vmlinuz-6.1.0-56-cloud-amd64"'


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory of programs, first on PATH, and an empty cache beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return programs


def put(directory: Path, name: str, script: str) -> None:
    """Put a shell script among the programs."""
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def put_debian(directory: Path, *, shown: str = CLOUD, unpack: str = UNPACK) -> None:
    """Put a host that knows one metapackage; apt-get downloads what it is asked for."""
    put(directory, "apt-cache", f"cat <<'END'\n{shown}\nEND")
    put(directory, "apt-get", 'for last; do :; done; echo deb > "${last}_6.1.192-2_amd64.deb"')
    put(directory, "dpkg-deb", unpack)


def test_nothing_is_found_in_an_empty_cache(host: Path) -> None:
    """Looking never asks the network, nor makes the cache."""
    assert stock.find() is None
    assert not (host.parent / "cache").exists()


def test_what_was_fetched_is_found(host: Path) -> None:
    """Release and version come from the package, and only the kernel is kept."""
    put_debian(host)
    said: list[str] = []

    fetched = stock.fetch(said.append)

    cache = host.parent / "cache/qemu-boot-time/stock"
    home = cache / "6.1.0-56-cloud-amd64_6.1.192-2"
    assert fetched == stock.StockKernel("6.1.0-56-cloud-amd64", "6.1.192-2", home / "vmlinuz")
    assert stock.find() == fetched
    assert fetched.vmlinuz.read_text() == "kernel\n"
    assert list(cache.rglob("*")) == [home, home / "vmlinuz"]
    assert said == [f"downloading {NAME}", f"unpacking {NAME}_6.1.192-2_amd64.deb"]


def test_a_kernel_that_is_there_already_is_left_alone(host: Path) -> None:
    """Fetching again neither fails nor takes the file from a VM that boots from it."""
    put_debian(host)
    first = stock.fetch().vmlinuz.stat().st_ino

    again = stock.fetch().vmlinuz.stat().st_ino

    assert again == first


def test_the_kernel_built_last_is_found(host: Path) -> None:
    """By the time of the build, which unpacking keeps: names do not sort as versions do."""
    stock_root = host.parent / "cache/qemu-boot-time/stock"
    for built_s, name in ((5, "6.1.0-10_6.1.10-1"), (3, "6.1.0-9_6.1.9-1"), (4, "6.1.0-1_6.1.1-1")):
        (stock_root / name).mkdir(parents=True)
        (stock_root / name / "vmlinuz").write_bytes(bytes(9 - built_s))
        os.utime(stock_root / name / "vmlinuz", (built_s, built_s))

    found = stock.find()

    assert found is not None
    assert (found.release, found.version) == ("6.1.0-10", "6.1.10-1")


def test_ubuntus_metapackage_is_taken_where_debians_is_unknown(host: Path) -> None:
    """The image is picked among what the metapackage depends on."""
    put_debian(
        host, shown=VIRTUAL, unpack=UNPACK.replace("6.1.0-56-cloud-amd64", "6.8.0-9-generic")
    )
    put(host, "apt-cache", f'case "$*" in *virtual) echo "{VIRTUAL}";; *) exit 100;; esac')

    assert stock.fetch().release == "6.8.0-9-generic"


def test_empty_package_lists_are_named_with_the_remedy(host: Path) -> None:
    """apt-cache knows nothing before the first update: that is the hint."""
    put_debian(host)
    put(host, "apt-cache", "echo 'E: No packages found' >&2; exit 100")

    with pytest.raises(HostError, match="apt knows no package") as caught:
        stock.fetch()

    assert caught.value.hint == "sudo apt-get update"


def test_a_host_without_apt_is_told_to_bring_a_kernel(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint is a command that works on any distribution."""
    monkeypatch.setenv("PATH", str(host))

    with pytest.raises(HostError, match="apt-get: not found") as caught:
        stock.fetch()

    assert "-kernel bzImage" in caught.value.hint


def test_a_failed_download_leaves_nothing_behind(host: Path) -> None:
    """What went wrong is apt's own last line, and the cache is as it was."""
    put_debian(host)
    put(host, "apt-get", "echo half > x.deb.partial; echo 'E: no route to host' >&2; exit 100")

    with pytest.raises(ProgramError, match="no route to host"):
        stock.fetch()

    assert stock.find() is None
    assert list((host.parent / "cache/qemu-boot-time/stock").iterdir()) == []


def test_a_package_without_a_kernel_is_refused(host: Path) -> None:
    """Nothing half-made can be found later."""
    put_debian(host, unpack='mkdir -p "$3/usr"')

    with pytest.raises(HostError, match=r"no boot/vmlinuz-\* in it"):
        stock.fetch()

    assert stock.find() is None
