"""Builds: the cache decides, the user's tree stays as it is, and a failure says where it is."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError, InputError, ProgramError
from qemu_boot_time.guest import builds, data, distro
from qemu_boot_time.guest.builds import BuildOptions, Piece, linux, seabios
from qemu_boot_time.guest.builds.common import Bench, Need, Progress, Recipe, Tree
from qemu_boot_time.guest.patches import Project
from trees import git, git_tree, make_patch, write

SOURCE = "".join(f"line {number}\n" for number in range(1, 11))
MARKED = SOURCE.replace("line 5\n", "MARK\nline 5\n")


class Kitchen:
    """A recipe that copies one file of the source, and counts how often it was cooked."""

    def __init__(self) -> None:
        self.made = 0
        self.version = "1.0"
        self.command: tuple[str, ...] = ("true",)

    def fetch(self, suite: str | None, progress: Progress) -> Tree:
        """Give a source of one file, as a distribution would."""
        progress("fetching")

        def unpack(bench: Bench) -> None:
            write(bench.source, {"src/post.c": SOURCE})

        return Tree("soup", self.version, suite or "bookworm", "5" * 64, unpack)

    def make(self, bench: Bench) -> Mapping[str, Path]:
        """Give the source file as the artefact."""
        self.made += 1
        bench.run("cooking", *self.command, cwd=bench.work)
        return {"bios.bin": bench.source / "src/post.c"}


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    """Put a recipe of the test's own in SeaBIOS's place, with a patch and a cache of its own."""
    after = {"src/post.c": MARKED}
    target = tmp_path / "patches/seabios/marks.patch"
    make_patch(tmp_path / "made", {"src/post.c": SOURCE}, after, target)
    monkeypatch.setattr(data, "directory", lambda name: tmp_path / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(distro, "host_suite", lambda: "bookworm")
    kitchen = Kitchen()
    recipe = Recipe(
        Piece.SEABIOS, 1, Project.SEABIOS, "config", (), kitchen.fetch, ("src",), kitchen.make
    )
    monkeypatch.setattr(builds, "RECIPES", {Piece.SEABIOS: recipe})
    return kitchen


def test_second_build_comes_from_the_cache(kitchen: Kitchen) -> None:
    """Nothing is built twice from the same source; another version is built anew."""
    first = builds.build(Piece.SEABIOS)
    again = builds.build(Piece.SEABIOS)
    kitchen.version = "1.1"
    newer = builds.build(Piece.SEABIOS)

    assert first == again
    assert (kitchen.made, newer.built_from.version) == (2, "1.1")
    assert first.files["bios.bin"].read_text() == MARKED


@pytest.mark.usefixtures("kitchen")
def test_stages_are_told_in_order() -> None:
    """Whoever watches hears of each stage."""
    stages: list[str] = []
    builds.build(Piece.SEABIOS, progress=stages.append)

    assert stages == ["fetching", "cooking"]


@pytest.mark.usefixtures("kitchen")
@pytest.mark.parametrize("content", [SOURCE, MARKED])
def test_tree_of_the_users_stays_as_it_is(tmp_path: Path, content: str) -> None:
    """A tree is copied and the copy patched, unless it has the marks; it is told as its own."""
    tree = git_tree(tmp_path / "tree", {"src/post.c": content, "src/old.o": "built"})

    built = builds.build(Piece.SEABIOS, BuildOptions(source=tree))

    assert built.files["bios.bin"].read_text() == MARKED
    assert (str(tree), "") == (built.built_from.source, built.built_from.suite)
    assert (tree / "src/post.c").read_text() == content
    assert git(tree, "status", "--porcelain") == ""


def test_changed_tree_is_built_again(tmp_path: Path, kitchen: Kitchen) -> None:
    """A file that changes in the user's tree makes another piece of it."""
    tree = write(tmp_path / "tree", {"src/post.c": SOURCE})
    builds.build(Piece.SEABIOS, BuildOptions(source=tree))
    (tree / "src/post.c").write_text(SOURCE + "line 11\n")
    built = builds.build(Piece.SEABIOS, BuildOptions(source=tree))

    assert kitchen.made == 2
    assert built.files["bios.bin"].read_text() == MARKED + "line 11\n"


@pytest.mark.usefixtures("kitchen")
def test_tree_of_something_else(tmp_path: Path) -> None:
    """A directory without what the recipe needs is refused before anything is copied."""
    with pytest.raises(InputError, match=r"tree/src: not there"):
        builds.build(Piece.SEABIOS, BuildOptions(source=write(tmp_path / "tree", {"a": ""})))


def test_failed_build_names_error_and_log(kitchen: Kitchen) -> None:
    """The line with the error is in the message, the log is in the hint, and nothing is cached."""
    script = "echo post.c:3: error: no such thing; for i in $(seq 9); do echo after; done; exit 2"
    kitchen.command = ("sh", "-c", script)

    with pytest.raises(ProgramError, match=r"cooking: sh: exit status 2: post.c:3: error") as error:
        builds.build(Piece.SEABIOS)

    log = Path(error.value.hint.removeprefix("the whole log: "))
    assert log.read_text().count("after\n") == 9
    assert builds.cached(Piece.SEABIOS) is None


@pytest.mark.usefixtures("kitchen")
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            (
                "/bin/sh: 1: python: not found",
                "make[1]: *** [Makefile:9: x] Error 127",
                "make: *** [Makefile:2: all] Error 2",
            ),
            "python: not found",
        ),
        (
            ("x.S:3: no such mnemonic", "ninja: build stopped: subcommand failed."),
            "no such mnemonic",
        ),
        (("make: *** No rule to make target 'x'.  Stop.",), "No rule to make target 'x'"),
    ],
)
def test_what_make_says_of_itself_is_no_reason(
    kitchen: Kitchen, lines: tuple[str, ...], told: str
) -> None:
    """The last line that is not its own is; its own where there is no other."""
    kitchen.command = ("sh", "-c", 'printf "%s\\n" "$@"; exit 2', "sh", *lines)

    with pytest.raises(ProgramError, match=told):
        builds.build(Piece.SEABIOS)


def test_seabios_is_told_which_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Makefile wants one called python, which Debian does not have."""
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(Bench, "run", lambda *words: ran.append(words[2:]))

    seabios.RECIPE.make(Bench(tmp_path, tmp_path, tmp_path / "log", 1, print))

    assert 2 == len(ran)
    assert all(f"PYTHON={sys.executable}" in argv for argv in ran)


def test_missing_tools_are_named_at_once(monkeypatch: pytest.MonkeyPatch, kitchen: Kitchen) -> None:
    """One error has the packages of all that is missing, ready to paste, and nothing is fetched."""
    needs = (
        Need("no-such-tool", "tool-package"),
        Need("no/such/header.h", "header-dev"),
        Need("sh", "dash"),
    )
    recipe = replace(builds.RECIPES[Piece.SEABIOS], needs=needs)
    monkeypatch.setattr(builds, "RECIPES", {Piece.SEABIOS: recipe})

    with pytest.raises(HostError, match="header-dev, tool-package") as error:
        builds.build(Piece.SEABIOS)

    assert error.value.hint == "sudo apt-get install header-dev tool-package"
    assert kitchen.made == 0


@pytest.mark.usefixtures("kitchen")
def test_cached_is_the_distributions_by_todays_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a user's tree, nor another suite, nor an old recipe passes for the default."""
    tree = write(tmp_path / "tree", {"src/post.c": SOURCE})
    builds.build(Piece.SEABIOS, BuildOptions(source=tree))
    only_the_users = builds.cached(Piece.SEABIOS)
    built = builds.build(Piece.SEABIOS)
    builds.build(Piece.SEABIOS, BuildOptions(suite="sid"))
    found = builds.cached(Piece.SEABIOS)
    newer = replace(builds.RECIPES[Piece.SEABIOS], version=2)
    monkeypatch.setattr(builds, "RECIPES", {Piece.SEABIOS: newer})

    assert only_the_users is None
    assert found == built
    assert builds.cached(Piece.SEABIOS) is None


def test_every_piece_has_a_recipe() -> None:
    """What can be asked for can be built."""
    assert set(Piece) == set(builds.RECIPES)


def test_linux_option_that_did_not_stick(tmp_path: Path) -> None:
    """Kconfig drops what it does not know; the build stops and names it."""
    wanted = [line for line in linux.RECIPE.config.splitlines() if line.startswith("CONFIG_")]
    config = tmp_path / ".config"
    config.write_text("#\n" + "\n".join(line for line in wanted if line != "CONFIG_PVH=y") + "\n")

    with pytest.raises(InputError, match=r"does not take CONFIG_PVH=y$"):
        linux._verify(config)
