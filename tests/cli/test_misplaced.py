"""Options of QEMU where ours are expected: one line says what is wrong, and where they go."""

import click
import pytest
from click.shell_completion import ShellComplete

from budgets import told
from qemu_boot_time.cli import compare, demo, main, overhead, record, run
from qemu_boot_time.errors import ExitStatus

QEMUS = "no option of ours, and QEMU's come after its program"


@pytest.mark.parametrize("command", [run.command, overhead.command])
@pytest.mark.parametrize(
    "option",
    ["-nographic", "-nodefaults", "-name", "-net", "-vnc", "-hda", "-smp", "-m", "-kernel"],
)
def test_the_words_of_qemu_without_qemu(command: click.Command, option: str) -> None:
    """Whatever letters of ours they begin with."""
    found = told(command, option, "x", "-no-reboot")

    assert (ExitStatus.USAGE, f"{option}: {QEMUS}") == (found.status, found.text)
    assert f"-- qemu-system-x86_64 {option} ..." in found.hint


@pytest.mark.parametrize(
    "words",
    [
        ("-n", "3", "-nographic"),
        ("-n3", "-v", "-nographic"),
        ("-vn3", "--prepare", "-x", "-nographic"),
        ("--keep-going", "--prepare=-x", "-nographic"),
    ],
)
def test_options_of_ours_may_come_before(words: tuple[str, ...]) -> None:
    """With their values, which may begin with a dash."""
    assert f"-nographic: {QEMUS}" == told(run.command, *words).text


@pytest.mark.parametrize("words", [("-n", "x"), ("-n5x",), ("-vn", "x"), ("-n-5",)])
def test_a_number_that_is_none_stays_one(words: tuple[str, ...]) -> None:
    """It is told by its option."""
    assert "Invalid value for '-n' / '--boots'" in told(run.command, *words).text


def test_an_option_of_ours_with_one_dash() -> None:
    """As other programs have them."""
    found = told(run.command, "-until=linux_start_user", "--", "qemu-system-x86_64")

    assert "-until=linux_start_user: an option of ours has two dashes" == found.text
    assert "--until=linux_start_user" == found.hint


def test_a_long_option_that_is_none_is_told_first() -> None:
    """With what it may have been: the word after it may be its value."""
    found = told(run.command, "--untill", "-5", "--", "qemu-system-x86_64")

    assert "No such option '--untill'." in found.text
    assert "--until" in found.text


def test_a_guest_of_our_own_takes_none() -> None:
    """Whose guest it is, is said."""
    found = told(demo.command, "-nographic")

    assert "-nographic: no option of ours" == found.text
    assert "qbt run -- qemu-system-x86_64 -nographic ..." in found.hint


def test_what_qemu_is_given_is_its_own() -> None:
    """Whatever follows its name, or --."""
    for words in (("no-such-qemu", "-nographic"), ("--", "no-such-qemu", "-nographic")):
        assert "no-such-qemu: not found" == told(run.command, *words).text


def test_commands_are_quoted_once() -> None:
    """The two of a comparison are a word each, wherever an option stands."""
    found = told(compare.command, "--a", "qemu-system-x86_64", "last", "-nographic", "--b", "x")

    assert "-nographic: no option of ours, and QEMU's are words of its command" == found.text
    assert "--a 'qemu-system-x86_64 -nographic ...' --b 'qemu...'" in found.hint


def test_any_command_may_be_recorded() -> None:
    """Whose option it is, nobody knows."""
    found = told(record.command, "-nographic")

    assert "-nographic: no option of ours, and no program before it" == found.text
    assert "-- ./start-my-vm.sh -nographic ..." in found.hint


def test_a_word_is_completed_whatever_stands_before_it() -> None:
    """Who completes one has not written all of them."""
    complete = ShellComplete(main.qbt, {}, "qbt", "_QBT_COMPLETE")

    found = complete.get_completions(["run", "-nographic"], "--unt")

    assert ["--until"] == [item.value for item in found]
