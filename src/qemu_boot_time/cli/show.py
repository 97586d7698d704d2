"""``qbt show``: a kept run again."""

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.output import Form, print_run
from qemu_boot_time.inputs import Options, open_input

_EXAMPLES = """\b
Examples:
  qbt show last
  qbt show --stats last
  qbt show -v 20261123-143000
  qbt show --json last | jq .boots[0].marks
"""


@click.command("show", epilog=_EXAMPLES)
@click.argument("run", default="last")
@options.unit_option
@options.json_option
@options.verbose_option
@options.stats_option
def command(*, run: str, unit: str, as_json: bool, verbose: bool, stats: bool) -> int:
    """Show a run again: every number is made anew from its raw files.

    RUN is a path, an id of `qbt list`, or `last` (the default).
    """
    return print_run(open_input(run, Options(unit)), Form(as_json, verbose, stats))
