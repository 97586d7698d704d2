"""Where a command sends the guest's text."""

import shlex

import pytest

from qemu_boot_time.vm.command import device_ports, parse
from qemu_boot_time.vm.console import firmware_port_is_free, hushes_kernel, on_stdout

QEMU = "qemu-system-x86_64 "


@pytest.mark.parametrize(
    "words",
    [
        "-nographic",
        "-nographic -kernel k -append 'console=ttyS0 quiet'",
        "-serial stdio",
        "-serial mon:stdio",
        "-serial file:x -serial stdio",
        "-nographic -serial mon:stdio -nodefaults",
        "-serial file:/dev/stdout",
        "-chardev stdio,id=c -serial chardev:c",
        "-chardev stdio,id=c,mux=on -device isa-serial,chardev=c -mon chardev=c",
        "-chardev id=c,backend=stdio -device pci-serial,chardev=c",
        '-chardev stdio,id=c -device \'{"driver":"isa-serial","chardev":"c"}\'',
        "-chardev stdio,id=c -device virtio-serial -device virtconsole,chardev=c",
        "-debugcon stdio -global isa-debugcon.iobase=0x402",
    ],
)
def test_text_on_standard_output(words: str) -> None:
    """By default, by name, through a character device of any kind."""
    assert on_stdout(parse(shlex.split(QEMU + words)))


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-display none",
        "-serial none",
        "-serial file:x",
        "-serial pty",
        "-nographic -serial none",
        "-nographic -serial file:x",
        "-nographic -nodefaults",
        "-nographic -chardev file,id=c,path=x -device isa-serial,chardev=c",
        "-monitor stdio",
        "-chardev stdio,id=c -mon chardev=c",
        "-chardev file,id=c,path=stdio -serial chardev:c",
        "-chardev pty,id=h -device virtio-serial -device virtconsole,chardev=h",
        "-qmp stdio",
    ],
)
def test_text_elsewhere(words: str) -> None:
    """A window, a file, a terminal of its own; a monitor on standard output is no guest."""
    assert not on_stdout(parse(shlex.split(QEMU + words)))


def test_behind_a_script_it_may_be_anywhere() -> None:
    """Nobody can see its options: what comes is looked at."""
    assert on_stdout(parse(("./vm.sh",)))
    assert firmware_port_is_free(parse(("./vm.sh",)))


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        ("", []),
        ("-device isa-debugcon,iobase=0x402,chardev=c", [0x402]),
        ("-device isa-debugcon,chardev=c,iobase=1026", [0x402]),
        ("-debugcon file:x", [0xE9]),
        ("-debugcon file:x -global isa-debugcon.iobase=0x402", [0x402]),
        ("-debugcon file:x -global driver=isa-debugcon,property=iobase,value=0x402", [0x402]),
        ("-global isa-debugcon.iobase=0x402", []),
    ],
)
def test_the_ports_of_devices(words: str, ports: list[int]) -> None:
    """As the options place them; a default of a device that is not there is none."""
    command = parse(shlex.split(QEMU + words))

    assert (ports, 0x402 not in ports) == (
        sorted(device_ports(command)),
        firmware_port_is_free(command),
    )


@pytest.mark.parametrize(
    ("append", "hushed"),
    [
        ("console=ttyS0", False),
        ("console=ttyS0 quiet", True),
        ("quiet console=ttyS0", True),
        ("loglevel=6", True),
        ("loglevel=7", False),
        ("myquiet quietly", False),
    ],
)
def test_a_kernel_that_is_told_to_be_quiet(append: str, hushed: bool) -> None:  # noqa: FBT001  # parametrized
    """The lines looked for are of levels 5 and 6 (KERN_NOTICE, KERN_INFO)."""
    command = parse((QEMU.strip(), "-append", append))

    assert hushed == hushes_kernel(command)
