"""``qbt analyze``: the table from a recording, a table or a list made elsewhere."""

import click

from qemu_boot_time.cli import completing, options
from qemu_boot_time.cli.effect import refuse_reading
from qemu_boot_time.cli.gating import Gating, gate_options, opened
from qemu_boot_time.cli.output import Form, TimelineOf, print_run
from qemu_boot_time.cli.timelines import timeline_options
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.phases import Rules

_EXAMPLES = """\b
Examples:
  perf record -a -e kvm:kvm_entry -e kvm:kvm_pio -e sched:sched_process_exec
  qbt analyze perf.data
  qbt analyze trace.dat              the same events by trace-cmd
  qbt analyze --json perf.data | jq .summary.phases
  qbt analyze --timeline perf.data   one boot on one clock
  qbt analyze boots.csv --unit ms    a row a boot, a column a trace point
  qbt analyze totals.txt --unit us   one total a line
  qbt analyze table.txt:2:ms         the second column as the total
  qbt analyze --baseline old.dat --fail-if 'total slower than 2%' new.dat
"""


@click.command("analyze", epilog=_EXAMPLES)
@click.argument("file", shell_complete=completing.inputs)
@options.unit_option
@options.comm_option
@options.rules_options
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
    file: str,
    unit: str,
    comm: str | None,
    rules: Rules,
    as_json: bool,
    verbose: bool,
    stats: bool,
    waterfall: bool,
    timeline: TimelineOf | None,
    gating: Gating,
) -> int:
    """Show where boot time went, from a recording made elsewhere.

    FILE is a perf.data (any number of boots, in files, pipes or directories), a trace.dat, a CSV of
    marks, a list of samples, a run, or a file that `--json` printed.
    """
    how = Options(unit, rules, options.vmm(comm))
    form = Form(as_json, verbose, stats, opened(gating, how), waterfall, timeline)
    run = open_input(file, how)
    refuse_reading(context, [file, *filter(None, [gating.baseline])])
    return print_run(run, form)
