"""The guests in real VMs: exactly the bytes that they promise, and an end of their own accord.

Two isa-debugcon devices see the port writes, whatever the accelerator.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.formats import cpio
from qemu_boot_time.guest import builds, demo, init, initramfs, stock, tiny
from qemu_boot_time.protocol import FIRMWARE_PORT, LINUX_PORT, TRACE_POINTS
from real_host import require

pytestmark = pytest.mark.real

QEMU = "qemu-system-x86_64"
MACHINES = ("pc", "q35", "microvm")
BUSYBOX = Path("/bin/busybox")
DEADLINE_S = 120.0


@dataclass(frozen=True)
class Seen:
    """What one boot showed."""

    firmware: str
    """Bytes on port 0xf5, hex."""
    linux: str
    """Bytes on port 0xf4, hex."""
    status: int | None = 0
    """QEMU's exit status; None: it was still there at the deadline."""


@dataclass(frozen=True)
class Console:
    """A boot and what it wrote to its console."""

    seen: Seen
    lines: tuple[str, ...]


def boot(command: Sequence[str], directory: Path, *, deadline_s: float = DEADLINE_S) -> Console:
    """Boot a QEMU command to its end with both ports watched."""
    watched = {port: directory / f"{port:02x}" for port in (FIRMWARE_PORT, LINUX_PORT)}
    argv = list(command)
    for port, file in watched.items():
        argv += ["-chardev", f"file,id=p{port},path={file}"]
        argv += ["-device", f"isa-debugcon,chardev=p{port},iobase={port:#x}"]
    status: int | None = 0
    output = ""
    try:
        output = process.run(argv, timeout_s=deadline_s).stdout
    except ProgramError as error:
        status = error.returncode
    firmware, linux = (file.read_bytes().hex() for file in watched.values())
    return Console(Seen(firmware, linux, status), tuple(output.replace("\r", "").splitlines()))


def boot_tiny(
    steps: Sequence[tiny.Step], machine: str, accelerator: str, directory: Path, **how: float
) -> Seen:
    """Boot a tiny guest."""
    bios = directory / "tiny.bin"
    bios.write_bytes(tiny.image(*steps))
    command = (QEMU, "-accel", accelerator, "-M", machine, *tiny.qemu_args(bios))
    return boot(command, directory, **how).seen


@pytest.fixture(scope="session")
def working(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Give the accelerators, each with whether a tiny guest ran to its end with it."""
    if shutil.which(QEMU) is None:
        return {"tcg": False, "kvm": False}
    steps = (*tiny.marks("fw_start"), tiny.DebugExit())
    return {
        accelerator: boot_tiny(
            steps, "pc", accelerator, tmp_path_factory.mktemp(accelerator), deadline_s=20
        )
        == Seen("01", "", 1)
        for accelerator in ("tcg", "kvm")
    }


@pytest.fixture(params=["tcg", "kvm"])
def accelerator(request: pytest.FixtureRequest, working: dict[str, bool]) -> str:
    """Give an accelerator that boots a tiny guest here."""
    name = str(request.param)
    require(working[name], f"{QEMU} -accel {name} boots no tiny guest here")
    return name


@pytest.fixture
def tcg(working: dict[str, bool]) -> str:
    """Give TCG."""
    require(working["tcg"], f"{QEMU} is not installed")
    return "tcg"


@pytest.fixture(scope="session")
def kernel(working: dict[str, bool], stock_kernel: stock.StockKernel) -> stock.StockKernel:
    """Give the stock kernel; TCG can boot it."""
    require(working["tcg"], f"{QEMU} is not installed")
    return stock_kernel


def boot_linux(
    kernel: stock.StockKernel, archive: bytes, words: Sequence[str], directory: Path
) -> Console:
    """Boot the stock kernel under TCG with an initramfs and more kernel parameters."""
    file = directory / "initramfs"
    file.write_bytes(archive)
    append = " ".join(["console=ttyS0", "quiet", "panic=-1", *init.ON_A_BUSY_HOST, *words])
    command = [QEMU, "-accel", "tcg", "-M", "q35", "-m", "256", "-nodefaults", "-no-reboot"]
    command += ["-display", "none", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0x501"]
    command += ["-kernel", str(kernel.vmlinuz), "-initrd", str(file), "-append", append]
    return boot(command, directory)


@pytest.mark.parametrize("machine", MACHINES)
def test_tiny_speaks_the_whole_protocol(machine: str, accelerator: str, tmp_path: Path) -> None:
    """1 and 5 to 0xf5, 3, 6 and 7 to 0xf4, on every machine, with every accelerator."""
    steps = (*tiny.marks(*tiny.PROTOCOL, spin=100), tiny.DebugExit(3))

    assert boot_tiny(steps, machine, accelerator, tmp_path) == Seen("0105", "030607", 7)


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_tiny_powers_off_without_any_device(machine: str, accelerator: str, tmp_path: Path) -> None:
    """ACPI S5: QEMU leaves with status 0."""
    steps = (*tiny.marks("fw_start"), tiny.PowerOff())

    assert boot_tiny(steps, machine, accelerator, tmp_path) == Seen("01", "")


@pytest.mark.parametrize("machine", ["pc", "q35"])
@pytest.mark.parametrize("by", [tiny.ResetBy.PORT_CF9, tiny.ResetBy.KEYBOARD])
def test_tiny_resets_as_often_as_told(
    by: tiny.ResetBy, machine: str, accelerator: str, tmp_path: Path
) -> None:
    """Two resets are three first marks, and one end."""
    steps = (*tiny.marks("fw_start"), tiny.Reset(2, by), *tiny.marks("fw_do_boot"))

    seen = boot_tiny((*steps, tiny.DebugExit()), machine, accelerator, tmp_path)

    assert seen == Seen("01010105", "", 1)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_triple_fault_resets_every_machine(machine: str, tcg: str, tmp_path: Path) -> None:
    """Microvm has no other way; software KVM does not follow it, so TCG only."""
    steps = (*tiny.marks("fw_start"), tiny.Reset(1, tiny.ResetBy.TRIPLE_FAULT), tiny.DebugExit())

    assert boot_tiny(steps, machine, tcg, tmp_path) == Seen("0101", "", 1)


def test_tiny_can_hang(accelerator: str, tmp_path: Path) -> None:
    """QEMU stays after the last mark, until somebody ends it."""
    steps = (*tiny.marks("fw_start"), tiny.Hang(), *tiny.marks("fw_do_boot"))

    seen = boot_tiny(steps, "pc", accelerator, tmp_path, deadline_s=3)

    assert seen == Seen("01", "", None)


def test_tiny_writes_what_it_is_told_in_that_order(accelerator: str, tmp_path: Path) -> None:
    """Custom values, repeated marks, marks out of order, and a flood that nobody sees."""
    steps = (
        *tiny.marks("linux_start_user", "fw_do_boot", "fw_do_boot", "fw_start"),
        tiny.Flood(1000),
        tiny.Write(LINUX_PORT, 42),
        tiny.DebugExit(),
    )

    assert boot_tiny(steps, "pc", accelerator, tmp_path) == Seen("050501", "072a", 1)


def test_stock_kernel_reaches_our_init(kernel: stock.StockKernel, tmp_path: Path) -> None:
    """An unpatched kernel, marked by its first process, powers off: status 0, one line seen."""
    console = boot_linux(kernel, initramfs.build(), init.parameters(mark=7), tmp_path)

    assert console.seen == Seen("", "07")
    assert "qbt-init: mark 7 on port 0xf4, next: poweroff" in console.lines


def test_kernel_takes_the_compressed_archive(kernel: stock.StockKernel, tmp_path: Path) -> None:
    """The same init out of gzip, with a value of the user's own."""
    archive = initramfs.build(compression=initramfs.Compression.GZIP)

    console = boot_linux(kernel, archive, init.parameters(mark=200), tmp_path)

    assert console.seen == Seen("", "c8")


@pytest.mark.parametrize(("end", "status"), [(init.End.REBOOT, 0), (init.End.DEBUG_EXIT, 1)])
def test_init_ends_as_it_is_told(
    end: init.End, status: int, kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """Without ACPI too; and without a mark where none is asked for."""
    console = boot_linux(kernel, initramfs.build(), init.parameters(end=end), tmp_path)

    assert console.seen == Seen("", "", status)


def test_init_says_that_a_locked_down_kernel_refuses_the_port(
    kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """Lockdown forbids ioperm: no mark, the reason on the console, and the boot goes on."""
    words = (*init.parameters(mark=7), "lockdown=integrity")

    console = boot_linux(kernel, initramfs.build(), words, tmp_path)

    assert console.seen == Seen("", "")
    assert "qbt-init: port 0xf4 refused (lockdown?): error 1, next: poweroff" in console.lines


@pytest.mark.parametrize("value", ["0", "256", "7x", "99999999999999999999"])
def test_init_writes_no_mark_that_is_none(
    value: str, kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """What is no number of 1 to 255 is named, not written modulo something."""
    console = boot_linux(kernel, initramfs.build(), (f"qbt_mark={value}",), tmp_path)

    assert console.seen == Seen("", "")
    assert "qbt-init: qbt_mark is no number of 1 to 255, next: poweroff" in console.lines


SCRIPT = b"""#!/bin/busybox sh
echo "real init: process $$, arguments $*, environment $asked"
/bin/busybox poweroff -f
"""


def busybox() -> cpio.Entry:
    """Give a static busybox of this host."""
    require(BUSYBOX.is_file(), "busybox-static is not installed")
    return initramfs.host_file(BUSYBOX, "bin/busybox")


def test_init_makes_room_for_the_real_one(kernel: stock.StockKernel, tmp_path: Path) -> None:
    """The program it is told of becomes process 1 and gets the arguments and the environment."""
    extra = (busybox(), cpio.file("sbin/init", SCRIPT, permissions=0o755))
    words = (*init.parameters(mark=7, program="/sbin/init"), "asked=yes", "--", "one", "two")

    console = boot_linux(kernel, initramfs.build(extra=extra), words, tmp_path)

    assert console.seen == Seen("", "07")
    assert "qbt-init: mark 7 on port 0xf4, next: /sbin/init" in console.lines
    assert "real init: process 1, arguments one two, environment yes" in console.lines


def test_init_can_go_before_that_of_another_initramfs(
    kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """Appended under a name of its own to an archive that has an /init already."""
    theirs = initramfs.build(program=SCRIPT, extra=(busybox(),))
    ours = initramfs.build(name="qbt-init")
    words = ("rdinit=/qbt-init", *init.parameters(mark=7, program="/init"))

    console = boot_linux(kernel, theirs + ours, words, tmp_path)

    assert console.seen == Seen("", "07")
    assert "real init: process 1, arguments , environment " in console.lines


def test_init_ends_the_machine_where_the_real_one_is_missing(
    kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """No panic and no hang: it names the program and powers off."""
    words = init.parameters(mark=7, program="/sbin/nope")

    console = boot_linux(kernel, initramfs.build(), words, tmp_path)

    assert console.seen == Seen("", "07")
    assert "qbt-init: /sbin/nope: error 2" in console.lines


def promised(guest: demo.DemoGuest) -> Seen:
    """Give what a demo guest says that it will write."""
    values = {FIRMWARE_PORT: "", LINUX_PORT: ""}
    for point in TRACE_POINTS:
        if point.name in guest.marks and point.port is not None:
            values[point.port] += f"{point.value:02x}"
    return Seen(values[FIRMWARE_PORT], values[LINUX_PORT])


def test_demo_without_a_kernel_keeps_its_promise(accelerator: str, tmp_path: Path) -> None:
    """The tiny guest: all marks, and off."""
    guest = demo.compose(demo.Pieces(), tmp_path)

    seen = boot((*guest.qemu_args, "-accel", accelerator), tmp_path).seen

    assert seen == promised(guest)


def test_demo_with_a_stock_kernel_keeps_its_promise(
    kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """The distribution's kernel: the mark of its init, and off."""
    guest = demo.compose(demo.Pieces(distribution=kernel), tmp_path)

    seen = boot((*guest.qemu_args, "-accel", "tcg"), tmp_path).seen

    assert seen == promised(guest) == Seen("", "07")


@pytest.mark.build
@pytest.mark.parametrize(("name", "linux"), [("instrumented", "030607"), ("stock", "0307")])
def test_demo_with_everything_built_keeps_its_promise(
    name: str, linux: str, kernel: stock.StockKernel, tmp_path: Path
) -> None:
    """Firmware, option ROM and kernel: every mark once, in order; a stock kernel lacks its own."""
    try:
        for piece in (builds.Piece.SEABIOS, builds.Piece.OPTIONROM, builds.Piece.LINUX):
            builds.build(piece)
    except HostError as error:
        require(condition=False, reason=f"nothing instrumented: {error.what}")
    pieces = demo.available()
    if name == "stock":
        pieces = replace(pieces, linux=None, distribution=kernel)
    guest = demo.compose(pieces, tmp_path)

    seen = boot((*guest.qemu_args, "-accel", "tcg"), tmp_path).seen

    assert guest.name == name
    assert seen == promised(guest) == Seen("0105", linux)
