"""``qbt build``: paths to stdout, stages to stderr, the log's end where it failed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from qemu_boot_time.cli import build
from qemu_boot_time.errors import ProgramError
from qemu_boot_time.guest import builds
from qemu_boot_time.guest.build_cache import BuiltFrom
from qemu_boot_time.guest.builds import BuildOptions, Built, Piece
from qemu_boot_time.guest.builds.common import Progress

MADE = BuiltFrom("seabios", 1, "seabios", "1.16-1", "bookworm", "aa", "bb", "cc", "gcc 12")
HOME = Path("/cache/seabios/key")
asked: list[tuple[Piece, BuildOptions]] = []


@pytest.fixture(autouse=True)
def _builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build at once, in two stages."""

    def at_once(piece: Piece, options: BuildOptions, progress: Progress) -> Built:
        asked[:] = [(piece, options)]
        for stage in ("fetching", "compiling", "compiling"):
            progress(stage)
        return Built(piece, {"bios-256k.bin": HOME / "bios-256k.bin"}, HOME, MADE)

    monkeypatch.setattr(builds, "build", at_once)


def test_stdout_is_the_paths_alone() -> None:
    """So that -bios $(qbt build seabios) works; what it was built from is told on stderr."""
    done = CliRunner().invoke(build.command, ["seabios", "--suite", "sid", "-j", "3"])

    assert done.stdout == "/cache/seabios/key/bios-256k.bin\n"
    assert "built from seabios 1.16-1 of bookworm with gcc 12" in done.stderr
    assert "qemu-system-x86_64 -bios /cache/seabios/key/bios-256k.bin" in done.stderr
    assert asked == [(Piece.SEABIOS, BuildOptions("sid", None, 3))]


def test_json_document() -> None:
    """One document has the files and all that they were built from."""
    done = CliRunner().invoke(build.command, ["seabios", "--json"])

    document = json.loads(done.stdout)
    assert (1, "seabios") == (document["schema"], document["piece"])
    assert document["files"] == {"bios-256k.bin": "/cache/seabios/key/bios-256k.bin"}
    assert document["built_from"]["source_sha256"] == "aa"


@pytest.mark.parametrize(
    ("options", "stages"),
    [((), ["fetching ..."]), (("-v",), ["fetching ...", "compiling ..."])],
)
def test_stages_where_there_is_no_terminal(options: tuple[str, ...], stages: list[str]) -> None:
    """The first stage says what is going on; -v has a line for each, and only one."""
    done = CliRunner().invoke(build.command, ["seabios", *options])

    assert stages == [line for line in done.stderr.splitlines() if line.endswith("...")]


def test_failure_shows_the_end_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """With -v (and on a terminal) the last lines come before the error."""

    def failing(*_: object) -> Built:
        output = "".join(f"line {number}\n" for number in range(40))
        raise ProgramError("compiling: make: exit status 2", returncode=2, output=output)

    monkeypatch.setattr(builds, "build", failing)

    quiet = CliRunner().invoke(build.command, ["seabios"])
    verbose = CliRunner().invoke(build.command, ["seabios", "-v"])

    assert quiet.stderr == ""
    assert verbose.stderr.splitlines() == [f"line {number}" for number in range(25, 40)]
    assert isinstance(verbose.exception, ProgramError)


def test_two_sources_are_refused() -> None:
    """A suite and a tree cannot both be the source."""
    done = CliRunner().invoke(build.command, ["seabios", "--suite", "sid", "--source", "/x"])

    assert done.exit_code == 2
    assert "give one" in done.stderr
