"""Boots that look inside: the user's command with our archive, our words and one more device."""

from dataclasses import replace
from pathlib import Path

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.guest import inside as guest
from qemu_boot_time.measure.plan import Plan
from qemu_boot_time.model import Purpose
from qemu_boot_time.phases.inside import RULES
from qemu_boot_time.protocol import INSIDE_PORT
from qemu_boot_time.vm.command import QemuCommand
from qemu_boot_time.vm.linux_boot import LinuxBoot, linux_boot

_HOW = (
    "boot the guest's own kernel and initrd directly: -kernel vmlinuz -initrd initrd.img "
    "-append 'root=/dev/vda1'"
)


def check(command: QemuCommand) -> LinuxBoot:
    """Say how the guest boots.

    Raises UsageError where there is no initrd that could be extended.
    """
    boot = linux_boot(command)
    if command.at is None:
        raise UsageError(
            "--inside: behind a script nobody can tell which initrd is to be extended",
            hint="give QEMU's own command",
        )
    if boot is None:
        raise UsageError(
            "--inside: a guest that its firmware boots from a disk has no initrd to extend",
            hint=_HOW,
        )
    if not boot.initrd and boot.value("root"):
        raise UsageError(
            "--inside: this kernel mounts its root by itself: with an initrd of ours it would not",
            hint=_HOW,
        )
    return boot


def plan_for(plan: Plan, purpose: Purpose, directory: Path, handed_out: Path) -> Plan:
    """Give the plan of one boot that looks: same sources, same deadline, no rules of the user's.

    ``directory`` takes the extended initrd; ``handed_out`` is the file for what the guest tells.
    QEMU takes the last ``-initrd`` and ``-append``. Raises InputError for an initrd that cannot be
    read, UsageError as :func:`check`.
    """
    boot = check(plan.command)
    initrd = directory / "initrd"
    initrd.write_bytes(guest.extended(_read(boot.initrd)))
    words = boot.with_words(guest.parameters(purpose, boot.value("rdinit") or "/init"))
    more = ("-initrd", str(initrd), "-append", words, *_device(handed_out))
    command = replace(plan.command, argv=(*plan.command.argv, *more))
    return replace(plan, command=command, rules=RULES)


def _read(initrd: str) -> bytes:
    if not initrd:
        return b""
    try:
        return Path(initrd).read_bytes()
    except OSError as error:
        raise InputError(
            f"-initrd {initrd}: {error.strerror}",
            hint="--inside extends a copy of it: it must be readable",
        ) from error


def _device(file: Path) -> tuple[str, ...]:
    path = str(file.resolve()).replace(",", ",,")
    return (
        *("-chardev", f"file,id=qbt-inside,path={path}"),
        *("-device", f"isa-debugcon,iobase={INSIDE_PORT:#x},chardev=qbt-inside"),
    )
