"""``qbt record``: watch VMs that somebody else starts, then the same table."""

import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import msgspec

from qemu_boot_time import __version__, host, process
from qemu_boot_time.cli import completing, options
from qemu_boot_time.cli.choosing import AUTO
from qemu_boot_time.cli.keeping import telling_what_is_kept
from qemu_boot_time.cli.measuring import out_option, source_option
from qemu_boot_time.cli.misplaced import TakesAny
from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.cli.output import Form, note, print_run, redraws, typed
from qemu_boot_time.errors import BootError, HostError, UsageError
from qemu_boot_time.model import Run
from qemu_boot_time.phases import Rules
from qemu_boot_time.recording import Recorded, RecordPlan, Tally, record
from qemu_boot_time.sources.base import Asked, Source
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.store.directories import new_run_directory, runs_directory
from qemu_boot_time.store.facts import (
    RunFacts,
    RunKind,
    RunWriter,
)
from qemu_boot_time.store.load import load_run

_INTERRUPTED = 130
_CLEAR = "\r\x1b[K"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_ABLE = [name for name, source in SOURCES.items() if source.recordings is not None]

_EXAMPLES = """\b
Examples:
  qbt record                          all QEMUs, until Ctrl-C
  qbt record --for 60s                ... for a minute
  qbt record -- virsh start myvm --console
  qbt record -n 20 --until linux_start_user -- ./start-twenty-vms.sh
  qbt record --comm firecracker --for 5m

The sources are perf_event, perf and tracefs. debugcon cannot: it is a device
that QEMU must be given when it is started, which only `qbt run` can do.
"""


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = _DURATION.fullmatch(str(value))
        seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not seconds:
            self.fail(f"{value!r} is no duration: 60, 60s, 5m, 1h", param, ctx)
        return seconds


@click.command(
    "record",
    cls=TakesAny,
    epilog=_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
)
@click.argument(
    "words",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[--] [CMD...]",
    shell_complete=completing.files,
)
@click.option(
    "--for", "seconds", type=_Duration(), metavar="TIME", help="How long: 60, 60s, 5m, 1h."
)
@click.option(
    "-n",
    "--boots",
    type=WholeNumber(1),
    help="Until so many VMs, whoever starts them, have reached --until.",
)
@source_option
@options.kvm_console_option
@out_option
@options.comm_option
@options.rules_options
@options.json_option
@options.verbose_option
@options.waterfall_option
def command(
    *,
    words: tuple[str, ...],
    seconds: float | None,
    boots: int | None,
    sources: tuple[str, ...],
    kvm_console: bool,
    out: Path | None,
    comm: str | None,
    rules: Rules,
    as_json: bool,
    verbose: bool,
    waterfall: bool,
) -> int:
    """Watch VMs that somebody else starts (libvirt, Kata, a script), then show the table.

    It ends after the time of --for, with CMD, with enough VMs (-n), or with Ctrl-C, whichever comes
    first. A CMD that still runs then is ended; a VM that has left it (-daemonize) is not. The output
    of CMD goes to standard error. Where no VM was seen the exit status is 4.
    """
    if boots and rules.until is None:
        raise UsageError("-n counts VMs that have got there: where?", hint="add --until MARK")
    if words:
        process.require(words[0], hint="check the command")
    chosen = _choose(sources)
    asked = options.with_kvm_console(Asked(), chosen, wanted=kvm_console)
    plan = RecordPlan(rules, chosen, options.vmm(comm), seconds, boots, asked, words)
    return _record_and_print(plan, out, Form(as_json, verbose, waterfall=waterfall))


def _choose(asked: Sequence[str]) -> tuple[Source, ...]:
    """Take the sources asked for, or the first that really works here.

    Raises UsageError for one that cannot see VMs which others start, HostError where none works.
    """
    wanted = [SOURCES[name] for name in dict.fromkeys(_ABLE if AUTO in asked else asked)]
    troubles = []
    for source in wanted:
        if source.recordings is None:
            raise UsageError(
                f"--source {source.name} sees no VM that somebody else starts: QEMU must be told "
                "of it when it is started",
                hint=f"--source {_ABLE[0]}; or qbt run",
            )
        probe = source.probe()
        if probe.ok and AUTO in asked:
            return (source,)
        if not probe.ok:
            troubles.append((source, probe))
    if troubles:
        why = "; ".join(f"{source.name}: {probe.what}" for source, probe in troubles)
        raise HostError(why, hint=troubles[-1][1].remedy or "qbt doctor")
    return tuple(wanted)


@dataclass(slots=True)
class _Progress:
    """One line that changes, on a terminal; else one line when it begins."""

    plan: RecordPlan
    lives: bool

    def ready(self) -> None:
        """Say that VMs may be started now."""
        names = " and ".join(source.name for source in self.plan.sources)
        note(f"watching for {', '.join(self.plan.vmm.patterns)} (source {names}); {self._end()}")

    def tick(self, tally: Tally, left_s: float | None) -> None:
        """Show what there is."""
        if self.lives:
            until = self.plan.rules.until
            words = [f"{tally.vms} VM{'s' * (tally.vms != 1)} so far"]
            words += [f"{tally.reached} at {until}"] if until else []
            words += [] if left_s is None else [f"{left_s:.0f} s left"]
            click.echo(f"{_CLEAR}{', '.join(words)}", err=True, nl=False)

    def over(self) -> None:
        """Leave the line empty."""
        if self.lives:
            click.echo(_CLEAR, err=True, nl=False)

    def _end(self) -> str:
        ends = {
            f"for {self.plan.seconds} s": self.plan.seconds,
            f"until {shlex.join(self.plan.command)} ends": self.plan.command,
            f"until {self.plan.boots} are at {self.plan.rules.until}": self.plan.boots,
        }
        return " or ".join(text for text, is_so in ends.items() if is_so) or "Ctrl-C ends it"


def _record_and_print(plan: RecordPlan, out: Path | None, form: Form) -> int:
    is_users = out is not None and out.exists()
    directory = out or new_run_directory(runs_directory())
    writer = RunWriter.begin(directory, _facts(plan))
    progress = _Progress(plan, redraws())
    recorded, interrupted = None, False
    shown_by = f"qbt show {typed(out or Path(directory.name))}"
    try:
        with telling_what_is_kept([writer], shown_by, writer.clear if is_users else writer.discard):
            recorded = record(plan, writer, progress)
    except KeyboardInterrupt as interrupt:
        if type(interrupt) is not KeyboardInterrupt:
            raise
        interrupted = True
    finally:
        progress.over()
    writer.noted(_said(recorded, plan))
    run = load_run(directory)
    if not run.boots:
        raise _nothing(run, plan)
    status = print_run(run, form)
    # Without another end Ctrl-C is the one that was asked for.
    open_ended = not (plan.seconds or plan.boots or plan.command)
    return _INTERRUPTED if interrupted and not open_ended else status


def _facts(plan: RecordPlan) -> RunFacts:
    return RunFacts(
        kind=RunKind.RECORDED,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        qbt=__version__,
        command=plan.command,
        boots=plan.boots or 0,
        until=plan.rules.until,
        timeout_s=plan.seconds or 0.0,
        sources=tuple(source.name for source in plan.sources),
        vmm=plan.vmm.patterns,
        names=dict(plan.rules.names.custom),
        phases=dict(plan.rules.phases),
        kvm_console=plan.asked.kvm_console,
        host=msgspec.to_builtins(asdict(host.facts(None))),
    )


def _said(recorded: Recorded | None, plan: RecordPlan) -> tuple[str, ...]:
    """Say how the command ended, and who got there that it has not started, where that is worth saying."""
    if recorded is None or not plan.command:
        return ()
    return (*_strangers(recorded, plan), *_how_it_ended(recorded.command_status, plan.command[0]))


def _strangers(recorded: Recorded, plan: RecordPlan) -> tuple[str, ...]:
    """Say that others were counted: what asks a daemon for its VMs has none that descend from it."""
    pids = ", ".join(map(str, recorded.strangers))
    if not pids or plan.boots is None:
        return ()
    return (f"-n counts all VMs: {plan.command[0]} did not start process {pids} itself",)


def _how_it_ended(status: int | None, command: str) -> tuple[str, ...]:
    if status == 0:
        return ()
    return (
        f"{command} still ran, and was ended"
        if status is None
        else f"{command} ended with status {status}",
    )


def _nothing(run: Run, plan: RecordPlan) -> BootError:
    said = "".join(f"; {text}" for text in run.notes)
    patterns = ", ".join(plan.vmm.patterns)
    return BootError(
        f"no VM was seen that wrote a mark{said}",
        hint=f"VMs are programs called {patterns} (--comm NAME for others) that run under KVM",
    )
