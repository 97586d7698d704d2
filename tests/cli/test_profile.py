"""``--profile`` and how many boots it takes."""

import click
import pytest
from click.testing import CliRunner

from qemu_boot_time.cli.profile import checked, profile_options
from qemu_boot_time.errors import UsageError
from qemu_boot_time.vm.command import parse


def test_a_command_without_kvm_is_usage() -> None:
    """As it is for a source of KVM's events; only a host that has no KVM is unfit."""
    with pytest.raises(UsageError, match="no KVM"):
        checked(3, parse(("qemu-system-x86_64", "-accel", "tcg")))


@pytest.mark.parametrize(
    ("words", "boots"),
    [
        ([], 0),
        (["--profile"], 3),
        (["--profile-boots", "7"], 7),
        (["--profile", "--profile-boots", "1"], 1),
    ],
)
def test_how_many_boots_are_for_the_profile(words: list[str], boots: int) -> None:
    """None unless it is asked for; a number of boots asks for it."""

    @click.command()
    @profile_options
    def command(*, profiles: int) -> None:
        click.echo(profiles)

    result = CliRunner().invoke(command, words)

    assert (0, f"{boots}\n") == (result.exit_code, result.stdout)
