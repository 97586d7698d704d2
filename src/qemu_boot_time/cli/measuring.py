"""What ``run`` and ``demo`` share: choose the sources, measure, keep the run, print it."""

import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import msgspec

from qemu_boot_time import __version__, host, process
from qemu_boot_time.cli.alike import require_alike
from qemu_boot_time.cli.choosing import AUTO
from qemu_boot_time.cli.gating import NO_GATES, Gating
from qemu_boot_time.cli.keeping import telling_what_is_kept
from qemu_boot_time.cli.naming import require_text
from qemu_boot_time.cli.output import Form, note, print_run, typed
from qemu_boot_time.cli.progress import Board, Count
from qemu_boot_time.errors import ExitStatus, HostError, QbtError, UsageError
from qemu_boot_time.measure import Plan, measure
from qemu_boot_time.model import Run
from qemu_boot_time.report.parts import counted
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.store.directories import new_run_directory, runs_directory
from qemu_boot_time.store.facts import (
    RunFacts,
    RunWriter,
    require_empty,
)
from qemu_boot_time.store.load import definitions_of, load_run
from qemu_boot_time.vm.command import (
    QemuCommand,
    accelerators,
    parse,
)

_INSTALL_QEMU = "sudo apt install qemu-system-x86"

source_option = click.option(
    "--source",
    "sources",
    type=click.Choice([AUTO, *SOURCES]),
    multiple=True,
    default=[AUTO],
    show_default=True,
    help="How to see the boots; may be given more than once.",
)


def _empty(context: click.Context, option: click.Parameter, out: Path | None) -> Path | None:
    """Refuse a directory with something in it before anything else is done."""
    del context, option
    if out is not None:
        require_empty(out)
    return out


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_empty,
    metavar="DIR",
    help="Keep the run in DIR (new or empty), not among those of qbt list.",
)


@dataclass(frozen=True, slots=True)
class Printing:
    """How the result is printed, and where it is kept."""

    as_json: bool
    verbose: bool
    out: Path | None
    """Where the run is kept; None: in the usual place."""
    gating: Gating = NO_GATES
    waterfall: bool = False


def check_programs(command: QemuCommand) -> None:
    """Raise HostError where the command's programs are missing, or KVM that it insists on.

    UsageError where the whole command is one word: quoted as for ``sh -c``.
    """
    if any(c.isspace() for c in command.program) and not Path(command.program).exists():
        raise UsageError(
            f"{shlex.quote(command.program)} is one word: no program is called that",
            hint=f"without the quotes: qbt run -- {command.program}",
        )
    if command.argv[0].startswith("-"):
        raise UsageError(
            f"{command.argv[0]}: an option, and no program before it",
            hint="QEMU's own command comes after --: qbt run -- qemu-system-x86_64 ...",
        )
    for program in dict.fromkeys((command.argv[0], command.program)):
        process.require(program, hint=_INSTALL_QEMU if "qemu" in program else "check the command")
    if set(accelerators(command)) == {"kvm"}:
        probe = host.kvm_device()
        if not probe.ok:
            raise HostError(
                f"the command asks for KVM: {probe.what}",
                hint=probe.remedy or "qbt doctor; or -accel tcg",
            )


def measure_and_print(plan: Plan, printing: Printing, notes: Sequence[str] = ()) -> int:
    """Measure, keep the run, print the table; give the exit status.

    Raises UsageError before the first boot for a baseline that cannot mean the same.
    """
    facts = facts_of(plan, notes)
    gating = printing.gating
    if gating.opened is not None:
        require_alike_planned(gating.opened, facts, insisted=gating.insisted)
    is_users = printing.out is not None and printing.out.exists()
    directory = printing.out or new_run_directory(runs_directory())
    writer = RunWriter.begin(directory, facts)
    count = Count(plan.boots, plan.warmup, at_most=plan.precision is not None)
    board = Board(count, verbose=printing.verbose)
    interrupt: KeyboardInterrupt | None = None
    shown_by = f"qbt show {typed(printing.out or Path(directory.name))}"
    discard = writer.clear if is_users else writer.discard
    try:
        with telling_what_is_kept([writer], shown_by, discard):
            measure(plan, writer, board.side())
    except KeyboardInterrupt as signalled:
        interrupt = signalled
        board.clear()
    except QbtError:
        if writer.is_empty:
            discard()
        raise
    run = load_run(directory)
    form = Form(printing.as_json, printing.verbose, gating=gating, waterfall=printing.waterfall)
    status = print_run(run, form)
    if len(run.profiles) < plan.profiles:  # a note of the run says why
        status = status or ExitStatus.CANNOT
    if interrupt is not None:
        verb = "is" if len(run.boots) == 1 else "are"
        note(f"interrupted; {counted(len(run.boots))} {verb} kept: {shown_by}")
        raise interrupt
    return status


def require_alike_planned(first: Run, facts: RunFacts, *, insisted: Iterable[str]) -> None:
    """Refuse a baseline that cannot mean the same as a run that is yet to be made of these facts.

    What only boots show is judged when there are some. Raises as :func:`require_alike`.
    """
    asked = accelerators(parse(facts.command))
    planned = Run(
        "",
        (),
        clock=facts.clock,
        # Which of several is used, QEMU tells when it runs: until then, the baseline's.
        accelerator=asked[0] if len(set(asked)) == 1 else first.accelerator,
        definitions=definitions_of(facts),
        host=facts.host,
    )
    try:
        require_alike(first, planned, insisted=insisted)
    except QbtError as refusal:
        what = f"the baseline (first) and what is to be booted (second): {refusal.what}"
        raise type(refusal)(what, hint=refusal.hint) from refusal


def facts_of(plan: Plan, notes: Sequence[str]) -> RunFacts:
    """Give what ``run.json`` says of a measurement. Raises UsageError for what it cannot hold."""
    for word in (*plan.command.argv, plan.prepare or "", str(plan.asked.symbols or "")):
        require_text(word, repr(word))
    # A script is not asked for its version: it would boot.
    qemu = None if plan.command.at is None else plan.command.program
    return RunFacts(
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        qbt=__version__,
        command=plan.command.argv,
        boots=plan.boots,
        precision=plan.precision,
        warmup=plan.warmup,
        until=plan.rules.until,
        timeout_s=plan.timeout_s,
        sources=tuple(source.name for source in plan.sources),
        scope=plan.scope,
        armed=plan.armed,
        beside=plan.beside.argv if plan.beside else (),
        settle_s=plan.beside.settle_s if plan.beside else 0,
        prepare=plan.prepare,
        cpus=tuple(sorted(plan.cpus)),
        vmm=plan.vmm.patterns,
        names=dict(plan.rules.names.custom),
        phases=dict(plan.rules.phases),
        probes=dict(plan.asked.probes),
        matches=dict(plan.asked.matches),
        kvm_console=plan.asked.kvm_console,
        symbols=str(plan.asked.symbols or ""),
        counted=plan.asked.counted,
        keep_going=plan.keep_going,
        clock=plan.clock,
        inside=plan.inside,
        profiles=plan.profiles,
        notes=tuple(notes),
        host=msgspec.to_builtins(asdict(host.facts(qemu))),
    )
