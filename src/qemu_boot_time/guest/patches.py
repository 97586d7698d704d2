"""The patches that add the trace points: what there is, and putting one into a tree.

Every patch of a project's directory is one variant for some range of its versions. Which one fits
is found by trying (``git apply --check``), never by comparing version numbers. Nothing is applied
with fuzz, and a failure leaves the tree as it was.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, InputError, ProgramError, UsageError
from qemu_boot_time.guest import data

_GIT_HINT = "sudo apt-get install git"
_GIT_S = 120.0
_OURS = ("-c", "user.name=qemu-boot-time", "-c", "user.email=qemu-boot-time@users.noreply.example")
_REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class Project(StrEnum):
    """What there are patches for."""

    SEABIOS = "seabios"
    QEMU = "qemu"
    LINUX = "linux"


class Method(StrEnum):
    """How a patch was put into a tree."""

    AM = "git am"
    APPLY = "git apply"


@dataclass(frozen=True, slots=True)
class Switch:
    """What turns the marks of a patched tree on: they are off until then."""

    setting: str
    where: str


SWITCHES: Mapping[Project, Switch] = MappingProxyType(
    {
        Project.SEABIOS: Switch("CONFIG_BOOT_TIME_MARKS=y", "make menuconfig, Debugging"),
        Project.QEMU: Switch("CPPFLAGS=-DBOOT_TIME_MARKS", "make, in pc-bios/optionrom"),
        Project.LINUX: Switch("CONFIG_BOOT_TIME_MARKS=y", "make menuconfig, Kernel hacking"),
    }
)


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, as it lies in ``patches/PROJECT/``."""

    project: Project
    path: Path
    subject: str
    files: tuple[str, ...]
    """What it changes, relative to the top of the tree."""

    @property
    def switch(self) -> Switch:
        """What turns its marks on."""
        return SWITCHES[self.project]

    @property
    def text(self) -> str:
        """The patch itself, as git made it."""
        return self.path.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Applied:
    """A patch that is in a tree now."""

    patch: Patch
    tree: Path
    method: Method
    commit: str
    """The commit it became; empty where the tree is no git tree."""


def available(project: Project | None = None) -> tuple[Patch, ...]:
    """Give the patches of one project, or all of them, in the order in which they are tried."""
    return tuple(
        _read(one, path)
        for one in ([project] if project else Project)
        for path in sorted((data.directory("patches") / one).glob("*.patch"))
    )


def _read(project: Project, path: Path) -> Patch:
    text = path.read_text(encoding="utf-8")
    subject = re.search(r"^Subject: (?:\[PATCH[^]]*\] )?(.*(?:\n .*)*)", text, re.MULTILINE)
    files = re.findall(r"^diff --git a/\S+ b/(\S+)$", text, re.MULTILINE)
    if not subject or not files:
        raise InputError(f"{path}: not a patch made by git", hint="git format-patch -1 makes one")
    return Patch(project, path, " ".join(subject[1].split()), tuple(files))


def is_applied(project: Project, tree: Path) -> bool:
    """Whether one of the project's patches is in the tree."""
    return any(_trouble(patch, tree, "--reverse") == "" for patch in available(project))


def fitting(project: Project, tree: Path) -> Patch:
    """Find the patch that applies to the tree.

    Raises InputError that names, for the patch that comes closest, each hunk that does not.
    """
    troubles: dict[Patch, str] = {}
    for patch in available(project):
        trouble = _trouble(patch, tree)
        if not trouble:
            return patch
        troubles[patch] = trouble
    if not troubles:
        raise HostError(f"{project}: no patch in this installation", hint="qbt patch list")
    closest = min(troubles, key=lambda patch: troubles[patch].count("\n"))
    what = "; ".join(_explain(closest, troubles[closest])) or troubles[closest].strip()
    raise InputError(
        f"{tree}: {closest.path.name} does not apply: {what}",
        hint=f"is this the top of a {project} tree? 'qbt patch show {project}' shows what goes where",
    )


def apply(project: Project, tree: Path) -> Applied:
    """Put the marks into a tree, as a commit where it is a git tree.

    Raises InputError for a tree that is dirty, already patched, or that no patch fits.
    """
    if not tree.is_dir():
        raise InputError(f"{tree}: no such directory", hint=f"give the top of a {project} tree")
    if is_applied(project, tree):
        raise InputError(
            f"{tree}: already has the boot time marks",
            hint=f"switch them on: {SWITCHES[project].setting}",
        )
    if not (tree / ".git").exists():
        patch = fitting(project, tree)
        _git(tree, "apply", "--whitespace=nowarn", str(patch.path))
        return Applied(patch, tree, Method.APPLY, "")
    _refuse_unclean(tree)
    patch = fitting(project, tree)
    return Applied(patch, tree, Method.AM, _am(patch, tree))


def _refuse_unclean(tree: Path) -> None:
    for state in ("rebase-apply", "rebase-merge"):
        path = _git(tree, "rev-parse", "--git-path", state).strip()
        if (tree / path).exists():
            raise UsageError(
                f"{tree}: a rebase or 'git am' is under way",
                hint="finish it, or give it up with 'git rebase --abort' or 'git am --abort'",
            )
    dirty = _changes(tree).splitlines()
    if dirty:
        more = f" and {len(dirty) - 1} more" if dirty[1:] else ""
        raise UsageError(
            f"{tree}: changes that are not committed: {dirty[0][3:]}{more}",
            hint=f"commit them, or put them away: git -C {tree} stash",
        )


def _changes(tree: Path) -> str:
    return _git(tree, "status", "--porcelain", "--untracked-files=no")


def _am(patch: Patch, tree: Path) -> str:
    before = _git(tree, "rev-parse", "HEAD")
    am = ("am", "--quiet", "--no-3way", "--whitespace=nowarn", str(patch.path))
    try:
        _git(tree, *_committer(tree), *am)
    except ProgramError as error:
        _git(tree, "am", "--abort")
        if _git(tree, "rev-parse", "HEAD") != before or _changes(tree):
            raise HostError(
                f"{tree}: git am failed, and 'git am --abort' did not undo it",
                hint=f"git -C {tree} reset --hard {before.strip()}",
            ) from error
        raise InputError(
            f"{tree}: git am of {patch.path.name} failed and was undone: {error.output.strip()}",
            hint=f"git -C {tree} apply {patch.path} changes the files without a commit",
        ) from error
    return _git(tree, "rev-parse", "HEAD").strip()


def _committer(tree: Path) -> tuple[str, ...]:
    """Sign as ourselves where git knows of no committer: a build host often has none."""
    try:
        _git(tree, "var", "GIT_COMMITTER_IDENT")
    except ProgramError:
        return _OURS
    return ()


def _trouble(patch: Patch, tree: Path, *options: str) -> str:
    """Give what git has against the patch; empty: it fits."""
    try:
        _git(tree, "apply", "--check", "--whitespace=nowarn", *options, str(patch.path))
    except ProgramError as error:
        return error.output or str(error)
    return ""


def _explain(patch: Patch, trouble: str) -> Sequence[str]:
    """Turn "patch failed: FILE:LINE" into the hunk that begins at that line of that file."""
    failed = re.findall(r"^error: patch failed: (\S+):(\d+)$", trouble, re.MULTILINE)
    absent = re.findall(r"^error: (\S+: (?:No such file|already exists).*)$", trouble, re.MULTILINE)
    return [
        f"hunk {_hunk(patch, file, int(line))} of {file} (line {line})" for file, line in failed
    ] + absent


def _hunk(patch: Patch, file: str, line: int) -> int:
    part = patch.text.partition(f"\n+++ b/{file}\n")[2].partition("\ndiff --git ")[0]
    begins = [int(begin) for begin in re.findall(r"^@@ -(\d+)", part, re.MULTILINE)]
    return begins.index(line) + 1


def _git(tree: Path, *arguments: str) -> str:
    """Run git on this tree and on no other.

    Inside somebody else's repository ``git apply`` would skip every file and call it success.
    """
    env = {name: value for name, value in os.environ.items() if name not in _REPOSITORY_VARIABLES}
    env |= {"LC_ALL": "C", "GIT_CEILING_DIRECTORIES": str(tree.resolve().parent)}
    argv = ("git", *arguments)
    return process.run(argv, cwd=tree, env=env, timeout_s=_GIT_S, hint=_GIT_HINT).stdout
