"""``qbt run``: boot a VM many times and show where its time goes."""

import math
import os
from pathlib import Path

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.choosing import AUTO, choose_sources, needed_sources
from qemu_boot_time.cli.gating import Gating, gate_options, opened_for
from qemu_boot_time.cli.inside import inside_option, purposes
from qemu_boot_time.cli.measuring import (
    Printing,
    check_programs,
    measure_and_print,
    out_option,
    source_option,
)
from qemu_boot_time.cli.output import note, warn
from qemu_boot_time.errors import UsageError
from qemu_boot_time.host.files import cpu_list
from qemu_boot_time.inputs import Options
from qemu_boot_time.measure import Plan
from qemu_boot_time.model import Clock
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Asked, Scope, Source
from qemu_boot_time.vm import command as vm_command

_EXAMPLES = """\b
Examples:
  qbt run -n 20 -- qemu-system-x86_64 -accel kvm -kernel bzImage \\
      -initrd initrd.img -append console=ttyS0 -nographic
  qbt run --until linux_start_kernel -- ./start-my-vm.sh
  qbt run --prepare 'sync; echo 3 > /proc/sys/vm/drop_caches' -- qemu...
  qbt run --cpus 2-3 --warmup 1 --json -- taskset -c 1 qemu-system-x86_64 ...
  qbt run --inside initcalls,units -- qemu... -kernel vmlinuz -initrd img
  qbt run --mark 42=network_up --until network_up -- qemu-system-x86_64 ...
  qbt run --source plugin --probe pci=pci_subsys_init -- qemu...
  qbt run -n 2 --clock instructions -- qemu-system-x86_64 -accel tcg ...
  qbt run --until login_prompt -- qemu-system-x86_64 -nographic disk.img
  qbt run --match up='^app: ready' --until up -- qemu... -serial stdio
"""


_LONGEST_S = 1e6
"""Eleven days: what select(2) and a person wait for."""


def _a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """Refuse what is no number: it is neither less nor more than any bound."""
    if math.isnan(value):
        raise click.BadParameter("not a number", context, option)
    return value


@click.command("run", epilog=_EXAMPLES, context_settings={"allow_interspersed_args": False})
@click.argument("qemu", nargs=-1, type=click.UNPROCESSED, metavar="[--] QEMU...")
@click.option(
    "-n",
    "--boots",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="How often to boot.",
)
@click.option(
    "--warmup",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="W",
    help="Boots before these, which do not count.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True, max=_LONGEST_S),
    callback=_a_number,
    default=120.0,
    show_default=True,
    metavar="S",
    help="Seconds after which a boot has failed.",
)
@source_option
@options.kvm_console_option
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.SYSTEM.value,
    show_default=True,
    help="Record all processes, or anew each QEMU alone (costs time between boots).",
)
@click.option("--prepare", metavar="CMD", help="A shell command to run before each boot.")
@click.option("--cpus", metavar="LIST", help="Pin QEMU to these CPUs, as 2-3 or 0,4.")
@click.option("--keep-going", is_flag=True, help="Go on although the first boots all fail.")
@out_option
@options.asked_options
@click.option(
    "--clock",
    type=click.Choice([clock.value for clock in Clock]),
    default=Clock.TIME.value,
    show_default=True,
    help="Measure time, or the guest's instructions: the same in each boot; TCG.",
)
@inside_option
@options.comm_option
@options.rules_options
@options.json_option
@options.verbose_option_of_qemu
@gate_options
def command(
    *,
    qemu: tuple[str, ...],
    boots: int,
    warmup: int,
    timeout_s: float,
    sources: tuple[str, ...],
    kvm_console: bool,
    scope: str,
    prepare: str | None,
    cpus: str | None,
    keep_going: bool,
    out: Path | None,
    asked: Asked,
    clock: str,
    inside: str | None,
    comm: str | None,
    rules: Rules,
    as_json: bool,
    verbose: bool,
    gating: Gating,
) -> int:
    """Boot a VM many times and show where its time goes.

    QEMU... is the command as you would type it, wrappers included; only what the sources need is
    added at its end (-v shows it), never an accelerator, a machine or a disk. A boot ends when the
    mark of --until was seen, or when QEMU leaves by itself; without --until a guest that runs on
    counts as failed when --timeout has passed.
    """
    counting = asked.counted or Clock(clock) is Clock.INSTRUCTIONS
    how = Options(rules=rules, vmm=options.vmm(comm))
    gating = opened_for(gating, how, most=boots, counting=counting)
    parsed = vm_command.parse(qemu)
    check_programs(parsed)
    chosen = _choose(sources, parsed, needed_sources(rules, asked, Clock(clock), parsed), clock)
    _warn(parsed)
    plan = Plan(
        command=parsed,
        boots=boots,
        rules=rules,
        sources=chosen,
        scope=Scope(scope),
        vmm=options.vmm(comm),
        warmup=warmup,
        timeout_s=timeout_s,
        prepare=prepare,
        cpus=_cpus(cpus),
        asked=options.with_kvm_console(asked, chosen, wanted=kvm_console),
        clock=Clock(clock),
        keep_going=keep_going,
        inside=purposes(inside, parsed, chosen),
    )
    return measure_and_print(plan, Printing(as_json, verbose, out, gating), _notes(plan))


def _choose(
    asked: tuple[str, ...], parsed: vm_command.QemuCommand, needed: tuple[str, ...], clock: str
) -> tuple[Source, ...]:
    # Where instructions are counted, other sources would see marks too, and know no counts.
    counts_alone = Clock(clock) is Clock.INSTRUCTIONS and asked == (AUTO,)
    chosen, why = choose_sources(needed if counts_alone else asked, parsed, needed=needed)
    if why:
        note(why)
    return chosen


def _warn(parsed: vm_command.QemuCommand) -> None:
    for disk in vm_command.writable_disks(parsed)[:1]:
        warn(f"{disk}: a boot may change what the next one finds; see -snapshot and --prepare")


def _notes(plan: Plan) -> list[str]:
    sees_exec = any(source.needs_kvm for source in plan.sources)
    notes = [caveat for source in plan.sources for caveat in source.caveats(plan.command)]
    if plan.command.is_wrapped and not sees_exec:
        notes.append(f"time zero is the exec of {plan.command.argv[0]}, not that of QEMU")
    return notes


def _cpus(text: str | None) -> frozenset[int]:
    """Read a CPU list as taskset has it.

    Raises UsageError for one that is none, or names a CPU that we may not use.
    """
    if text is None:
        return frozenset()
    cpus = cpu_list(text)
    allowed = os.sched_getaffinity(0)
    if not cpus or not cpus <= allowed:
        shown = ",".join(map(str, sorted(allowed)))
        raise UsageError(f"--cpus {text}: not among the CPUs {shown}", hint="--cpus 0-1, --cpus 1")
    return cpus
