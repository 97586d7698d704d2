"""``qbt show``: a kept run again."""

import click

from qemu_boot_time.cli import completing, options
from qemu_boot_time.cli.effect import refuse_reading
from qemu_boot_time.cli.gating import Gating, gate_options, opened
from qemu_boot_time.cli.output import Form, TimelineOf, print_run
from qemu_boot_time.cli.quoting import quoted
from qemu_boot_time.cli.timelines import timeline_options
from qemu_boot_time.inputs import Options, open_input

_EXAMPLES = """\b
Examples:
  qbt show last
  qbt show --stats --waterfall last
  qbt show --fail-if 'kernel.p95 > 120ms' --junit qbt.xml last
  qbt show --timeline last                 one boot on one clock
  qbt show -v 20261123-143000
  qbt show --json last | jq .boots[0].marks
  qbt show --json last > baseline.json     a file to commit, read like the run
"""


@click.command("show", epilog=_EXAMPLES)
@click.argument("run", default="last", shell_complete=completing.inputs)
@options.unit_option
@options.json_option
@options.verbose_option
@options.stats_option
@options.waterfall_option
@timeline_options
@gate_options
@click.pass_context
def command(
    context: click.Context,
    *,
    run: str,
    unit: str,
    as_json: bool,
    verbose: bool,
    stats: bool,
    waterfall: bool,
    timeline: TimelineOf | None,
    gating: Gating,
) -> int:
    """Show a run again: every number is made anew from its raw files.

    RUN is a path, an id of `qbt list`, or `last` (the default); or a file that `--json` printed.
    """
    how = Options(unit)
    form = Form(as_json, verbose, stats, opened(gating, how), waterfall, timeline)
    found = quoted(open_input(run, how))
    refuse_reading(context, [run, *filter(None, [gating.baseline])])
    return print_run(found, form)
