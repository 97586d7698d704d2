"""What all recipes share: the tools they need, the bench they work at, the tree they start from."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, InputError, ProgramError
from qemu_boot_time.guest import distro, patches
from qemu_boot_time.guest.build_cache import BuiltFrom

Progress = Callable[[str], None]

_STAGE_S = 3 * 3600.0
_GAVE_UP = re.compile(r"(g?make(\[\d+\])?|ninja): ")
"""What make and ninja say of themselves: that something failed, not why."""


class Piece(StrEnum):
    """What can be built."""

    SEABIOS = "seabios"
    QBOOT = "qboot"
    OPTIONROM = "optionrom"
    LINUX = "linux"


@dataclass(frozen=True, slots=True)
class Need:
    """A tool or a header that a build needs, and the package that has it."""

    what: str
    package: str

    @property
    def is_there(self) -> bool:
        """Whether this host has it."""
        if not self.what.endswith(".h"):
            return shutil.which(self.what) is not None
        program = f"#include <{self.what}>\n".encode()
        try:
            process.run(("gcc", "-E", "-o", os.devnull, "-x", "c", "-"), stdin=program)
        except HostError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one build works: every step is a stage that is shown, and logged."""

    source: Path
    """The top of the tree, patched; a copy that may be written."""
    work: Path
    """For whatever is made on the way."""
    log: Path
    jobs: int
    progress: Progress

    def run(self, stage: str, *argv: str, cwd: Path | None = None) -> None:
        """Run one program of the build. Raises ProgramError with the last lines of the log."""
        self.progress(stage)
        try:
            process.run_logged(
                argv,
                log=self.log,
                timeout_s=_STAGE_S,
                cwd=cwd or self.source,
                env=os.environ | {"LC_ALL": "C"},
                tick=lambda: self.progress(stage),
            )
        except ProgramError as error:
            raise ProgramError(
                f"{stage}: {error.what}: {_complaint(error.output)}",
                returncode=error.returncode,
                output=error.output,
                hint=f"the whole log: {self.log}",
            ) from error


def _complaint(output: str) -> str:
    """Find the line that says what is wrong: the last ones only say that something was."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("$ ")]
    lines = [line for line in lines if not _GAVE_UP.match(line)] or lines
    errors = (line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE))
    return next(errors, lines[-1] if lines else "it says nothing")


@dataclass(frozen=True, slots=True)
class Tree:
    """A source tree, and how to call it."""

    name: str
    version: str
    suite: str
    sha256: str
    unpack: Callable[[Bench], None]
    """Put it at ``bench.source``."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one piece is made."""

    piece: Piece
    version: int
    """To be raised when ``make`` or ``config`` changes in a way that changes the artefacts."""
    project: patches.Project | None
    """Whose patch it needs; None: its source has the marks already."""
    config: str
    """Configuration text of our own; empty: none."""
    needs: tuple[Need, ...]
    fetch: Callable[[str | None, Progress], Tree]
    """Fetch the distribution's source of a suite."""
    parts: tuple[str, ...]
    """What is needed of a tree of the user's; empty: everything."""
    make: Callable[[Bench], Mapping[str, Path]]
    """Make the artefacts: file name to where it is."""

    def built_from(self, tree: Tree) -> BuiltFrom:
        """Tell what a build of this tree, on this host, is built from."""
        return BuiltFrom(
            piece=self.piece,
            recipe=self.version,
            source=tree.name,
            version=tree.version,
            suite=tree.suite,
            source_sha256=tree.sha256,
            patch_sha256=self.patch_sha256,
            config_sha256=self.config_sha256,
            compiler=_compiler(),
        )

    @property
    def patch_sha256(self) -> str:
        """The hash of all variants of the patch; empty where none is needed."""
        if self.project is None:
            return ""
        text = "".join(patch.text for patch in patches.available(self.project))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def config_sha256(self) -> str:
        """The hash of our configuration text."""
        return hashlib.sha256(self.config.encode()).hexdigest()

    def require_tools(self) -> None:
        """Raise one HostError that names every package that is missing."""
        missing = sorted({need.package for need in self.needs if not need.is_there})
        if missing:
            raise HostError(
                f"{self.piece}: this host lacks what it takes to build it: {', '.join(missing)}",
                hint=f"sudo apt-get install {' '.join(missing)}",
            )


COMPILER = (Need("gcc", "gcc"), Need("ld", "binutils"), Need("git", "git"))
DPKG_SOURCE = (Need("dpkg-source", "dpkg-dev"), Need("patch", "patch"), Need("xz", "xz-utils"))


def source_package(name: str) -> Callable[[str | None, Progress], Tree]:
    """Give a ``Recipe.fetch`` for a source package: unpacked, with the distribution's patches."""

    def fetch(suite: str | None, progress: Progress) -> Tree:
        package = distro.fetch_source(name, suite=suite, progress=progress)

        def unpack(bench: Bench) -> None:
            argv = ("dpkg-source", "--no-check", "-x", str(package.path), str(bench.source))
            bench.run(f"unpacking {name} {package.version}", *argv, cwd=bench.work)

        return Tree(name, package.version, package.suite, package.sha256, unpack)

    return fetch


def user_tree(directory: Path, parts: tuple[str, ...]) -> Tree:
    """Take a tree of the user's: copied, so that it stays as it is.

    Raises InputError where it is none, or lacks one of ``parts``.
    """
    wanted = [directory / part for part in parts] or [directory]
    absent = [path for path in wanted if not path.exists()]
    if absent or not directory.is_dir():
        raise InputError(
            f"{absent[0] if absent else directory}: not there",
            hint="--source takes the top of a source tree of the project",
        )

    def unpack(bench: Bench) -> None:
        bench.progress(f"copying {directory}")
        for path in wanted:
            _copy(path, bench.source / path.relative_to(directory))

    return Tree(str(directory.resolve()), _describe(directory), "", _fingerprint(wanted), unpack)


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        shutil.copy2(path, target)
        return
    ignore = shutil.ignore_patterns(".git", "*.o", "*.ko", "*.cmd")
    shutil.copytree(path, target, symlinks=True, ignore=ignore)


def _describe(directory: Path) -> str:
    try:
        argv = ("git", "-C", str(directory), "describe", "--always", "--tags", "--dirty")
        return process.run(argv).stdout.strip()
    except HostError:
        return "unknown"


def _fingerprint(paths: list[Path]) -> str:
    """Hash names, sizes and times: to read a whole kernel tree would take longer than to copy it."""
    digest = hashlib.sha256()
    for top in paths:
        files = (file for file in sorted(top.rglob("*")) if ".git" not in file.parts)
        for file in (top, *files):
            status = file.lstat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _compiler() -> str:
    return process.run(("gcc", "--version")).stdout.partition("\n")[0]
