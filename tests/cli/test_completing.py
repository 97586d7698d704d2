"""Shells complete what is typed: commands, options, marks, runs, files."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qbt_process import DEADLINE_S, QBT, World
from qemu_boot_time.cli.main import COMMANDS
from runs import make_run

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world with two runs, and a ``qbt`` that shells find."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "bin").mkdir()
    world = World(tmp_path, tmp_path / "tmp", {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    world.script(f'exec {shlex.join(QBT)} "$@"', "bin/qbt")
    for name in ("morning", "night"):
        make_run(tmp_path / "state/qemu-boot-time/runs" / name)
    return world


def completed(world: World, *words: str) -> list[str]:
    """Ask as bash does: give what the last word may be, and what kind of thing that is."""
    asked = {"_QBT_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words))}
    world.env |= {**asked, "COMP_WORDS": "\n".join(["qbt", *words])}
    done = world.qbt()
    assert (0, "") == (done.status, done.stderr)
    return done.stdout.strip().splitlines()


def in_shell(world: World, shell: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run a text in a shell that has read the script for it, or skip."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = {**world.environment(), "_QBT_COMPLETE": f"{shell}_source"}
    how: dict[str, Any] = {"cwd": world.directory, "text": True, "timeout": DEADLINE_S}
    made = subprocess.run(
        [world.directory / "bin/qbt"], env=script, stdout=subprocess.PIPE, check=True, **how
    )
    (world.directory / "script").write_text(made.stdout)
    return subprocess.run(
        [shell, "-c", text], env=world.environment(), capture_output=True, check=False, **how
    )


# --- shells -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(world: World, shell: str) -> None:
    """It is printed, and that is a success."""
    world.env |= {"_QBT_COMPLETE": f"{shell}_source"}

    done = world.qbt()

    assert (0, "") == (done.status, done.stderr)
    assert f"_QBT_COMPLETE={shell}_complete" in done.stdout


def test_a_shell_that_nobody_knows(world: World) -> None:
    """No script, and no success."""
    world.env |= {"_QBT_COMPLETE": "tcsh_source"}

    done = world.qbt()

    assert (1, "") == (done.status, done.stdout)


def test_bash_completes_a_command(world: World) -> None:
    """With its own script, in a bash."""
    done = in_shell(
        world,
        "bash",
        'eval "$(cat script)"; COMP_WORDS=(qbt co); COMP_CWORD=1; _qbt_completion qbt; '
        'echo "${COMPREPLY[@]}"; complete -p qbt',
    )

    assert ["compare", "complete -o nosort -F _qbt_completion qbt"] == done.stdout.splitlines()


def test_zsh_reads_its_script(world: World) -> None:
    """Without a complaint, and has a completion for ``qbt`` then."""
    text = "autoload -Uz compinit; compinit -u -d dump; source ./script; echo ${_comps[qbt]}"

    done = in_shell(world, "zsh", text)

    assert ("_qbt_completion\n", "") == (done.stdout, done.stderr)


def test_fish_completes_a_command(world: World) -> None:
    """With its own script, in a fish, which shows what the command is for up to its first comma."""
    done = in_shell(world, "fish", "source ./script; complete -C 'qbt co'")

    assert f"compare\t{COMMANDS['compare'].partition(',')[0]}\n" == done.stdout


# --- words ------------------------------------------------------------------------------------


def test_all_commands(world: World) -> None:
    """In the order of the help."""
    assert [f"plain,{name}" for name in COMMANDS] == completed(world, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("co",), ["plain,compare"]),
        (("run", "--water"), ["plain,--waterfall"]),
        (("run", "--source", "pe"), ["plain,perf_event", "plain,perf"]),
        (("show", "--unit", "m"), ["plain,ms"]),
        (("run", "--until", "login"), ["plain,login_prompt"]),
        (("run", "--until", "linux_start_u"), ["plain,linux_start_user"]),
        (("run", "--", "qemu", "-kernel", "bz"), ["file,bz"]),
        (("overhead", "qemu", "-kernel", "bz"), ["file,bz"]),
        (("show", "--junit", "q"), ["file,q"]),
        (("frobnicate", "x"), []),
    ],
)
def test_what_a_word_may_be(world: World, words: Sequence[str], expected: list[str]) -> None:
    """Options, their values, marks; in the user's own command the shell's own files."""
    assert expected == completed(world, *words)


@pytest.mark.parametrize("command", ["show", "analyze", "compare", "report"])
def test_runs_are_completed(world: World, command: str) -> None:
    """The newest first, and files, for an input may be one; also after the first of two."""
    everything = ["file,", "plain,last", "plain,night", "plain,morning"]

    assert everything == completed(world, command, "")
    assert ["file,mo", "plain,morning"] == completed(world, command, "mo")
    assert everything == completed(world, "compare", "night", "")


def test_a_baseline_is_an_input(world: World) -> None:
    """Of an option, too."""
    assert ["file,n", "plain,night"] == completed(world, "run", "--baseline", "n")


def test_no_run_is_no_error(world: World) -> None:
    """There is nothing that could be the last one."""
    world.env |= {"XDG_STATE_HOME": str(world.directory / "nowhere")}

    assert ["file,"] == completed(world, "show", "")
