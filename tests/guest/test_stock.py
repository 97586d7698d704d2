"""The stock kernel: which package, what is kept of it, and what is said where there is none.

What the distribution has and dpkg-deb are stand-ins here; tests/real/test_demo_guest.py asks the
real ones.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import distro, stock

RELEASE = "6.1.0-56-cloud-amd64"
DEB = f"linux-image-{RELEASE}_6.1.192-2_amd64.deb"
UNPACK = f'mkdir -p "$3/boot" && echo kernel > "$3/boot/vmlinuz-{RELEASE}"'


@dataclass(frozen=True)
class Host:
    """A host with a distribution of a few packages, and an empty cache."""

    cache: Path
    programs: Path
    depends: dict[str, tuple[str, ...]]

    def put_dpkg_deb(self, script: str) -> None:
        """Put a dpkg-deb first on PATH."""
        program = self.programs / "dpkg-deb"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host that knows Debian's metapackage."""
    made = Host(tmp_path / "cache/qemu-boot-time/stock", tmp_path / "bin", {})
    made.depends["linux-image-cloud-amd64"] = (f"linux-image-{RELEASE}",)
    made.programs.mkdir()
    made.put_dpkg_deb(UNPACK)

    def dependencies(name: str, *, progress: object) -> tuple[str, ...]:
        del progress
        if name not in made.depends:
            raise ProgramError("apt-cache depends: exit status 100", returncode=100)
        return made.depends[name]

    def fetch_binary(name: str, *, progress: object) -> distro.Package:
        del progress
        path = tmp_path / f"{name}_6.1.192-2_amd64.deb"
        path.touch()
        return distro.Package(name, "6.1.192-2", "bookworm", path)

    monkeypatch.setattr(distro, "dependencies", dependencies)
    monkeypatch.setattr(distro, "fetch_binary", fetch_binary)
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


def files(directory: Path) -> Mapping[str, bytes]:
    """Give all files below a directory by their paths in it."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def test_nothing_is_found_in_an_empty_cache(host: Host) -> None:
    """Looking never asks the network, nor makes the cache."""
    assert stock.find() is None
    assert not host.cache.exists()


def test_what_was_fetched_is_found(host: Host) -> None:
    """Release and version come from the package, and only the kernel is kept, no download."""
    said: list[str] = []

    fetched = stock.fetch(said.append)

    home = f"{RELEASE}_6.1.192-2"
    assert fetched == stock.StockKernel(RELEASE, "6.1.192-2", host.cache / home / "vmlinuz")
    assert stock.find() == fetched
    assert files(host.programs.parent / "cache") == {
        f"qemu-boot-time/stock/{home}/vmlinuz": b"kernel\n"
    }
    assert not (host.programs.parent / DEB).exists()
    assert said == [f"unpacking {DEB}"]


def test_a_kernel_that_is_there_already_is_left_alone(host: Host) -> None:
    """Fetching again neither fails nor takes the file from a VM that boots from it."""
    first = stock.fetch().vmlinuz.stat().st_ino

    again = stock.fetch().vmlinuz.stat().st_ino

    assert again == first
    assert [path.name for path in host.cache.iterdir()] == [f"{RELEASE}_6.1.192-2"]


def test_the_kernel_built_last_is_found(host: Host) -> None:
    """By the time of the build, which unpacking keeps: names do not sort as versions do."""
    for built_s, name in ((5, "6.1.0-10_6.1.10-1"), (3, "6.1.0-9_6.1.9-1"), (4, "6.1.0-1_6.1.1-1")):
        (host.cache / name).mkdir(parents=True)
        (host.cache / name / "vmlinuz").write_bytes(bytes(9 - built_s))
        os.utime(host.cache / name / "vmlinuz", (built_s, built_s))

    found = stock.find()

    assert found is not None
    assert (found.release, found.version) == ("6.1.0-10", "6.1.10-1")


def test_ubuntus_metapackage_is_taken_where_debians_is_unknown(host: Host) -> None:
    """The image is picked among what the metapackage depends on."""
    host.depends.clear()
    host.depends["linux-image-virtual"] = (
        "linux-modules-6.8.0-9-generic",
        "linux-image-6.8.0-9-generic",
        "linux-firmware",
    )
    host.put_dpkg_deb(UNPACK.replace(RELEASE, "6.8.0-9-generic"))

    assert stock.fetch().release == "6.8.0-9-generic"


@pytest.mark.parametrize("depends", [{}, {"linux-image-virtual": ("linux-image-virtual-hwe",)}])
def test_a_distribution_without_such_a_kernel_is_told_to_bring_one(
    depends: dict[str, tuple[str, ...]], host: Host
) -> None:
    """The hint is a command that works on any distribution."""
    host.depends.clear()
    host.depends.update(depends)

    with pytest.raises(HostError, match="no package linux-image-cloud-amd64 or") as caught:
        stock.fetch()

    assert "-kernel bzImage" in caught.value.hint


def test_a_package_without_a_kernel_is_refused(host: Host) -> None:
    """Nothing half-made can be found later, and nothing half-made is left."""
    host.put_dpkg_deb('mkdir -p "$3/usr"')

    with pytest.raises(HostError, match=r"no boot/vmlinuz-\* in it"):
        stock.fetch()

    assert stock.find() is None
    assert list(host.cache.iterdir()) == []


def test_a_package_that_cannot_be_unpacked_is_named(host: Host) -> None:
    """What went wrong is dpkg-deb's own last line."""
    host.put_dpkg_deb("echo 'dpkg-deb: error: not a Debian format archive' >&2; exit 2")

    with pytest.raises(ProgramError, match="not a Debian format archive"):
        stock.fetch()

    assert stock.find() is None
