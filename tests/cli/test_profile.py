"""``--profile`` and how many boots it takes."""

import click
import pytest
from click.testing import CliRunner

from qemu_boot_time.cli.profile import profile_options


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
