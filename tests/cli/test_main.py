"""``qbt`` itself: help, versions, statuses, and errors in a line or two."""

import importlib
import os
from pathlib import Path

import click
import pytest

from qbt_process import World
from qemu_boot_time import __version__, errors
from qemu_boot_time.cli import main


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world of its own."""
    (tmp_path / "tmp").mkdir()
    return World(tmp_path, tmp_path / "tmp")


def test_the_version(world: World) -> None:
    """One line."""
    done = world.qbt("--version")

    assert (0, f"qbt {__version__}\n", "") == (done.status, done.stdout, done.stderr)


def test_the_help_fits_a_terminal(world: World) -> None:
    """It names every command, and what the exit statuses mean."""
    done = world.qbt("--help")

    assert (0, True) == (done.status, all(name in done.stdout for name in main.COMMANDS))
    assert 80 >= max(map(len, done.stdout.splitlines()))
    assert "3 bad input, 4 a boot failed, 5 this host" in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_is_there(name: str) -> None:
    """The table of commands promises a module with a command of that name."""
    command = importlib.import_module(f"qemu_boot_time.cli.{name}").command

    assert (True, name) == (isinstance(command, click.Command), command.name)


@pytest.mark.parametrize("words", [("frobnicate",), ("--frobnicate",), ("show", "a", "b")])
def test_an_unknown_word_is_usage(world: World, words: tuple[str, ...]) -> None:
    """Two lines: what, and where help is."""
    done = world.qbt(*words)

    assert (2, "", 2) == (done.status, done.stdout, done.stderr.count("\n"))
    assert ("qbt: ", True) == (done.stderr[:5], "--help" in done.stderr)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demo", "--boots"), "hint: qbt demo --help"),
        (("report", "last", "--html"), "hint: qbt report --help"),
        (("runn",), "qbt: No such command 'runn'. (Did you mean 'run'?)"),
    ],
)
def test_a_slip_is_told_where_it_was_made(world: World, words: tuple[str, ...], told: str) -> None:
    """The help that is hinted at is the command's own, and a command that is nearly one is named."""
    done = world.qbt(*words)

    assert (2, True) == (done.status, told in done.stderr.splitlines())


def test_an_option_of_a_qemu_that_was_forgotten(world: World) -> None:
    """The hint says where QEMU's own command goes; an unknown option of ours is looked up."""
    forgotten = world.qbt("run", "-kernel", "bzImage")
    alone = world.qbt("run", "--", "-kernel", "bzImage")
    ours = world.qbt("run", "--kernel", "bzImage")

    hint = "comes after --: qbt run -- qemu-system-x86_64 {}...\n"
    assert (2, True) == (forgotten.status, forgotten.stderr.endswith(hint.format("-kernel ")))
    assert (2, True) == (alone.status, alone.stderr.endswith(hint.format("")))
    assert "qbt: -kernel: an option, and no program before it" == alone.stderr.splitlines()[0]
    assert (2, True) == (ours.status, ours.stderr.endswith("hint: qbt run --help\n"))


def test_a_group_of_commands_alone_is_explained(world: World) -> None:
    """As ``qbt`` alone is: by its help, line by line, and the status of a usage error."""
    alone, asked = world.qbt("patch"), world.qbt("patch", "--help")

    assert (2, "", asked.stdout) == (alone.status, alone.stderr, alone.stdout)


def test_a_number_that_is_none(world: World) -> None:
    """Is told in words that are no programmer's."""
    boots, seconds = world.qbt("run", "-n", "x"), world.qbt("run", "--timeout", "x")

    assert (
        "qbt: Invalid value for '-n' / '--boots': 'x' is not a valid whole number." in boots.stderr
    )
    assert "'--timeout': 'x' is not a valid number." in seconds.stderr


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (
            errors.InputError("a.csv: empty", hint="mend it"),
            3,
            "qbt: a.csv: empty\nhint: mend it\n",
        ),
        (errors.HostError("no KVM"), 5, "qbt: no KVM\n"),
        (errors.BootError("\x1b[31m red\nsecond"), 4, "qbt: [31m red second\n"),
        (errors.HostError("caf\udce9: gone"), 5, "qbt: caf\\xe9: gone\n"),
        (errors.HostError("x", hint="1\n2\n3\n4\n5"), 5, "qbt: x\nhint: 1\nhint: 2\nhint: 3\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (OSError(28, "No space left on device"), 5, "qbt: output: No space left on device\n"),
        (KeyboardInterrupt(), 130, ""),
        (main.Terminated(15), 143, ""),
        (SystemExit(1), 141, ""),
        (click.UsageError("what?"), 2, "qbt: what?\nhint: qbt --help\n"),
    ],
)
def test_what_goes_wrong_is_told(
    error: BaseException,
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each kind of trouble has its status, and no more than four lines."""

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.qbt, "main", fail)
    monkeypatch.setattr(os, "dup2", lambda *_: None)  # what was captured stays

    assert (status, told) == (main._status(), capfd.readouterr().err)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_fits_a_terminal(name: str) -> None:
    """Each command explains itself in 80 columns, with its options."""
    command = main.qbt.get_command(click.Context(main.qbt), name)
    assert command is not None

    context = click.Context(command, info_name=f"qbt {name}", max_content_width=80)
    text = command.get_help(context)

    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "Usage: qbt" in text


def test_a_defect_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Python would exit with, 1, says that something got slower."""
    monkeypatch.setattr(main.qbt, "main", lambda **_: 1 // 0)

    assert 70 == main._status_in_any_case()
    assert "ZeroDivisionError" in capsys.readouterr().err
