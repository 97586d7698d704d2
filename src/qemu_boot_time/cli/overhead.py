"""``qbt overhead``: what watching costs a boot, measured by booting with sources and without."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

import click

from qemu_boot_time.cli import completing, options
from qemu_boot_time.cli.output import note
from qemu_boot_time.cli.quoting import overhead_of
from qemu_boot_time.cli.side_by_side import Labels, measure_plans
from qemu_boot_time.cli.wanted import Wanted, measuring_options, plan_for
from qemu_boot_time.errors import ExitStatus, UsageError
from qemu_boot_time.measure import Plan
from qemu_boot_time.report.overhead import Overhead, document, to_text
from qemu_boot_time.sources.base import Armed
from qemu_boot_time.stats.verdict import Margin, Verdict

_EXAMPLES = """\b
Examples:
  qbt overhead -- qemu-system-x86_64 -accel kvm -no-reboot -kernel ...
  qbt overhead -n 50 --source debugcon -- qemu-system-x86_64 ...
  qbt overhead --margin 5% --json -- ./start-my-vm.sh
"""
_LABELS = Labels(("alone", "watched"), ("", ""), "qbt show {1}")


@click.command("overhead", epilog=_EXAMPLES, context_settings={"allow_interspersed_args": False})
@click.argument(
    "qemu",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[--] QEMU...",
    shell_complete=completing.files,
)
@click.option(
    "-n",
    "--boots",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    metavar="N",
    help="How often to boot with sources, and how often without.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Of the order of the boots.")
@measuring_options
@options.margin_option
@options.json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what is added to QEMU.")
def command(*, qemu: tuple[str, ...], wanted: Wanted, margin: Margin, as_json: bool) -> int:
    """Measure what watching costs: the same command with its sources, and without any, in turn.

    Both are compared by what needs no source: QEMU's time from its exec to its end, and its CPU
    time; so the guest must end by itself. The sources are armed for the boots that they watch, and
    gone while the others run. SAME: the 95% interval of the ratio lies within --margin of 1. SLOWER: watching is shown to
    cost something. Both are kept as runs, and `qbt show` quotes the cost. Exit status 1: SLOWER; 4:
    a boot failed.
    """
    if wanted.rules.until is not None:
        raise UsageError(
            f"--until {wanted.rules.until}: half of the boots have no source that sees it",
            hint="leave it out: the guest must end by itself (isa-debug-exit, power-off, -no-reboot)",
        )
    found = _measured(qemu, wanted, margin)
    click.echo(_document(found) if as_json else to_text(found), nl=as_json)
    return _status(found)


def _measured(words: Sequence[str], wanted: Wanted, margin: Margin) -> Overhead:
    plan, notes = plan_for(words, wanted)
    watched = replace(plan, armed=Armed.EACH_BOOT), notes
    alone: tuple[Plan, list[str]] = replace(plan, sources=()), []
    first, second = measure_plans([alone, watched], wanted, _LABELS)
    note(f"both runs are kept: qbt show {shlex.quote(str(second))}")
    return overhead_of(first, second, margin)


def _document(found: Overhead) -> str:
    from qemu_boot_time.report.json import SCHEMA, dump

    return dump({"schema": SCHEMA, **document(found)})


def _status(found: Overhead) -> int:
    if not all(boot.ok for run in (found.alone, found.watched) for boot in run.boots):
        return ExitStatus.BOOT_FAILED
    costs = any(cost.verdict is Verdict.SLOWER for cost in found.costs)
    return ExitStatus.NO if costs else ExitStatus.DONE
