"""Every command of README.md and docs/, run for real in a directory with what the pages name.

What is not run, and what stands for what, is in tests/pages/decisions.py. Of what a page shows as
output the structure is checked, not the numbers: the first word of each of its paragraphs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pages import place
from pages.blocks import PAGES, Command, commands, name_of
from pages.decisions import NEED_KVM, as_run, why_not
from qbt_process import World
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import cache
from real_host import require

pytestmark = pytest.mark.real

_DEADLINE_S = 900
_CACHE = {"XDG_CACHE_HOME": str(cache.directory("").parent)}
"""The host's own, where the pieces are that take minutes to build."""
_WORD = re.compile(r"[A-Za-z_][\w.]*")
_BY_BOOTS = frozenset({"FASTER", "SAME", "SLOWER", "UNDECIDED", "drift", "undecided"})
"""What a paragraph begins with that is there or not by how the boots went."""
_BY_SYSTEMD = frozenset({"stage", "target"})
"""What begins a paragraph only where the guest has systemd."""


@pytest.fixture(scope="module")
def furnished() -> Iterator[Path]:
    """Give a directory with all that the pages name."""
    with tempfile.TemporaryDirectory(prefix="qbtd-") as scratch:
        world = World(Path(scratch) / "place", Path(scratch) / "tmp", _CACHE)
        world.directory.mkdir()
        world.temporary.mkdir()
        try:
            place.furnish(world)
        except HostError as error:
            require(condition=False, reason=f"the pages' pieces: {error.what}")
            raise
        yield world.directory


def _with_commands() -> list[Path]:
    return [page for page in PAGES if any(why_not(command) is None for command in commands(page))]


@pytest.mark.parametrize("page", _with_commands(), ids=name_of)
def test_commands_do_what_their_page_says(
    page: Path,
    furnished: Path,
    world: World,
    kvm_boots: bool,  # noqa: FBT001  # a fixture
) -> None:
    """Each command leaves with the status that the page says, and prints what it shows there."""
    typed = [command for command in commands(page) if why_not(command) is None]
    wanted = [command for command in typed if kvm_boots or not _needs_kvm(command)]
    whole = len(typed) if os.environ.get("QBT_REAL") == "1" else 1
    require(len(wanted) >= whole, "some of its commands need a KVM that boots a tiny guest")
    shutil.copytree(furnished, world.directory, symlinks=True, dirs_exist_ok=True)
    place.tidy(world.directory, page)

    printed = _run_all(world, wanted)

    assert [] == [line for pair in zip(wanted, printed, strict=True) for line in _wrong(*pair)]


def _needs_kvm(command: Command) -> bool:
    return command.text.startswith(NEED_KVM)


def _run_all(world: World, typed: Sequence[Command]) -> list[tuple[int | None, str]]:
    """Run commands in one shell, as a reader does; give the status and the output of each."""
    here = world.directory
    (here / "printed").mkdir()
    script = [
        f"{{ {as_run(command)}\n}} >printed/{n} 2>&1; echo $? >printed/{n}.status"
        for n, command in enumerate(typed)
    ]
    (here / "all.sh").write_text("\n".join(script) + "\nwait\n")
    path = os.pathsep.join(
        (str(here / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
    )
    env = (
        world.environment()
        | _CACHE
        | {
            "HOME": str(here),
            "PATH": path,
        }
    )
    subprocess.run(
        ("bash", "all.sh"),
        cwd=here,
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=_DEADLINE_S,
        check=False,
    )
    return [_printed(here / "printed" / str(n)) for n in range(len(typed))]


def _printed(file: Path) -> tuple[int | None, str]:
    status = file.with_suffix(".status")
    text = file.read_text(errors="replace") if file.exists() else ""
    shown = text.replace(str(file.parents[1]), "~")
    return int(status.read_text()) if status.exists() else None, shown


def _wrong(command: Command, printed: tuple[int | None, str]) -> Iterator[str]:
    status, text = printed
    if status != command.status:
        yield f"{as_run(command)}\nis said to end with {command.status}, ended with {status}:\n{text}"
    begins = {word for line in text.splitlines() if (word := _first_word(line))}
    for word in _headers(command.shown):
        if word not in begins | _BY_BOOTS | _BY_SYSTEMD:
            yield f"{as_run(command)}\nis said to print {word!r}, and prints:\n{text}"


def _headers(shown: Sequence[str]) -> list[str]:
    """Give the first word of each paragraph that is shown."""
    before = ("", *shown[:-1])
    firsts = [line for line, last in zip(shown, before, strict=False) if last in {"", "..."}]
    return [word for line in firsts if (word := _first_word(line))]


def _first_word(line: str) -> str:
    found = _WORD.search(line)
    return found[0] if found else ""
