"""Debian systems for tests: unpacked from packages without a mount, kept in the cache as disk images."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.process import Guard, require, run, run_logged

SUITE = "bookworm"

_TOOLS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}
_UNREAD = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")
_SUITE_OF_LABEL = {"Debian": "{}", "Debian-Security": "{}-security"}
_BUILD_TIMEOUT_S = 900.0

LIST_MIRRORS = (
    *("apt-get", "indextargets", "--format", "$(LABEL) $(SITE)"),
    *("Created-By: Packages", "Origin: Debian"),
)
"""Says where this host gets its Debian packages from, if it is a Debian host."""


def mirror_lines(indextargets: str, suite: str = SUITE) -> tuple[str, ...]:
    """Make lines for apt of what :data:`LIST_MIRRORS` printed; none: mmdebstrap's own default."""
    places = dict.fromkeys(tuple(line.split()) for line in indextargets.splitlines())
    return tuple(
        f"deb {site} {_SUITE_OF_LABEL[label].format(suite)} main"
        for label, site in places
        if label in _SUITE_OF_LABEL
    )


def bootstrap_argv(
    root: Path, packages: Iterable[str], hooks: Iterable[str], mirrors: Iterable[str]
) -> tuple[str, ...]:
    """Give the command that unpacks the packages in ``root``; ``hooks`` are options of mmdebstrap.

    It mounts nothing below ``root``, so that whoever removes the tree removes only the tree.
    """
    return (
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        *("--skip=chroot/mount", "--aptopt=APT::Sandbox::User root"),
        f"--include={','.join(packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _UNREAD),
        *hooks,
        *(SUITE, str(root), *mirrors),
    )


def bootstrap(root: Path, packages: Iterable[str], hooks: Iterable[str], *, log: Path) -> None:
    """Unpack the packages in ``root``."""
    mirrors = mirror_lines(run(LIST_MIRRORS, hint="apt install apt").stdout)
    argv = bootstrap_argv(root, packages, hooks, mirrors)
    run_logged(argv, log=log, timeout_s=_BUILD_TIMEOUT_S)


def extract(root: Path, suite: str, packages: Iterable[str], *, log: Path) -> None:
    """Unpack packages of another release, and what they need, in ``root``; nothing is set up."""
    mirrors = mirror_lines(run(LIST_MIRRORS, hint="apt install apt").stdout, suite)
    argv = (
        *("mmdebstrap", "--mode=root", "--variant=extract", "--format=directory"),
        *("--aptopt=APT::Sandbox::User root", "--aptopt=APT::Install-Recommends false"),
        f"--include={','.join(packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _UNREAD),
        *(suite, str(root), *mirrors),
    )
    run_logged(argv, log=log, timeout_s=_BUILD_TIMEOUT_S)


def make_disk(root: Path, image: Path, room: str) -> None:
    """Make an ext4 file system, sparse, of the tree ``root``."""
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root)]
    run(["mke2fs", *options, str(image), room], timeout_s=300)


def kept(
    shelf: str, key: str, tools: Mapping[str, str], build: Callable[[Path, Path, Path], None]
) -> Path:
    """Give the directory ``key`` on a shelf of our cache; build it where it is not there.

    ``build(root, parts, log)`` unpacks in ``root`` and leaves what is kept in ``parts``. ``tools`` it
    needs as program to package. Raises HostError where this host cannot build it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "qemu-boot-time" / shelf / key
    home.parent.mkdir(parents=True, exist_ok=True)
    with _locked(home.parent / "lock"):
        if not home.exists():
            _check_host({**_TOOLS, **tools})
            _build_in(home, build)
    return home


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _check_host(tools: Mapping[str, str]) -> None:
    if os.geteuid():
        raise HostError("building a Debian system needs root", hint="run the tests as root")
    for tool, package in tools.items():
        require(tool, hint=f"apt install {package}")


def _build_in(home: Path, build: Callable[[Path, Path, Path], None]) -> None:
    log = home.with_suffix(".log")
    log.unlink(missing_ok=True)
    with Guard() as guard, tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        guard.watch("remove", scratch)
        root, parts = Path(scratch, "root"), Path(scratch, "parts")
        parts.mkdir()
        build(root, parts, log)
        parts.rename(home)
