"""Patches: the right one is chosen by trying, and nothing is left behind when none fits."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qemu_boot_time import protocol
from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.guest import data, patches
from qemu_boot_time.guest.patches import Method, Project
from trees import Tree, git, git_tree, make_patch, write

OLD = "".join(f"line {number}\n" for number in range(1, 41))
NEW = OLD.replace("line 3\n", "line three\n")
MARKED = "MARK\nline 20\n"
Maker = Callable[[Path, Tree], Path]


@pytest.fixture(autouse=True)
def _variants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variants: the first for trees with "line 3", the second for those with "line three"."""
    root = tmp_path / "patches"
    for name, text in (("1-old", OLD), ("2-new", NEW)):
        after = {
            "src/post.c": text.replace("line 20\n", MARKED).replace("line 2\n", "MARK\nline 2\n"),
            "src/benchmark.h": "marks\n",
        }
        make_patch(tmp_path / name, {"src/post.c": text}, after, root / f"seabios/{name}.patch")
    monkeypatch.setattr(data, "directory", lambda name: tmp_path / name)


def test_lists_subject_and_files() -> None:
    """A patch tells its subject without the prefix, and the files that it changes."""
    first, second = patches.available(Project.SEABIOS)

    assert (first.subject, first.files) == ("post: Add marks", ("src/benchmark.h", "src/post.c"))
    assert second.path.name == "2-new.patch"


@pytest.mark.parametrize(("text", "chosen"), [(OLD, "1-old.patch"), (NEW, "2-new.patch")])
def test_variant_is_chosen_by_trying(tmp_path: Path, text: str, chosen: str) -> None:
    """The variant that git can apply is the one that is applied."""
    tree = write(tmp_path / "tree", {"src/post.c": text})

    applied = patches.apply(Project.SEABIOS, tree)

    assert (chosen, Method.APPLY, "") == (applied.patch.path.name, applied.method, applied.commit)
    assert MARKED in (tree / "src/post.c").read_text()


def test_git_tree_gets_a_commit(tmp_path: Path) -> None:
    """In a git tree the patch is a commit with the patch's own subject."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": OLD})

    applied = patches.apply(Project.SEABIOS, tree)

    assert git(tree, "log", "-1", "--format=%s").strip() == "post: Add marks"
    assert (Method.AM, git(tree, "rev-parse", "HEAD").strip()) == (applied.method, applied.commit)


def test_git_tree_without_committer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host where git knows of no committer can apply a patch all the same."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": OLD})
    git(tree, "config", "user.useConfigOnly", "true")
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")

    patches.apply(Project.SEABIOS, tree)

    assert git(tree, "log", "-1", "--format=%cn").strip() == "qemu-boot-time"


def test_dirty_tree_is_refused(tmp_path: Path) -> None:
    """A change that is not committed is named, and kept."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": OLD})
    (tree / "src/post.c").write_text(OLD + "mine\n")

    with pytest.raises(UsageError, match=r"not committed: src/post\.c$"):
        patches.apply(Project.SEABIOS, tree)

    assert (tree / "src/post.c").read_text() == OLD + "mine\n"


def test_untracked_files_do_not_matter(tmp_path: Path) -> None:
    """What a build left in the tree is no reason to refuse it."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": OLD})
    write(tree, {"out/bios.bin": "built"})

    assert patches.apply(Project.SEABIOS, tree).method == Method.AM


def test_am_under_way_is_refused(tmp_path: Path) -> None:
    """A 'git am' of the user's own that has stopped is left for the user to finish."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": OLD})
    (tree / ".git/rebase-apply").mkdir()

    with pytest.raises(UsageError, match="under way"):
        patches.apply(Project.SEABIOS, tree)

    assert (tree / ".git/rebase-apply").is_dir()


@pytest.mark.parametrize("make", [write, git_tree])
def test_second_time_is_refused(tmp_path: Path, make: Maker) -> None:
    """A tree that has the marks is not patched again, and the message names the switch."""
    tree = make(tmp_path / "tree", {"src/post.c": OLD})
    patches.apply(Project.SEABIOS, tree)

    with pytest.raises(InputError, match="already has") as refused:
        patches.apply(Project.SEABIOS, tree)

    assert "CONFIG_BOOT_TIME_MARKS=y" in refused.value.hint
    assert patches.is_applied(Project.SEABIOS, tree)


@pytest.mark.parametrize("make", [write, git_tree])
def test_failure_names_the_hunk_and_changes_nothing(tmp_path: Path, make: Maker) -> None:
    """Where the second hunk does not fit, it is named and the first is not applied either."""
    text = OLD.replace("line 20\n", "line twenty\n")
    tree = make(tmp_path / "tree", {"src/post.c": text})

    with pytest.raises(InputError, match=r"hunk 2 of src/post\.c \(line 1[78]\)"):
        patches.apply(Project.SEABIOS, tree)

    assert text == (tree / "src/post.c").read_text()
    assert not (tree / "src/benchmark.h").exists()


def test_hook_that_rejects_leaves_the_commit(tmp_path: Path) -> None:
    """A 'git am' that fails half-way is undone: same commit, same files, no am under way."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": OLD})
    before = git(tree, "rev-parse", "HEAD")
    hook = tree / ".git/hooks/pre-applypatch"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no patches on Monday >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(InputError, match="no patches on Monday"):
        patches.apply(Project.SEABIOS, tree)

    assert before == git(tree, "rev-parse", "HEAD")
    assert git(tree, "status", "--porcelain") == ""
    assert not (tree / ".git/rebase-apply").exists()


def test_tree_of_something_else(tmp_path: Path) -> None:
    """A tree without the files is told apart from one whose files differ."""
    tree = write(tmp_path / "tree", {"main.c": OLD})

    with pytest.raises(InputError, match=r"src/post\.c: No such file") as refused:
        patches.apply(Project.SEABIOS, tree)

    assert "top of a seabios tree" in refused.value.hint


def test_plain_tree_inside_a_repository(tmp_path: Path) -> None:
    """An unpacked tarball below somebody else's repository is patched, not skipped."""
    git_tree(tmp_path / "outer", {"README": "outer\n"})
    tree = write(tmp_path / "outer/seabios", {"src/post.c": OLD})

    assert patches.apply(Project.SEABIOS, tree).method == Method.APPLY
    assert MARKED in (tree / "src/post.c").read_text()


def test_no_tree(tmp_path: Path) -> None:
    """A path that is no directory is bad input."""
    with pytest.raises(InputError, match="no such directory"):
        patches.apply(Project.LINUX, tmp_path / "absent")


@pytest.mark.parametrize("project", list(Project))
def test_shipped_patches_carry_the_shared_header(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each patch adds patches/benchmark.h as it is, so that ports and values cannot drift apart."""
    monkeypatch.undo()
    header = (data.directory("patches") / "benchmark.h").read_text()

    for patch in patches.available(project):
        added = "".join(f"+{line}\n" for line in header.splitlines())
        assert added in patch.text


def test_header_agrees_with_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C header and protocol.py give the same values and ports."""
    monkeypatch.undo()
    words = (data.directory("patches") / "benchmark.h").read_text().split()
    defined = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word == "#define"}

    expected = {
        point.name.upper(): str(point.value)
        for point in protocol.TRACE_POINTS
        if point.value is not None
    } | {
        "FW_EXIT_PORT": hex(protocol.FIRMWARE_PORT),
        "LINUX_EXIT_PORT": hex(protocol.LINUX_PORT),
    }

    assert expected == {name: value for name, value in defined.items() if name != "BENCHMARK_H"}
