"""A fixture for pytest that boots a VM and holds it to budgets.

pytest loads this module in every session, so all else is imported where it is used.
"""

import contextlib
import io
import os
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qemu_boot_time.cli.judging import Judgement
    from qemu_boot_time.errors import QbtError
    from qemu_boot_time.model import Run
    from qemu_boot_time.report.comparison import Compared
    from qemu_boot_time.stats.compare import Comparison
    from qemu_boot_time.stats.summary import Summary

_INSIST = "QBT_REAL"
"""Set to 1, what this host cannot do is a failure and no skip."""
_OURS = {"out", "json", "verbose", "waterfall", "help"}
_GATES = {
    *("fail_if", "require", "budgets", "baseline", "junit", "markdown"),
    *("anyway", "same_definition"),
}
_INSTEAD = {
    **{name: f"; run.{name}() does it" for name in ("fail_if", "require", "budgets")},
    "anyway": '; run.fail_if(..., insist="--anyway") does it',
    "same_definition": '; run.fail_if(..., insist="--same-definition") does it',
}


class BudgetWarning(UserWarning):
    """What is not shown either way by so few boots, or was compared although it is not alike."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where runs are kept."""
    group = parser.getgroup("qbt", "boot times of virtual machines")
    group.addoption(
        "--qbt-keep",
        metavar="DIR",
        help="Keep the runs of qbt_boot in DIR, not among pytest's temporary files.",
    )


@pytest.fixture(scope="session")
def qbt_boot(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> "Booting":
    """Give what boots a VM several times and holds it to budgets: see docs/pytest.md."""
    kept = pytestconfig.getoption("qbt_keep")
    return Booting(Path(kept).resolve() if kept else tmp_path_factory.mktemp("qbt"))


@dataclass(frozen=True, slots=True)
class Booting:
    """What ``qbt_boot`` is."""

    directory: Path
    """Where the runs are kept."""

    def __call__(
        self, command: str | Sequence[str], *, n: int | None = None, **options: object
    ) -> "BootedRun":
        """Boot ``command``, text as for a shell or words, ``n`` times (10); give the run.

        Further keywords are the options of ``qbt run``: ``until="linux_start_user"``,
        ``source=["plugin", "console"]``, ``clock="instructions"``, ``timeout=60``, ``kvm_console=True``.
        The test fails where a boot fails, with the table and the last words of each, and where
        ``qbt run`` refuses; it is skipped where this host cannot do it, but fails under
        ``QBT_REAL=1``. Raises TypeError for an option that is the fixture's own.
        """
        __tracebackhide__ = True
        words = shlex.split(command) if isinstance(command, str) else list(command)
        from qemu_boot_time.store.directories import new_run_directory

        directory = new_run_directory(self.directory)
        given = [*([] if n is None else ["-n", str(n)]), *_words(options)]
        status = _run([*given, "--out", str(directory), "--", *words])
        from qemu_boot_time.errors import ExitStatus
        from qemu_boot_time.store.load import load_run

        booted = BootedRun(load_run(directory))
        if status != ExitStatus.DONE:
            raise AssertionError(f"not every boot got there\n\n{booted}")
        return booted


def _words(options: Mapping[str, object]) -> Iterator[str]:
    """Give the words of a command line that stand for keywords; None and False for nothing."""
    for name, value in options.items():
        if name in _OURS | _GATES:
            raise TypeError(f"qbt_boot() takes no {name!r}{_INSTEAD.get(name, '')}")
        option = f"--{name.replace('_', '-')}"
        several = value if isinstance(value, list | tuple) else [value]
        for each in several:
            if each is True:
                yield option
            elif each is not None and each is not False:
                yield from (option, str(each))


def _run(words: Sequence[str]) -> int:
    """Do what ``qbt run`` does in this process; give its exit status."""
    __tracebackhide__ = True
    import click

    from qemu_boot_time.cli.run import command
    from qemu_boot_time.errors import HostError, QbtError

    try:
        # What is printed is the table, which whoever needs it makes again.
        with contextlib.redirect_stdout(io.StringIO()):
            return int(command.main(args=list(words), prog_name="qbt run", standalone_mode=False))
    except HostError as error:
        insists = os.environ.get(_INSIST) == "1"
        raise _failed(error) if insists else pytest.skip.Exception(error.what) from None
    except QbtError as error:
        raise _failed(error) from None
    except click.Abort as abort:
        # click makes one of a Ctrl-C, and pytest would count it as a failure and go on.
        raise (abort.__cause__ or KeyboardInterrupt()) from None
    except click.ClickException as error:
        raise pytest.fail.Exception(f"qbt run: {error.format_message()}") from None


def _failed(error: "QbtError") -> BaseException:
    """Say without a traceback what pytest users can act on."""
    return pytest.fail.Exception(_told(error))


def _told(error: "QbtError") -> str:
    return f"{error.what}\nhint: {error.hint}" if error.hint else error.what


@dataclass(frozen=True, slots=True)
class BootedRun:
    """A run that was made for a test; in text it is the table of ``qbt show``."""

    run: "Run"

    @property
    def path(self) -> Path:
        """Where it is kept: ``qbt show PATH``."""
        return Path(self.run.path)

    @property
    def summary(self) -> "Summary":
        """Marks and phases over all boots, on the clock that was asked for."""
        from qemu_boot_time.stats.summary import summarise

        return summarise(self.run.boots, self.run.clock)

    @property
    def medians(self) -> Mapping[str, int]:
        """The median of each mark and phase, in nanoseconds, or with that clock in instructions."""
        summary = self.summary
        marks = {row.name: row.at.median for row in summary.marks}
        # Of phases of one name but other ends, the first is the one that most boots have.
        phases = {row.name: row.length.median for row in reversed(summary.phases)}
        return {**marks, **phases}

    def require(self, *conditions: str, baseline: str | Path = "", insist: str = "") -> None:
        """Fail unless all are so: ``run.require("kernel.median <= 120ms")``.

        ``baseline`` is what "faster than" compares with, which must be shown; ``insist`` (``--anyway``,
        ``--same-definition``) makes a warning of what is not alike in it. Raises AssertionError.
        """
        __tracebackhide__ = True
        self._hold(insist, require=conditions, baseline=str(baseline))

    def fail_if(self, *conditions: str, baseline: str | Path = "", insist: str = "") -> None:
        """Fail where one is so: ``run.fail_if("kernel slower than 2%", baseline="base.json")``.

        What is not shown either way is a :class:`BudgetWarning`. Raises AssertionError.
        """
        __tracebackhide__ = True
        self._hold(insist, fail_if=conditions, baseline=str(baseline))

    def budgets(self, file: str | Path, *, insist: str = "") -> None:
        """Fail where a budget of a ``budgets.toml`` is broken. Raises AssertionError."""
        __tracebackhide__ = True
        self._hold(insist, budgets=Path(file))

    def compare(
        self, baseline: str | Path, *, margin: str = "1%", insist: str = ""
    ) -> "Comparison":
        """Compare with a baseline of times; fail where the total is SLOWER, as ``qbt compare`` does.

        For runs of instructions see :meth:`fail_if`. Raises AssertionError.
        """
        __tracebackhide__ = True
        from qemu_boot_time.errors import QbtError
        from qemu_boot_time.report.comparison import to_text
        from qemu_boot_time.stats.verdict import Verdict

        try:
            compared = _compared(str(baseline), self.run, margin, insist)
        except QbtError as error:
            raise _failed(error) from None
        if compared.found.total.verdict is Verdict.SLOWER:
            raise AssertionError(f"slower than {baseline}\n\n{to_text(compared)}")
        for line in compared.warnings:
            warnings.warn(line, BudgetWarning, stacklevel=2)
        return compared.found

    def _hold(self, insist: str, **given: Any) -> None:
        __tracebackhide__ = True
        from qemu_boot_time.cli.judging import lines, warnings_of
        from qemu_boot_time.errors import QbtError

        try:
            judgement = _judged(self.run, insist, given)
        except QbtError as error:
            raise _failed(error) from None
        told = [*warnings_of(judgement), *lines(judgement, every=False)]
        if judgement.breaks:
            raise AssertionError("\n".join([*told, "", str(self)]))
        for line in told:
            warnings.warn(line, BudgetWarning, stacklevel=3)

    def __str__(self) -> str:
        from qemu_boot_time.report.text import Showing, to_text

        return f"{to_text(self.run, Showing())}look again: qbt show {shlex.quote(self.run.path)}"


def _judged(run: "Run", insist: str, given: Mapping[str, Any]) -> "Judgement":
    from dataclasses import replace

    from qemu_boot_time.cli.gating import gating_of, opened
    from qemu_boot_time.cli.judging import judged_run
    from qemu_boot_time.inputs import Options

    gating = replace(gating_of(**given), insisted=tuple(insist.split()))
    return judged_run(opened(gating, Options()), run)


def _compared(baseline: str, run: "Run", margin: str, insist: str) -> "Compared":
    from qemu_boot_time.cli.alike import require_alike
    from qemu_boot_time.errors import UsageError
    from qemu_boot_time.inputs import Options, open_input
    from qemu_boot_time.model import Clock
    from qemu_boot_time.report.comparison import Compared
    from qemu_boot_time.stats.compare import compare
    from qemu_boot_time.stats.gates import parse_margin

    if run.clock is not Clock.TIME:
        raise UsageError(
            "the run was measured in instructions",
            hint='run.fail_if("total slower than 0%", baseline=...)',
        )
    first = open_input(baseline, Options())
    alike = require_alike(first, run, insisted=insist.split())
    return Compared(first, run, compare(first, run, parse_margin(margin)), alike)
