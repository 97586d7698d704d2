"""What is wanted of any measurement comes to a command as one value."""

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from qemu_boot_time.cli import wanted as wanted_values
from qemu_boot_time.cli.wanted import Wanted, measuring_options
from qemu_boot_time.errors import UsageError
from qemu_boot_time.model import Clock
from qemu_boot_time.sources import plugin
from qemu_boot_time.sources.base import Scope


def wanted(*words: str) -> Wanted:
    """Give what a command with these options is handed."""
    handed: list[Wanted] = []

    @click.command()
    @click.option("--seed", type=int)
    @measuring_options
    @click.option("--other", is_flag=True)
    def command(*, wanted: Wanted, other: bool) -> None:
        del other
        handed.append(wanted)

    done = CliRunner().invoke(command, words, catch_exceptions=False)

    assert 0 == done.exit_code, done.output
    return handed[0]


def test_nothing_said_is_what_a_program_gets() -> None:
    """The options' defaults are the value's own."""
    assert Wanted() == wanted()


def test_every_option_has_its_place() -> None:
    """Where its kind says more than its text, as that kind."""
    cpu = max(os.sched_getaffinity(0))
    words = ("--warmup", "2", "--timeout", "5", "--scope", "process", "--clock", "instructions")
    more = ("--source", "debugcon", "--prepare", "sync", "--keep-going", "--out", "nowhere")

    found = wanted(*words, *more, "--cpus", str(cpu), "--kvm-console", "--until", "fw_start")

    assert (2, 5.0, Scope.PROCESS, Clock.INSTRUCTIONS) == (
        *(found.warmup, found.timeout_s, found.scope, found.clock),
    )
    assert (("debugcon",), "sync", True, Path("nowhere")) == (
        *(found.sources, found.prepare, found.keep_going, found.out),
    )
    assert (frozenset({cpu}), True, "fw_start") == (
        *(found.cpus, found.asked.kvm_console, found.rules.until),
    )


def test_a_commands_own_option_may_be_a_field() -> None:
    """By its name, wherever it stands."""
    assert 7 == wanted("--seed", "7").seed


def test_a_line_of_the_users_own_may_end_a_boot() -> None:
    """What is asked of the console has a name that --until knows."""
    found = wanted("--match", "up=^ready", "--until", "up")

    assert ("up", {"up": "^ready"}) == (found.rules.until, dict(found.asked.matches))


@pytest.mark.parametrize(("clock", "notes"), [(Clock.TIME, 1), (Clock.INSTRUCTIONS, 0)])
def test_instructions_count_from_the_guests_first(
    clock: Clock, notes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So whose exec time zero is, QEMU's or its wrapper's, is told of times alone."""
    script = tmp_path / "boot.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(wanted_values, "choose_sources", lambda *_, **__: ((plugin.SOURCE,), ""))

    _, told = wanted_values.plan_for((str(script),), Wanted(clock=clock))

    assert notes == sum("time zero is the exec of" in note for note in told)


def test_a_cpu_that_is_not_ours_is_refused() -> None:
    """Before anything else is done."""
    with pytest.raises(UsageError, match="--cpus 4096: not among the CPUs"):
        wanted("--cpus", "4096")
