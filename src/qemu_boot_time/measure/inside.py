"""Boots that look inside: the user's command with our archive, our words and one more device."""

import os
from dataclasses import replace
from pathlib import Path

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.guest import inside as guest
from qemu_boot_time.measure.plan import Plan
from qemu_boot_time.model import Purpose
from qemu_boot_time.phases.inside import RULES
from qemu_boot_time.protocol import INSIDE_PORT
from qemu_boot_time.vm.command import QemuCommand, escaped
from qemu_boot_time.vm.linux_boot import LinuxBoot, linux_boot

_WHY_NOT = {
    True: "behind a script nobody can tell which initrd is to be extended",
    False: "a guest that its firmware boots from a disk has no initrd to extend",
}
"""Whether QEMU is behind a script, and what that means."""
_HOW = (
    "boot the guest's own kernel and initrd directly: -kernel vmlinuz -initrd initrd.img "
    "-append 'root=/dev/vda1'\n"
    "or without any help of the guest's: --source console --until login_prompt"
)


def check(command: QemuCommand) -> LinuxBoot:
    """Say how the guest boots.

    Raises UsageError where there is no initrd that could be extended, InputError for one that
    cannot be read.
    """
    boot = linux_boot(command)
    if boot is None:
        raise UsageError(f"--inside: {_WHY_NOT[command.at is None]}", hint=_HOW)
    if not boot.initrd and boot.value("root"):
        raise UsageError(
            "--inside: this kernel mounts its root by itself: with an initrd of ours it would not",
            hint=_HOW,
        )
    if boot.initrd and not os.access(boot.initrd, os.R_OK):
        raise InputError(f"-initrd {boot.initrd}: cannot be read", hint="--inside extends a copy")
    return boot


def plan_for(plan: Plan, purpose: Purpose, directory: Path, handed_out: Path) -> Plan:
    """Give the plan of one boot that looks: same sources, same deadline, no rules of the user's.

    ``directory`` takes the extended initrd; ``handed_out`` is the file for what the guest tells.
    QEMU takes the last ``-initrd`` and ``-append``. Raises as :func:`check`.
    """
    boot = check(plan.command)
    initrd = directory / "initrd"
    own = Path(boot.initrd).read_bytes() if boot.initrd else b""
    initrd.write_bytes(guest.extended(own))
    words = boot.with_words(guest.parameters(purpose, boot.value("rdinit") or "/init"))
    more = ("-initrd", str(initrd), "-append", words, *_device(handed_out))
    command = replace(plan.command, argv=(*plan.command.argv, *more))
    return replace(plan, command=command, rules=RULES)


def _device(file: Path) -> tuple[str, ...]:
    return (
        *("-chardev", f"file,id=qbt-inside,path={escaped(file.resolve())}"),
        *("-device", f"isa-debugcon,iobase={INSIDE_PORT:#x},chardev=qbt-inside"),
    )
