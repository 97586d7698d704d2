"""Which archives the host's own packages come from: apt's source lists, read and never written.

Both styles of sources.list(5) are read. Entries of third parties are left out: they have no sources
of QEMU or Linux that are the distribution's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qemu_boot_time.errors import HostError

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
_POCKETS = ("-updates", "-security")
_ROLLING = ("sid", "unstable", "experimental", "rc-buggy")
"""Suites that have no pockets."""
_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.*)"
)


@dataclass(frozen=True, slots=True)
class Archive:
    """One entry of apt's source lists that packages come from (``deb``)."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    """A keyring, a fingerprint or a key; empty: whatever apt trusts."""

    def stanza(self) -> str:
        """Give it as deb822, with its sources."""
        lines = [
            "Types: deb deb-src",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
            "Targets: Packages Sources",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Host:
    """What distribution this is."""

    id: str
    """``debian``, ``ubuntu``..."""
    codename: str

    @classmethod
    def read(cls, os_release: Path = OS_RELEASE) -> "Host":
        """Read os-release(5). Raises HostError where it names no release."""
        text = os_release.read_text(encoding="utf-8") if os_release.exists() else ""
        values = dict(re.findall(r'^(ID|VERSION_CODENAME)="?([^"\n]*)"?$', text, re.MULTILINE))
        if not values.get("VERSION_CODENAME"):
            raise HostError(
                f"{os_release}: names no release of a distribution",
                hint="choose a suite with --suite, or give a source tree with --source DIR",
            )
        return cls(values.get("ID", ""), values["VERSION_CODENAME"])


def for_suite(suite: str, host: Host, apt: Path = APT) -> tuple[Archive, ...]:
    """Give the distribution's archives of ``suite``, derived from those that the host uses.

    Raises HostError where the host's lists have no entry of its distribution.
    """
    own = [archive for archive in read(apt) if _is_own(archive, host)]
    found = {_move(archive, suite) for archive in own}
    archives = sorted((archive for archive in found if archive.suites), key=Archive.stanza)
    if not archives:
        raise HostError(
            f"{apt}: no sources of {host.id or 'the distribution'} itself",
            hint="give a source tree of your own: qbt build PIECE --source DIR",
        )
    return tuple(archives)


def read(apt: Path = APT) -> tuple[Archive, ...]:
    """Read every enabled ``deb`` entry of sources.list and sources.list.d, in both styles."""
    lines = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    stanzas = sorted((apt / "sources.list.d").glob("*.sources"))
    return (
        *(a for path in lines if path.is_file() for a in one_line(path.read_text("utf-8"))),
        *(a for path in stanzas for a in deb822(path.read_text("utf-8"))),
    )


def one_line(text: str) -> Iterator[Archive]:
    """Read the ``deb [options] URI suite component...`` style."""
    for line in text.splitlines():
        entry = _ONE_LINE.match(line.partition("#")[0].strip())
        if entry:
            options = dict(
                option.partition("=")[::2] for option in (entry["options"] or "").split()
            )
            signed_by = options.get("signed-by", "")
            yield Archive(
                (entry["uri"],), (entry["suite"],), tuple(entry["rest"].split()), signed_by
            )


def deb822(text: str) -> Iterator[Archive]:
    """Read the style of stanzas with one ``Field: value`` a line."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = _fields(stanza)
        enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "0"}
        if enabled and "deb" in fields.get("types", "").split():
            yield Archive(
                tuple(fields.get("uris", "").split()),
                tuple(fields.get("suites", "").split()),
                tuple(fields.get("components", "").split()),
                fields.get("signed-by", ""),
            )


def _fields(stanza: str) -> Mapping[str, str]:
    """Split a stanza; a value goes on over the lines that begin with a space (a key does)."""
    pairs = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
    return {name.lower(): value.strip() for name, value in pairs}


def _is_own(archive: Archive, host: Host) -> bool:
    """Whether the entry is the distribution's: third parties use its suites' names as well."""
    segments = [segment for uri in archive.uris for segment in uri.split("/")]
    return (
        "main" in archive.components
        and any(re.fullmatch(rf"{host.id}(-\w+)?", segment) for segment in segments)
        and (not archive.signed_by or f"{host.id}-archive" in archive.signed_by)
    )


def _move(archive: Archive, suite: str) -> Archive:
    """Give the same archive for another suite, its pockets (updates, security) along with it."""
    pockets = {_pocket(old) for old in archive.suites} & {"", *_POCKETS}
    if suite in _ROLLING or _pocket(suite):
        pockets &= {_pocket(suite) if _pocket(suite) in _POCKETS else ""}
        return replace(archive, suites=(suite,) if pockets else ())
    return replace(archive, suites=tuple(suite + pocket for pocket in sorted(pockets)))


def _pocket(suite: str) -> str:
    """Give ``-updates`` of ``bookworm-updates``, ``-backports`` of ``bookworm-backports``."""
    name, dash, pocket = suite.partition("-")
    return "" if suite in _ROLLING or not name else dash + pocket
