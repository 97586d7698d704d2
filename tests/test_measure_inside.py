"""The command of a boot that looks inside."""

from dataclasses import replace
from pathlib import Path

import pytest

from qemu_boot_time.errors import InputError, QbtError, UsageError
from qemu_boot_time.guest import inside as guest
from qemu_boot_time.measure import Plan
from qemu_boot_time.measure.inside import check, plan_for
from qemu_boot_time.model import Purpose
from qemu_boot_time.phases import Rules
from qemu_boot_time.vm.command import parse
from qemu_boot_time.vm.linux_boot import linux_boot

QEMU = "qemu-system-x86_64"


def plan(*words: str, wrapper: tuple[str, ...] = ()) -> Plan:
    """Make a plan of ten boots that end at a mark of the user's."""
    command = parse((*wrapper, QEMU, *words))
    return Plan(command, 10, Rules(until="linux_start_user"), (), timeout_s=7.0)


def test_what_is_added_comes_last(tmp_path: Path) -> None:
    """The user's words stay as they are, wrapper included; of two options QEMU takes the last."""
    own = tmp_path / "own"
    own.write_bytes(b"12345")
    words = ("-kernel", "k", "-initrd", str(own), "-append", "quiet rdinit=/x -- single")
    before = plan(*words, wrapper=("taskset", "1"))

    after = plan_for(before, Purpose.UNITS, tmp_path, tmp_path / "a,b.inside")

    added = after.command.argv[len(before.command.argv) :]
    assert before.command.argv == after.command.argv[: len(before.command.argv)]
    assert (
        *("-initrd", str(tmp_path / "initrd"), "-append"),
        "quiet rdinit=/x printk.devkmsg=on rdinit=/qbt-inside qbt_next=/x qbt_inside=units -- single",
        *("-chardev", f"file,id=qbt-inside,path={tmp_path}/a,,b.inside"),
        *("-device", "isa-debugcon,iobase=0xf6,chardev=qbt-inside"),
    ) == added
    assert guest.extended(b"12345") == (tmp_path / "initrd").read_bytes()


def test_the_users_rules_do_not_apply(tmp_path: Path) -> None:
    """Only the deadline does: the boot ends when all is handed out."""
    before = plan("-kernel", "k")

    after = plan_for(before, Purpose.INITCALLS, tmp_path, tmp_path / "x.inside")

    assert ("handed_out", 7.0) == (after.rules.until, after.timeout_s)
    assert before == replace(after, command=before.command, rules=before.rules)


def test_a_kernel_with_an_initramfs_of_its_own(tmp_path: Path) -> None:
    """No -initrd and no root to mount: ours is the only one, and /init comes after it."""
    after = plan_for(plan("-kernel", "k"), Purpose.UNITS, tmp_path, tmp_path / "x.inside")

    boot = linux_boot(after.command)
    assert boot is not None
    assert "/init" == boot.value("qbt_next")
    assert guest.archive() == (tmp_path / "initrd").read_bytes()


@pytest.mark.parametrize(
    ("argv", "error", "what"),
    [
        ((QEMU, "disk.img"), UsageError, "boots from a disk has no initrd"),
        (("./vm.sh", "-kernel", "k"), UsageError, "behind a script"),
        ((QEMU, "-kernel", "k", "-append", "root=/dev/vda"), UsageError, "mounts its root"),
        ((QEMU, "-kernel", "k", "-initrd", "nope"), InputError, "-initrd nope: cannot be read"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(
    argv: tuple[str, ...], error: type[QbtError], what: str
) -> None:
    """In one line, with what would help."""
    with pytest.raises(error, match=what) as caught:
        check(parse(argv))

    assert caught.value.hint
