"""``qbt``: finds the command, runs it, and turns what went wrong into two lines and a status."""

import importlib
import os
import signal
import sys
import traceback
from difflib import get_close_matches
from types import FrameType
from typing import Any

import click
import click.shell_completion

from qemu_boot_time import __version__
from qemu_boot_time.cli.output import styled
from qemu_boot_time.cli.streams import forgive_stderr
from qemu_boot_time.errors import ExitStatus, QbtError

_STDOUT_FD = 1
_SIGNAL_BASE = 128
_DEFECT_STATUS = os.EX_SOFTWARE
_HINT_LINES = 3
_UNDECODED = {chr(code) for code in range(0xDC80, 0xDD00)}
"""What Python makes of bytes that are no UTF-8 (PEP 383)."""
_COMPLETE = "_QBT_COMPLETE"
"""By which a shell asks what a word may be completed to: click's own name for it."""
_PIPE_STATUS = _SIGNAL_BASE + signal.SIGPIPE

COMMANDS = {
    "demo": "Boot the embedded guest and show where its time goes.",
    "run": "Boot a VM many times and show where its time goes.",
    "record": "Watch VMs that somebody else starts, then show the same table.",
    "analyze": "Show the same table from a recording or a table made elsewhere.",
    "show": "Show a kept run again.",
    "compare": "Compare two runs, and name the phase that differs.",
    "report": "Write runs as files that others read.",
    "overhead": "Measure what watching costs: boots with and without sources.",
    "list": "List the kept runs.",
    "doctor": "Tell what this host can see, and what would spoil a measurement.",
    "patch": "List, show and apply the patches that add trace points.",
    "build": "Build instrumented pieces from distribution sources.",
}
"""Name to one line of help; the module of the same name in this package holds ``command``."""

_EXAMPLES = """\b
Examples:
  qbt demo
  qbt run -n 20 -- qemu-system-x86_64 -accel kvm -kernel bzImage ...
  qbt analyze perf.data
  qbt doctor

Exit status: 0 done, 1 the answer is no, 2 usage, 3 bad input, 4 a boot failed,
5 this host cannot do it.
"""


class Terminated(KeyboardInterrupt):
    """A signal asks us to end: everything is closed on the way out, as with Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _Lazy(click.Group):
    """Imports a command when it is run: ``qbt --version`` should cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"qemu_boot_time.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101  # what COMMANDS promises
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for one that there is not, say which one is spelt so nearly."""
        near = get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. (Did you mean {near[0]!r}?)")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what click finds wrong with its words is told as that command's."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if name else None
            if error.ctx is None and command:
                error.ctx = click.Context(command, parent=ctx, info_name=name)
            raise

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem[Any]]:
        """Give the commands without importing one: a person waits for each Tab."""
        item = click.shell_completion.CompletionItem
        found = [item(n, help=text) for n, text in COMMANDS.items() if n.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Lazy,
    invoke_without_command=True,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, "-V", "--version", message="qbt %(version)s")
@click.pass_context
def qbt(context: click.Context) -> int | None:
    """Show where the boot time of a QEMU virtual machine goes."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help())
    return ExitStatus.USAGE


def main(*, interruptible: bool = False) -> None:
    """Run ``qbt`` and exit with its status; ``interruptible``: a Ctrl-C becomes an exception again."""
    _open_standard_streams()
    forgive_stderr()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    sys.exit(_status_in_any_case(interruptible=interruptible))


def _open_standard_streams() -> None:
    """Write to nowhere where the caller has closed a stream, instead of into what we open next."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(_placed(os.open(os.devnull, os.O_RDWR), number), mode))


def _placed(fd: int, number: int) -> int:
    return fd if fd == number else os.dup2(fd, number)


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    raise Terminated(number)


def _status_in_any_case(*, interruptible: bool = False) -> int:
    """Give a status of its own where we are wrong: Python's, 1, would say that something got slower."""
    try:
        return _status(interruptible=interruptible)
    except Exception:  # noqa: BLE001  # whatever it is
        traceback.print_exc()
        return _DEFECT_STATUS


def _status(*, interruptible: bool = False) -> int:
    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status = _done()
        sys.stdout.flush()
    except click.ClickException as error:
        return _refused(error)
    except QbtError as error:
        return _tell(error.what, error.hint, error.status)
    except (KeyboardInterrupt, click.Abort) as interrupt:
        # click makes an Abort of what was raised.
        signalled = interrupt.__cause__ or interrupt
        return _SIGNAL_BASE + int(getattr(signalled, "number", signal.SIGINT))
    except OSError as error:
        return _lost(error)
    except SystemExit:
        return _lost(BrokenPipeError())  # click leaves so where it meets one
    return int(status or 0)


def _done() -> Any:
    """Do what is asked for: by the user, or by a shell that completes a word."""
    instruction = os.environ.get(_COMPLETE)
    if not instruction:
        return qbt.main(prog_name="qbt", standalone_mode=False)
    # click would do it too, and leave by an exit that looks like that of a closed pipe.
    return click.shell_completion.shell_complete(qbt, {}, "qbt", _COMPLETE, instruction)


def _lost(error: OSError) -> int:
    """Say what cannot be written; a reader that has left (a pager, head) knows."""
    # What is left in the buffer must not raise again at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT_FD)
    if isinstance(error, BrokenPipeError):
        return _PIPE_STATUS
    return _tell(f"{error.filename or 'output'}: {error.strerror}", "", ExitStatus.CANNOT)


def _refused(error: click.ClickException) -> int:
    """Say what is wrong with a command line; a group without its command has no more to tell than its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return ExitStatus.USAGE
    return _tell(error.format_message(), _where_help_is(error), ExitStatus.USAGE)


def _where_help_is(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else "qbt --help"


def _tell(what: str, hint: str, status: int) -> int:
    click.echo(f"{styled('qbt:', 'red')} {_one_line(what)}", err=True)
    for line in hint.splitlines()[:_HINT_LINES]:
        click.echo(f"{styled('hint:', 'yellow')} {_one_line(line)}", err=True)
    return status


def _one_line(text: str) -> str:
    # A byte that is no UTF-8 is shown as a shell takes it, in $'...'.
    typed = (f"\\x{ord(c) & 0xFF:02x}" if c in _UNDECODED else c for c in text)
    return " ".join("".join(c if c.isprintable() else " " for c in "".join(typed)).split())
