"""Boots whose exits are counted: the user's command, paused until its first memory map is taken."""

from dataclasses import replace

from qemu_boot_time.errors import HostError, UsageError
from qemu_boot_time.measure.plan import Plan
from qemu_boot_time.sources.perf_event import probe
from qemu_boot_time.vm.command import QemuCommand, may_use_kvm

_INSTEAD = (
    "with -accel tcg: --source plugin --probe NAME=SYMBOL shows where the guest's own time goes, and "
    "--clock instructions counts it"
)


def check(command: QemuCommand) -> None:
    """Say whether the exits of this command's guest can be counted here.

    Raises UsageError for a command without KVM, whose guest has none, HostError where this host records none.
    """
    if not may_use_kvm(command):
        raise UsageError(
            "--profile counts a guest's exits to its host, and this command's has none: no KVM",
            hint=f"add -accel kvm; {_INSTEAD}",
        )
    found = probe()
    if not found.ok:
        raise HostError(
            f"--profile records KVM's events itself: {found.what}",
            hint=found.remedy or f"qbt doctor; {_INSTEAD}",
        )


def profiled(plan: Plan) -> tuple[Plan, bool]:
    """Give the plan of one boot whose exits are counted, and whether it is we who pause it.

    A guest that is paused cannot end while its monitor is at work on the first map, of which QEMU 7.2
    never recovers.
    """
    command = plan.command
    if command.has("-S"):
        return plan, False
    return replace(plan, command=replace(command, argv=(*command.argv, "-S"))), True
