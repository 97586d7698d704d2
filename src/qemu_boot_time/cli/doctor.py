"""``qbt doctor``: what this host can see, what would spoil a measurement, and the remedy."""

import json
import os
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import asdict

import click

from qemu_boot_time import doctor, host
from qemu_boot_time.cli.output import styled
from qemu_boot_time.doctor import Accel, Done, Finding, Group, Patient, Status, Step
from qemu_boot_time.errors import ExitStatus

_COLOURS = {
    Status.OK: "green",
    Status.WARN: "yellow",
    Status.FAIL: "red",
    Status.UNKNOWN: "bright_black",
}
_WIDTH = 80
_STATUS_WIDTH = 7
_NAME_WIDTH = 12
_INDENT = 2 + _STATUS_WIDTH + 2 + _NAME_WIDTH + 2
_EXAMPLES = """\b
Examples:
  qbt doctor                 what is wrong here, and what to do about it
  qbt doctor --accel tcg     the same for measurements without KVM
  qbt doctor --fix           say what could be changed without a reboot, ask,
                             do it, and say how to undo it
  qbt doctor --json | jq '.findings[] | select(.status == "warn")'

Exit status: 0 fit (warnings are no obstacle), 1 something needed is missing.
"""


@click.command("doctor", epilog=_EXAMPLES)
@click.option("--qemu", default="qemu-system-x86_64", metavar="PROGRAM", show_default=True)
@click.option(
    "--accel",
    type=click.Choice([accel.value for accel in Accel]),
    default=Accel.KVM.value,
    show_default=True,
    help="What you will measure with; for tcg a missing KVM is a warning only.",
)
@click.option("--fix", is_flag=True, help="Change what needs no reboot, after asking.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(*, qemu: str, accel: str, fix: bool, yes: bool, as_json: bool) -> int:
    """Tell what this host can see of a boot, and what would spoil a measurement.

    Takes about a second and boots one guest of 64 KiB; changes nothing without --fix.
    """
    if fix and as_json and not yes:
        raise click.UsageError("--json --fix cannot ask: add --yes")
    if yes and not fix:
        raise click.UsageError("--yes answers what --fix asks: add --fix")
    patient = Patient(qemu, Accel(accel))
    findings = doctor.examine(patient)
    if not as_json:
        _print_findings(findings, patient)
    done = _fix(findings, ask=not yes, say=_quiet if as_json else click.echo) if fix else ()
    if done:
        patient = Patient(qemu, Accel(accel))
        findings = doctor.examine(patient)
    if as_json:
        click.echo(json.dumps(_document(patient, findings, done), indent=2))
    elif done:
        click.echo(f"\nAfterwards: {_summary(findings, patient)}")
    is_fit = doctor.fit(findings) and not any(step.error for step in done)
    return ExitStatus.DONE if is_fit else ExitStatus.NO


def _quiet(_line: str) -> None:
    """Say nothing: the document says it all."""


def _print_findings(findings: Iterable[Finding], patient: Patient) -> None:
    all_of_them = tuple(findings)
    for group in Group:
        click.secho(f"{group.value[0].upper()}{group.value[1:]}", bold=True)
        for finding in all_of_them:
            if finding.group is group:
                _print_finding(finding)
        click.echo()
    click.echo(_summary(all_of_them, patient))


def _print_finding(finding: Finding) -> None:
    status = finding.seen.status
    label = styled(f"{status.value:{_STATUS_WIDTH}}", _COLOURS[status])
    first, *rest = _wrapped(finding.seen.what)
    click.echo(f"  {label}  {finding.check:{_NAME_WIDTH}}  {first}")
    if status in (Status.WARN, Status.FAIL):
        rest += _wrapped(f"({finding.why})")
    for line in rest:
        click.echo(f"{'':{_INDENT}}{line}")
    for line in finding.seen.remedy.splitlines():
        click.echo(f"      {_printable(line)}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(_printable(text), _WIDTH - _INDENT) or [""]


def _printable(text: str) -> str:
    """Names of processes and words of QEMU come from outside: nothing in them is for terminals."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _summary(findings: Iterable[Finding], patient: Patient) -> str:
    names: dict[Status, list[str]] = {status: [] for status in Status}
    for finding in findings:
        names[finding.seen.status].append(finding.check)
    warnings = f"{len(names[Status.WARN])} warnings"
    if names[Status.FAIL]:
        return f"Unfit: {', '.join(names[Status.FAIL])}; {warnings}."
    return f"Fit: `qbt run` takes the source {doctor.chosen_source(patient)}; {warnings}."


def _fix(findings: Iterable[Finding], *, ask: bool, say: Callable[[str], None]) -> tuple[Done, ...]:
    steps = tuple(step for finding in findings for step in finding.seen.steps)
    if not steps:
        say("\nNothing to change that would need no reboot.")
        return ()
    root = os.geteuid() == 0
    say("\nThis would be changed until the next boot of this host:" if root else "\nAs root:")
    for step in steps:
        say(f"  {step.command}")
        say(f"    undo: {step.undo}")
    if not root or (ask and not click.confirm("Do it?", err=True)):
        say("Nothing was changed.")
        return ()
    return doctor.apply(steps, lambda done: say(_told(done)))


def _told(done: Done) -> str:
    if done.error:
        return f"FAILED: {done.step.command}: {_printable(done.error)}"
    return f"done: {done.step.command}\n  undo: {done.step.undo}"


def _document(
    patient: Patient, findings: Iterable[Finding], done: Iterable[Done]
) -> dict[str, object]:
    found = tuple(findings)
    return {
        "schema": 1,
        "fit": doctor.fit(found),
        "source": doctor.chosen_source(patient),
        "findings": [_as_json(finding) for finding in found],
        "fixed": [{**_step(one.step), "error": one.error} for one in done],
        "host": asdict(host.facts(patient.qemu, root=patient.root)),
    }


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "group": finding.group.value,
        "status": finding.seen.status.value,
        "seen": finding.seen.what,
        "why": finding.why,
        "remedy": finding.seen.remedy,
        "fix": [_step(step) for step in finding.seen.steps],
    }


def _step(step: Step) -> dict[str, str]:
    return {"command": step.command, "undo": step.undo}
