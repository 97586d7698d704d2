"""What is wanted of a measurement, whatever it boots: the options, and the plan for a command."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.choosing import AUTO, choose_sources, needed_sources
from qemu_boot_time.cli.gating import Gating
from qemu_boot_time.cli.measuring import check_programs, out_option, source_option
from qemu_boot_time.cli.numbers import Number, WholeNumber
from qemu_boot_time.cli.output import note, warn
from qemu_boot_time.cli.possible import check_possible
from qemu_boot_time.errors import UsageError
from qemu_boot_time.host.files import cpu_list
from qemu_boot_time.measure import Plan
from qemu_boot_time.model import Clock
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Asked, Scope, Source
from qemu_boot_time.sources.vmm import Vmm
from qemu_boot_time.stats.precision import Precision
from qemu_boot_time.vm import command as vm_command

_LONGEST_S = 1e6
"""Eleven days: what select(2) and a person wait for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a measurement, apart from what it boots."""

    boots: int = 10
    """How often; with a precision, how often at most."""
    warmup: int = 0
    timeout_s: float = 120.0
    sources: tuple[str, ...] = (AUTO,)
    """By name."""
    rules: Rules = field(default_factory=Rules)
    asked: Asked = field(default_factory=Asked)
    clock: Clock = Clock.TIME
    scope: Scope = Scope.SYSTEM
    vmm: Vmm = field(default_factory=Vmm)
    prepare: str | None = None
    """A shell command before each boot."""
    cpus: frozenset[int] = frozenset()
    """Pin QEMU to these; empty: leave it alone."""
    keep_going: bool = False
    precision: Precision | None = None
    seed: int | None = None
    """Of the order in which two commands are booted; None: a new one."""
    verbose: bool = False
    """Show what is added to QEMU."""
    out: Path | None = None
    """Where the run is kept; None: in the usual place."""


def a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """Refuse what is no number: it is neither less nor more than any bound."""
    if math.isnan(value):
        raise click.BadParameter("not a number", context, option)
    return value


def _cpus(context: click.Context, option: click.Parameter, text: str | None) -> frozenset[int]:
    """Read a CPU list as taskset has it.

    Raises UsageError for one that is none, or names a CPU that we may not use.
    """
    del context, option
    if text is None:
        return frozenset()
    cpus = cpu_list(text)
    allowed = os.sched_getaffinity(0)
    if not cpus or not cpus <= allowed:
        shown = ",".join(map(str, sorted(allowed)))
        raise UsageError(f"--cpus {text}: not among the CPUs {shown}", hint="--cpus 0-1, --cpus 1")
    return cpus


_OPTIONS: tuple[Callable[[Callable[..., int | None]], Callable[..., int | None]], ...] = (
    click.option(
        "--warmup",
        type=WholeNumber(0),
        default=0,
        show_default=True,
        metavar="W",
        help="Boots before these, which do not count.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=Number(min=0, min_open=True, max=_LONGEST_S),
        callback=a_number,
        default=120.0,
        show_default=True,
        metavar="S",
        help="Seconds after which a boot has failed.",
    ),
    source_option,
    options.kvm_console_option,
    click.option(
        "--scope",
        type=click.Choice([scope.value for scope in Scope]),
        default=Scope.SYSTEM.value,
        show_default=True,
        help="Record all processes, or anew each QEMU alone (costs time between boots).",
    ),
    click.option("--prepare", metavar="CMD", help="A shell command to run before each boot."),
    click.option(
        "--cpus", callback=_cpus, metavar="LIST", help="Pin QEMU to these CPUs, as 2-3 or 0,4."
    ),
    click.option("--keep-going", is_flag=True, help="Go on although the first boots all fail."),
    out_option,
    options.asked_options,
    click.option(
        "--clock",
        type=click.Choice([clock.value for clock in Clock]),
        default=Clock.TIME.value,
        show_default=True,
        help="Measure time, or the guest's instructions: the same in each boot; TCG.",
    ),
    options.comm_option,
    options.rules_options,
)


def measuring_options(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add what may be said of any measurement; hand over ``wanted``, made of it.

    How often to boot is each command's own affair. What it asks for by the name of a field is in
    ``wanted`` too: ``boots``, ``precision``, ``seed``, ``verbose``.
    """

    @wraps(function)
    def with_wanted(
        *, clock: str, scope: str, comm: str | None, kvm_console: bool, asked: Asked, **rest: Any
    ) -> int | None:
        names = Wanted.__dataclass_fields__.keys() & rest.keys()
        wanted = Wanted(
            clock=Clock(clock),
            scope=Scope(scope),
            vmm=options.vmm(comm),
            asked=replace(asked, kvm_console=kvm_console),
            **{name: rest.pop(name) for name in names},
        )
        return function(wanted=wanted, **rest)

    decorated: Callable[..., int | None] = with_wanted
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def check_budgets(gating: Gating, wanted: Wanted) -> None:
    """Raise UsageError for a budget that what is wanted can never be judged by."""
    check_possible(
        gating,
        wanted.rules,
        boots=wanted.precision.least if wanted.precision else wanted.boots,
        most=wanted.boots,
        counting=wanted.asked.counted or wanted.clock is Clock.INSTRUCTIONS,
    )


def plan_for(words: Sequence[str], wanted: Wanted, side: str = "") -> tuple[Plan, list[str]]:
    """Give the plan for a command, and what a reader of its result must know.

    ``side`` is what to call it where there are several, in what is told at once. Raises UsageError for
    a command that cannot be measured, HostError for what is missing here.
    """
    if wanted.precision and wanted.clock is Clock.INSTRUCTIONS:
        raise UsageError(
            "--precision: counts are the same in each boot", hint="-n 2 is enough to see that"
        )
    parsed = vm_command.parse(words)
    check_programs(parsed)
    of = f"{side}: " if side else ""
    chosen, why = _choose(parsed, wanted)
    if why:
        note(f"{of}{why}")
    of_kvm = {"--scope process": wanted.scope is Scope.PROCESS, "--comm": wanted.vmm != Vmm()}
    options.require_kvm(chosen, of_kvm)
    for disk in vm_command.writable_disks(parsed)[:1]:
        warn(f"{of}{disk}: a boot may change what the next one finds; see -snapshot and --prepare")
    plan = Plan(
        command=parsed,
        boots=wanted.boots,
        rules=wanted.rules,
        sources=chosen,
        scope=wanted.scope,
        vmm=wanted.vmm,
        warmup=wanted.warmup,
        timeout_s=wanted.timeout_s,
        prepare=wanted.prepare,
        cpus=wanted.cpus,
        asked=options.with_kvm_console(wanted.asked, chosen, wanted=wanted.asked.kvm_console),
        clock=wanted.clock,
        keep_going=wanted.keep_going,
        precision=wanted.precision,
    )
    return plan, _notes(plan)


def _choose(parsed: vm_command.QemuCommand, wanted: Wanted) -> tuple[tuple[Source, ...], str]:
    """Give the sources, and why just these."""
    needed = needed_sources(wanted.rules, wanted.asked, wanted.clock, parsed)
    # Where instructions are counted, other sources would see marks too, and know no counts.
    counts_alone = wanted.clock is Clock.INSTRUCTIONS and wanted.sources == (AUTO,)
    return choose_sources(needed if counts_alone else wanted.sources, parsed, needed=needed)


def _notes(plan: Plan) -> list[str]:
    sees_exec = any(source.needs_kvm for source in plan.sources)
    notes = [caveat for source in plan.sources for caveat in source.caveats(plan.command)]
    # Instructions count from the guest's first, whatever was started before.
    if plan.command.is_wrapped and not sees_exec and plan.clock is Clock.TIME:
        notes.append(f"time zero is the exec of {plan.command.argv[0]}, not that of QEMU")
    return notes
