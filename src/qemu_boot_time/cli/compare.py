"""``qbt compare``: what is different between two runs, and which phase carries it."""

import click

from qemu_boot_time.cli import options
from qemu_boot_time.errors import ExitStatus, UsageError
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.stats.exact import compare
from qemu_boot_time.stats.verdict import Verdict

_EXAMPLES = """\b
Examples:
  qbt run -n 1 --clock instructions --out before -- qemu-system-x86_64 ...
  qbt run -n 1 --clock instructions --out after -- qemu-system-x86_64 ...
  qbt compare before after
"""


@click.command("compare", epilog=_EXAMPLES)
@click.argument("first")
@click.argument("second")
@options.json_option
def command(*, first: str, second: str, as_json: bool) -> int:
    """Compare two runs that were measured in instructions, phase by phase.

    Counts are the same in every boot of the same thing, so one boot of each side is enough, and
    any difference is one. A phase where the boots of one side differ among themselves by more than
    the sides do is UNDECIDED. Exit status 1: the second is SLOWER; 4: a boot of either side failed.
    """
    one, other = _counted(first), _counted(second)
    found = compare(one, other)
    from qemu_boot_time.report.exact import to_json, to_text

    click.echo(to_json((one, other), found) if as_json else to_text(one, other, found), nl=as_json)
    if not all(boot.ok for run in (one, other) for boot in run.boots):
        return ExitStatus.BOOT_FAILED
    if found.total is None:
        raise UsageError(
            "the two do not end at the same mark, so their totals are no two of a kind",
            hint="measure both with the same --until",
        )
    return ExitStatus.NO if found.total.verdict is Verdict.SLOWER else ExitStatus.DONE


def _counted(name: str) -> Run:
    run = open_input(name, Options())
    if run.clock is not Clock.INSTRUCTIONS:
        raise UsageError(
            f"{name}: was measured in time, which this command does not compare",
            hint="measure both sides with qbt run --clock instructions",
        )
    return run
