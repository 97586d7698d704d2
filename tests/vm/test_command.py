"""What a QEMU command says."""

import pytest

from qemu_boot_time.errors import ExitStatus, UsageError
from qemu_boot_time.vm.command import (
    accelerators,
    has_own_control,
    may_use_kvm,
    parse,
    taken_ports,
    vcpus,
    writable_disks,
)

QEMU = "qemu-system-x86_64"


@pytest.mark.parametrize(
    ("argv", "program", "is_wrapped"),
    [
        ((QEMU, "-m", "1G"), QEMU, False),
        (("/opt/qemu/bin/qemu-system-i386",), "/opt/qemu/bin/qemu-system-i386", False),
        (("/usr/libexec/qemu-kvm",), "/usr/libexec/qemu-kvm", False),
        (("kvm", "-m", "1G"), "kvm", False),
        (("taskset", "-c", "1", QEMU, "-m", "1G"), QEMU, True),
        (("sudo", "-u", "kvm", QEMU), QEMU, True),
        (("./start-vm.sh", "-m", "1G"), "./start-vm.sh", True),
    ],
)
def test_qemu_is_found_behind_wrappers(
    argv: tuple[str, ...], program: str, *, is_wrapped: bool
) -> None:
    """Its name is what a person would call the thing; the command stays as it is."""
    command = parse(argv)

    assert (argv, program, is_wrapped) == (command.argv, command.program, command.is_wrapped)


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("qemu-system-aarch64", "-M", "virt"),
        ("env", "qemu-system-riscv64"),
        (QEMU, "-daemonize"),
    ],
)
def test_what_cannot_be_measured_is_refused(argv: tuple[str, ...]) -> None:
    """Nothing to run, another architecture, a QEMU that leaves us: usage, with a way out."""
    with pytest.raises(UsageError) as caught:
        parse(argv)

    assert (ExitStatus.USAGE, True) == (caught.value.status, bool(caught.value.hint))


def test_options_are_read_as_qemu_does() -> None:
    """One dash or two, with or without a value, in order."""
    command = parse(("nice", QEMU, "-nographic", "--m", "1G", "-device", "a", "-device", "b", "-S"))

    expected = [("-nographic", ""), ("-m", "1G"), ("-device", "a"), ("-device", "b"), ("-S", "")]
    assert expected == [*command.options]
    assert (("a", "b"), True, False) == (
        command.values("-device"),
        command.has("-S"),
        command.has("-s"),
    )


def test_behind_a_script_no_option_is_known() -> None:
    """What a script does with its arguments is its own business."""
    command = parse(("./start-vm.sh", "-S"))

    assert ((), False) == (command.options, command.has("-S"))


@pytest.mark.parametrize(
    ("words", "expected", "kvm"),
    [
        ("", (), False),
        ("-accel kvm", ("kvm",), True),
        ("-accel kvm,dirty-ring-size=4096 -accel tcg", ("kvm", "tcg"), True),
        ("-M q35,accel=tcg:kvm,usb=off", ("tcg", "kvm"), False),
        ("-machine accel=kvm:tcg", ("kvm", "tcg"), True),
        ("-enable-kvm", ("kvm",), True),
        ("-accel accel=tcg", ("tcg",), False),
        ("-append accel=kvm", (), False),
    ],
)
def test_accelerators_in_the_order_of_trying(
    words: str, expected: tuple[str, ...], *, kvm: bool
) -> None:
    """From -accel, -machine and -enable-kvm; the guest may use KVM if it is tried first."""
    command = parse((QEMU, *words.split()))

    assert (expected, kvm) == (accelerators(command), may_use_kvm(command))


def test_a_qemu_called_kvm_uses_it() -> None:
    """Distributions' qemu-kvm implies it; behind a script nobody can tell."""
    assert [("kvm",), ()] == [accelerators(parse((name,))) for name in ("qemu-kvm", "./start.sh")]
    assert may_use_kvm(parse(("./start.sh",)))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", False),
        ("-S", False),
        ("-s", True),
        ("-gdb tcp::1234", True),
        ("-qmp unix:/tmp/q,server", True),
        ("-monitor stdio", True),
        ("-monitor none", False),
    ],
)
def test_who_else_controls_this_qemu(words: str, *, expected: bool) -> None:
    """A monitor or a debugger of the user's own."""
    assert expected == has_own_control(parse((QEMU, *words.split())))


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("isa-debug-exit,iobase=0xf4,iosize=0x04", (0xF4,)),
        ("isa-debugcon,iobase=245,chardev=x", (0xF5,)),
        ("isa-debug-exit,iobase=0x501,iosize=2", ()),
        ("isa-debug-exit,iobase=0xf45", ()),
        ("isa-debug-exit,iobase=0501", ()),
        ("virtio-net-pci", ()),
    ],
)
def test_ports_that_the_command_uses_itself(device: str, expected: tuple[int, ...]) -> None:
    """isa-debug-exit at 0xf4 is common; no second device fits there."""
    assert expected == taken_ports(parse((QEMU, "-device", device)))


@pytest.mark.parametrize(
    ("words", "is_writable"),
    [
        ("-drive file=a.img,if=virtio", True),
        ("-hda a.img", True),
        ("-blockdev driver=file,filename=a.img,node-name=x", True),
        ("-drive file=a.img,readonly=on", False),
        ("-drive file=a.img,read-only=on", False),
        ("-drive file=a.img,readonly", False),
        ("-drive file=a.img,readonly=off", True),
        ("-drive file=a.img,snapshot=on", False),
        ("-drive file=a.iso,media=cdrom", False),
        ("-drive if=pflash,file=OVMF_VARS.fd", False),
        ('-blockdev {"driver":"file","read-only":true,"filename":"a"}', False),
        ("-hda a.img -snapshot", False),
        ("-cdrom a.iso", False),
    ],
)
def test_disks_that_a_boot_may_change(words: str, *, is_writable: bool) -> None:
    """What one boot writes, the next one finds."""
    assert is_writable == bool(writable_disks(parse((QEMU, *words.split()))))


def test_writable_disks_are_named_as_in_the_command() -> None:
    """So that the warning can be found in it."""
    command = parse((QEMU, "-drive", "file=a.img", "-hdb", "b.img"))

    assert ("file=a.img", "b.img") == writable_disks(command)


def test_what_follows_an_option_is_its_value_whatever_it_looks_like() -> None:
    """A kernel parameter with a dash is none of QEMU's options."""
    command = parse(("qemu-system-x86_64", "-append", "-daemonize", "-nographic", "disk.img"))

    assert command.options == (("-append", "-daemonize"), ("-nographic", ""), ("-hda", "disk.img"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), 1),
        (("-smp", "1"), 1),
        (("-smp", "4"), 4),
        (("-smp", "cpus=2,maxcpus=8"), 2),
        (("-smp", "maxcpus=8,cpus=2"), 2),
        (("-smp", "sockets=1,cores=1"), 1),
        (("-smp", "sockets=2,cores=3,threads=2"), 12),
        (("-smp", "maxcpus=3"), 3),
        (("-M", "q35,smp.cpus=4"), 4),
        (("-smp", "x"), 1),
    ],
)
def test_how_many_vcpus(words: tuple[str, ...], expected: int) -> None:
    """As QEMU counts them, in any of the ways to say it."""
    assert expected == vcpus(parse(("qemu-system-x86_64", *words)))
