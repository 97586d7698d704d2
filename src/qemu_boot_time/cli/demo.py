"""``qbt demo``: the embedded guest, measured."""

import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from qemu_boot_time import host
from qemu_boot_time.cli import options
from qemu_boot_time.cli.choosing import AUTO, choose_sources
from qemu_boot_time.cli.measuring import (
    Printing,
    check_programs,
    facts_of,
    measure_and_print,
    out_option,
)
from qemu_boot_time.cli.misplaced import TakesNone
from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.cli.output import note
from qemu_boot_time.guest import demo
from qemu_boot_time.measure import Plan, Silence, measure
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.vm import command as vm_command

_TRY_KVM_S = 10.0
_TIMEOUT_S = 120.0


@click.command("demo", cls=TakesNone)
@click.option("-n", "--boots", type=WholeNumber(1), default=5, show_default=True)
@click.option("--offline", is_flag=True, help="Download nothing: what is here must do.")
@out_option
@options.json_option
@options.verbose_option_of_qemu
@options.waterfall_option
def command(
    *,
    boots: int,
    offline: bool,
    out: Path | None,
    as_json: bool,
    verbose: bool,
    waterfall: bool,
) -> int:
    """Boot the embedded guest and show where its time goes.

    Takes the instrumented kernel, SeaBIOS and option ROMs of `qbt build` where they are, else the
    distribution's kernel (downloaded once, not installed), else a tiny guest of our own.
    """
    network = demo.Network.NEVER if offline else demo.Network.AUTO
    guest = demo.choose(network=network, progress=note)
    note(f"guest {guest.name}: {guest.description}")
    plan = _with_kvm(guest) or _plan(guest, "tcg")
    note(shlex.join(plan.command.argv))
    notes = [f"more marks: {guest.more}"] if guest.more else []
    printing = Printing(as_json, verbose, out, waterfall=waterfall)
    return measure_and_print(replace(plan, boots=boots), printing, notes)


def _plan(guest: demo.DemoGuest, accelerator: str) -> Plan:
    parsed = vm_command.parse((*guest.qemu_args, "-accel", accelerator))
    check_programs(parsed)
    chosen, _ = choose_sources([AUTO], parsed)
    rules = Rules(until=guest.until)
    return Plan(parsed, boots=1, rules=rules, sources=chosen, timeout_s=_TIMEOUT_S)


def _with_kvm(guest: demo.DemoGuest) -> Plan | None:
    """Try KVM with this very guest; None, and the reason told, where it does not get there."""
    probe = host.kvm_device()
    if not probe.ok:
        note(f"{probe.what}: TCG instead")
        return None
    plan = _plan(guest, "kvm")
    trial = replace(plan, sources=(SOURCES["debugcon"],), timeout_s=_TRY_KVM_S)
    with tempfile.TemporaryDirectory(prefix="qbt-") as directory:
        (boot,) = measure(trial, RunWriter.begin(Path(directory), facts_of(trial, ())), Silence())
    if boot.ok:
        return plan
    note(f"under KVM this guest does not get there ({boot.outcome}): TCG instead")
    return None
