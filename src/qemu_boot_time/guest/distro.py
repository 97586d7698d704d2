"""Packages of the distribution, binary and source, of any suite, without touching the host's apt.

apt runs with lists, state and cache of its own below our cache directory, so it needs no root and
the user's lists and dpkg's database stay as they are. The user's apt.conf still counts (proxies),
and signatures are verified as ever.
"""

import contextlib
import fcntl
import functools
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import apt_sources, cache

STALE_S = 24 * 3600
"""Package lists older than this are fetched again."""
Progress = Callable[[str], None]

_UPDATE_S = 600.0
_DOWNLOAD_S = 3600.0
_NO_APT = "this host has no apt: give a source tree of your own with --source DIR"
_NO_KEY = ("NO_PUBKEY", "Missing key", "is not signed")
"""What apt says where it verifies with gpgv, where with sqv, and of the suite as a whole."""
_CONFIGURATION = """\
Dir::State "{home}/state";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{home}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "2";
// The user _apt cannot enter a home directory; nothing here runs with more rights than ours.
APT::Sandbox::User "root";
// The hooks of the host (PackageKit, appstream) are for the host's own lists.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class Kind(Enum):
    """What is fetched: the command that does, and the one that tells which versions there are."""

    SOURCE = (("apt-get", "source", "--download-only"), ("apt-cache", "showsrc", "--only-source"))
    UPSTREAM = (
        ("apt-get", "source", "--download-only", "--tar-only"),
        ("apt-cache", "showsrc", "--only-source"),
    )
    BINARY = (("apt-get", "download"), ("apt-cache", "show", "--all-versions"))


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was fetched."""

    name: str
    version: str
    suite: str
    path: Path
    """The ``.dsc`` of a source package, with its tarballs beside it; a tarball; a ``.deb``."""

    @property
    def sha256(self) -> str:
        """The hash of ``path``; a ``.dsc`` has the hashes of its tarballs."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def host_suite() -> str:
    """Tell which suite this host runs; empty where it names none."""
    try:
        return apt_sources.Host.read().codename
    except HostError:
        return ""


def fetch_source(
    name: str, *, suite: str | None = None, progress: Progress = lambda _: None
) -> Package:
    """Fetch a source package, by default of the suite that the host runs.

    Raises HostError without apt, network, or the suite's keys.
    """
    return _fetch(Kind.SOURCE, name, suite, progress)


def fetch_upstream(
    name: str, *, suite: str | None = None, progress: Progress = lambda _: None
) -> Package:
    """Fetch the tarball of a source package, pristine. Raises as :func:`fetch_source`."""
    return _fetch(Kind.UPSTREAM, name, suite, progress)


def fetch_binary(
    name: str, *, suite: str | None = None, progress: Progress = lambda _: None
) -> Package:
    """Fetch a binary package, neither unpacked nor installed. Raises as :func:`fetch_source`."""
    return _fetch(Kind.BINARY, name, suite, progress)


def dependencies(
    name: str, *, suite: str | None = None, progress: Progress = lambda _: None
) -> tuple[str, ...]:
    """Tell what a binary package depends on: the way from a metapackage to what it stands for."""
    with _apt(suite, progress) as apt:
        shown = apt.run("apt-cache", "depends", "--important", name)
    return tuple(re.findall(r"^\s*\|?Depends: (\S+)$", shown, re.MULTILINE))


@dataclass(frozen=True, slots=True)
class _Apt:
    """apt with everything of its own."""

    home: Path
    suite: str

    def run(self, *argv: str, cwd: Path | None = None, timeout_s: float = 60.0) -> str:
        options = ("-c", str(self.home / "apt.conf"), "-q")
        return process.run(
            (argv[0], *options, *argv[1:]), cwd=cwd, timeout_s=timeout_s, hint=_NO_APT
        ).stdout


def _fetch(kind: Kind, name: str, suite: str | None, progress: Progress) -> Package:
    with _apt(suite, progress) as apt:
        into = cache.directory("downloads") / apt.suite
        into.mkdir(parents=True, exist_ok=True)
        failure: ProgramError | None = None
        for version in _versions(apt, kind, name):
            progress(f"fetching {name} {version} of {apt.suite}")
            try:
                apt.run(*kind.value[0], f"{name}={version}", cwd=into, timeout_s=_DOWNLOAD_S)
            except ProgramError as error:
                # A mirror in the middle of an update lists what it does not have (yet).
                if "404" not in error.output:
                    raise
                failure = failure or error
            else:
                return Package(name, version, apt.suite, _found(into, kind, name, version))
        raise HostError(
            f"{name}: not to be had from {apt.suite}'s archives"
            + (f": {failure.output.strip().splitlines()[0]}" if failure else ""),
            hint="choose another suite with --suite, or give a source tree with --source DIR",
        )


def _versions(apt: _Apt, kind: Kind, name: str) -> list[str]:
    """Tell which versions there are, the newest first."""
    try:
        shown = apt.run(*kind.value[1], name)
    except ProgramError:
        return []
    versions = set(re.findall(r"^Version: (\S+)$", shown, re.MULTILINE))
    return sorted(versions, key=functools.cmp_to_key(_compare), reverse=True)


def _compare(one: str, other: str) -> int:
    try:
        process.run(("dpkg", "--compare-versions", one, "gt", other), hint=_NO_APT)
    except ProgramError:
        return -1
    return 1


def _found(into: Path, kind: Kind, name: str, version: str) -> Path:
    """Find what apt wrote: the epoch is not in the name of a ``.dsc``, and ``%3a`` in a ``.deb``'s."""
    plain = version.rpartition(":")[2]
    if kind is Kind.SOURCE:
        return into / f"{name}_{plain}.dsc"
    if kind is Kind.UPSTREAM:
        return next(into.glob(f"{name}_{plain.rpartition('-')[0]}.orig.tar.*"))
    escaped = version.replace(":", "%3a")
    return next(into.glob(f"{name}_{escaped}_*.deb"))


@contextlib.contextmanager
def _apt(suite: str | None, progress: Progress) -> Iterator[_Apt]:
    """Give a private apt for a suite, with lists that are not stale; one user at a time."""
    process.require("apt-get", hint=_NO_APT)
    host = apt_sources.Host.read()
    apt = _Apt(cache.directory("apt") / (suite or host.codename), suite or host.codename)
    apt.home.mkdir(parents=True, exist_ok=True)
    with (apt.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        changed = _configure(apt, host)
        stamp = apt.home / "updated"
        if changed or not stamp.exists() or time.time() - stamp.stat().st_mtime > STALE_S:
            _update(apt, stamp, progress)
        yield apt


def _configure(apt: _Apt, host: apt_sources.Host) -> bool:
    """Write the private configuration; tell whether the archives are others than last time."""
    for name in ("state/lists/partial", "cache/archives/partial", "sources"):
        (apt.home / name).mkdir(parents=True, exist_ok=True)
    (apt.home / "status").touch()
    (apt.home / "apt.conf").write_text(_CONFIGURATION.format(home=apt.home), encoding="utf-8")
    stanzas = "\n".join(a.stanza() for a in apt_sources.for_suite(apt.suite, host))
    sources = apt.home / "sources/qbt.sources"
    changed = not sources.exists() or sources.read_text(encoding="utf-8") != stanzas
    sources.write_text(stanzas, encoding="utf-8")
    return changed


def _update(apt: _Apt, stamp: Path, progress: Progress) -> None:
    progress(f"fetching the package lists of {apt.suite}")
    try:
        apt.run("apt-get", "update", "--error-on=any", timeout_s=_UPDATE_S)
    except ProgramError as error:
        if any(words in error.output for words in _NO_KEY):
            raise HostError(
                f"{apt.suite}: this host lacks the keys that sign the suite",
                hint="install the newest keyring package of your distribution "
                "(Debian: sudo apt-get install debian-archive-keyring)",
            ) from error
        if not stamp.exists():
            raise HostError(
                f"{apt.suite}: no package lists: {_first_error(error)}",
                hint="is there a network, and does the suite exist? else: --source DIR",
            ) from error
        progress(f"no fresh package lists of {apt.suite}; going on with the old ones")
        return
    stamp.touch()


def _first_error(error: ProgramError) -> str:
    lines = [line for line in error.output.splitlines() if line.startswith("E: ")]
    return lines[0][3:] if lines else str(error)
