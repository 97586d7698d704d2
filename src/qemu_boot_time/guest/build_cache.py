"""Built pieces, kept under what they were built from: ``builds/PIECE/KEY/``.

An entry appears whole or not at all, and says in ``built-from.json`` what it is. One build of a
piece runs at a time; who comes second finds the entry of the first.
"""

import contextlib
import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import cache

BUILT_FROM = "built-from.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class BuiltFrom:
    """Everything that decides what a build gives. Hashes are SHA-256, in hex."""

    piece: str
    recipe: int
    """The version of our own recipe."""
    source: str
    """The name of the package, or the path of a tree of the user's."""
    version: str
    suite: str
    """Empty for a tree of the user's."""
    source_sha256: str
    patch_sha256: str
    """Empty for a piece that has the marks without a patch."""
    config_sha256: str
    compiler: str

    @property
    def key(self) -> str:
        """The name of the entry in the cache."""
        canonical = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece in the cache."""

    directory: Path
    built_from: BuiltFrom
    files: Mapping[str, Path]


def find(built_from: BuiltFrom) -> Entry | None:
    """Give the entry for just this, where it is there and whole."""
    entry = _read(_home(built_from.piece) / built_from.key)
    return entry if entry and entry.built_from == built_from else None


def entries(piece: str) -> tuple[Entry, ...]:
    """Give what there is of a piece, the newest first."""
    manifests = sorted(
        _home(piece).glob(f"*/{BUILT_FROM}"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    found = (_read(path.parent) for path in manifests)
    return tuple(entry for entry in found if entry)


@contextlib.contextmanager
def workshop(piece: str, *, waiting: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Give a directory to build in, below the cache: gone afterwards, come what may.

    While another build of the piece is under way it waits, and says so by calling ``waiting``.
    Raises HostError for a cache that cannot be written.
    """
    home = _home(piece)
    with _locked(home, waiting), process.Guard() as guard:
        for left_over in home.glob(".new-*"):
            shutil.rmtree(left_over)
        with cache.staging(home) as directory:
            guard.watch("remove", str(directory))
            yield directory
            guard.release("remove", str(directory))


def publish(built_from: BuiltFrom, made: Mapping[str, Path], staging: Path) -> Entry:
    """Move artefacts (name to where it was made) into the cache. ``staging`` is in a workshop."""
    staging.mkdir()
    for name, path in made.items():
        shutil.copyfile(path, staging / name)
    manifest = {
        "schema": _SCHEMA,
        "built_from": asdict(built_from),
        "files": {name: sha256(staging / name) for name in made},
    }
    (staging / BUILT_FROM).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    final = _home(built_from.piece) / built_from.key
    shutil.rmtree(final, ignore_errors=True)
    staging.rename(final)
    entry = find(built_from)
    if entry is None:
        raise HostError(f"{final}: damaged as soon as it was written", hint="check the disk")
    return entry


def log_path(piece: str) -> Path:
    """Tell where the log of the last build of a piece is."""
    return cache.directory("builds") / f"{piece}.log"


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _home(piece: str) -> Path:
    return cache.directory("builds") / piece


@contextlib.contextmanager
def _locked(home: Path, waiting: Callable[[], None]) -> Iterator[None]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / ".lock").open("w")
    except OSError as error:
        raise HostError(
            f"{home}: {error.strerror}", hint="set XDG_CACHE_HOME to a directory that you can write"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(directory: Path) -> Entry | None:
    """Read an entry; one that is damaged, or from another version of us, is none."""
    try:
        manifest = json.loads((directory / BUILT_FROM).read_text(encoding="utf-8"))
        if manifest["schema"] != _SCHEMA:
            return None
        built_from = BuiltFrom(**manifest["built_from"])
        files = {name: directory / name for name in manifest["files"]}
        whole = all(sha256(files[name]) == known for name, known in manifest["files"].items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return Entry(directory, built_from, files) if whole else None
