"""``qbt overhead``: what watching costs a boot, measured by booting with sources and without."""

import shlex
from dataclasses import replace
from pathlib import Path

import click

from qemu_boot_time import process
from qemu_boot_time.cli import options
from qemu_boot_time.cli.choosing import AUTO
from qemu_boot_time.cli.effect import refuse_seeing, refuse_settling
from qemu_boot_time.cli.misplaced import TakesQemu
from qemu_boot_time.cli.numbers import Number, WholeNumber
from qemu_boot_time.cli.output import note, screen, typed
from qemu_boot_time.cli.quoting import overhead_of
from qemu_boot_time.cli.side_by_side import Labels, measure_plans
from qemu_boot_time.cli.wanted import Wanted, a_number, measuring_options, plan_for
from qemu_boot_time.errors import ExitStatus, UsageError
from qemu_boot_time.measure import Beside, Plan
from qemu_boot_time.report.overhead import Overhead, document, to_text
from qemu_boot_time.sources import debugcon
from qemu_boot_time.sources.base import Armed
from qemu_boot_time.stats.verdict import Margin, Verdict

_EXAMPLES = """\b
Examples:
  qbt overhead -- qemu-system-x86_64 -accel kvm -no-reboot -kernel ...
  qbt overhead -n 50 --source debugcon -- qemu-system-x86_64 ...
  qbt overhead --margin 5% --json -- ./start-my-vm.sh
  qbt overhead --observer 'perf record -a -e kvm:kvm_pio' -- ./start-my-vm.sh
"""
_LABELS = Labels(("alone", "watched"), ("", ""), "qbt show {1}; qbt show {0}")


@click.command(
    "overhead",
    cls=TakesQemu,
    epilog=_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
)
@options.qemu_argument
@click.option(
    "-n",
    "--boots",
    type=WholeNumber(1),
    default=30,
    show_default=True,
    metavar="N",
    help="How often to boot with sources, and how often without.",
)
@click.option("--seed", type=WholeNumber(0), metavar="N", help="Of the order of the boots.")
@click.option(
    "--observer",
    metavar="CMD",
    help="Measure what this costs, in place of our sources: it runs while a watched boot does.",
)
@click.option(
    "--settle",
    "settle_s",
    type=Number(0, 3600),
    callback=a_number,
    default=2.0,
    show_default=True,
    metavar="S",
    help="Seconds that the observer is given to get going before a boot begins.",
)
@measuring_options
@options.margin_option
@options.json_option
@click.option("-v", "--verbose", is_flag=True, help="Show what is added to QEMU.")
@click.pass_context
def command(
    context: click.Context,
    *,
    qemu: tuple[str, ...],
    wanted: Wanted,
    observer: str | None,
    settle_s: float,
    margin: Margin,
    as_json: bool,
) -> int:
    """Measure what watching costs: the same command with its sources, and without any, in turn.

    Both are compared by what needs no source: QEMU's time from its exec to its end, and its CPU
    time; so the guest must end by itself. The sources are armed for the boots that they watch, and
    gone while the others run. SAME: the 95% interval of the ratio lies within --margin of 1. SLOWER: watching is shown to
    cost something. Both are kept as runs, and `qbt show` quotes the cost. Exit status 1: SLOWER; 4:
    a boot failed.

    With --observer it is any program's cost: perf, bpftrace, a script of yours. It is started before a watched boot, in
    the directory of its raw files, and interrupted (SIGINT) when that has ended.
    """
    if wanted.rules.until is not None:
        raise UsageError(
            f"--until {wanted.rules.until}: half of the boots have no source that sees it",
            hint="leave it out: the guest must end by itself (isa-debug-exit, power-off, -no-reboot)",
        )
    if not qemu:
        raise UsageError("no command to boot", hint="qbt overhead -- qemu-system-x86_64 ...")
    (refuse_settling if observer is None else refuse_seeing)(context)
    plan, notes = plan_for(qemu, wanted if observer is None else _without_sources(wanted))
    if observer is None:
        watched = replace(plan, armed=Armed.EACH_BOOT)
    else:
        beside = Beside(_split(observer), settle_s)
        watched = replace(plan, sources=(), armed=Armed.EACH_BOOT, beside=beside)
    found = _measured(watched, notes, wanted, margin)
    click.echo(_document(found) if as_json else to_text(found, screen()), nl=as_json)
    return _status(found)


def _without_sources(wanted: Wanted) -> Wanted:
    """Have the one source that is always there, so that none is looked for; it is not used."""
    if wanted.sources != (AUTO,):
        raise UsageError(
            "--source and --observer: one of them is measured at a time",
            hint="leave --source out: an observer runs in place of the sources",
        )
    return replace(wanted, sources=(debugcon.SOURCE.name,))


def _split(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        what = f"--observer: {str(error).lower()}"
        raise UsageError(what, hint="quote the whole command once") from error
    if not words:
        raise UsageError(
            "--observer: no command", hint="--observer 'perf record -q -a -e kvm:kvm_pio'"
        )
    process.require(
        words[0], hint="--observer takes a command: install its program, or give its path"
    )
    # It runs in another directory than the one that the user names it from.
    program = str(Path.cwd() / words[0]) if "/" in words[0] else words[0]
    return (program, *words[1:])


def _measured(watched: Plan, notes: list[str], wanted: Wanted, margin: Margin) -> Overhead:
    # A host that had rested before a boot may be faster: both sides wait alike.
    waits = replace(watched.beside, argv=()) if watched.beside else None
    alone = replace(watched, sources=(), beside=waits)
    first, second = measure_plans([(alone, []), (watched, notes)], wanted, _LABELS)
    note(f"both runs are kept: {_LABELS.shown_by.format(typed(first), typed(second))}")
    return overhead_of(first, second, margin)


def _document(found: Overhead) -> str:
    from qemu_boot_time.report.json import SCHEMA, dump

    return dump({"schema": SCHEMA, **document(found)})


def _status(found: Overhead) -> int:
    if not all(boot.ok for run in (found.alone, found.watched) for boot in run.boots):
        return ExitStatus.BOOT_FAILED
    costs = any(cost.verdict is Verdict.SLOWER for cost in found.costs)
    return ExitStatus.NO if costs else ExitStatus.DONE
