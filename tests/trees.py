"""Small source trees, plain and in git, and patches between them."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

Tree = Mapping[str, str]
"""File name to content."""


def git(directory: Path, *arguments: str) -> str:
    """Run git as a committer of its own, with no configuration of the host."""
    env = os.environ | {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@t.example",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@t.example",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout


def write(directory: Path, tree: Tree) -> Path:
    """Lay out a tree of files."""
    for name, text in tree.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def git_tree(directory: Path, tree: Tree) -> Path:
    """Lay out a tree of files and commit it."""
    return commit_all(write(directory, tree))


def commit_all(directory: Path) -> Path:
    """Make a git tree of what is there."""
    git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "pristine")
    return directory


def make_patch(where: Path, before: Tree, after: Tree, target: Path) -> None:
    """Make a patch the way git does."""
    tree = git_tree(where, before)
    write(tree, after)
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "post: Add marks")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(git(tree, "format-patch", "-1", "--stdout"))
