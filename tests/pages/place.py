"""A directory with all that the pages name, in which their commands are run."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import trees
from pages.blocks import ROOT, blocks, commands
from pages.decisions import MACHINE, VMM
from qbt_process import QEMU, World
from qemu_boot_time.guest import builds, distro, init, initramfs, patches, stock, tiny
from qemu_boot_time.guest.builds import Piece
from qemu_boot_time.guest.patches import Project

_RECORDINGS = {
    "monotonic.data": "tests/data/perf-monotonic/perf.data",
    "perf.data": "tests/data/perf-all-cpus/perf.data",
    "trace.dat": "tests/data/tracecmd-monotonic-v6/trace.dat",
}
_BOOT = """words=$1
shift
exec qemu-system-x86_64 -M q35 -accel tcg -m 256 -nodefaults -no-reboot -display none \\
    -serial stdio -bios bios-256k.bin -L optionrom -kernel bzImage -initrd initrd.img \\
    -append "console=ttyS0 no_timer_check $words" "$@"
"""
_STOCK = (
    *(*MACHINE.split(), "-kernel", "vmlinuz", "-initrd", "initrd.img"),
    *("-append", f"console=ttyS0 panic=-1 quiet {' '.join(init.ON_A_BUSY_HOST)} qbt_mark=7"),
)
_RUNS = (
    ("demo", "-n", "4", "--", "./boot.sh", "quiet"),
    ("before", "-n", "4", "--", "./boot.sh", "quiet"),
    (
        "counted",
        "-n",
        "1",
        "--clock",
        "instructions",
        "--symbols",
        "vmlinux",
        "--",
        "./boot.sh",
        "quiet",
    ),
    ("debian", "-n", "1", "--inside", "initcalls", "--", QEMU, *_STOCK),
)
_EMPTY_ROM = b"\x55\xaa\x01\xcb".ljust(511, b"\0") + b"\x35"
"""512 bytes that return at once; the last makes the sum 0 (PCI Firmware 3.0, 5.1)."""


def furnish(world: World) -> None:
    """Make everything in the directory of ``world``; HostError where a piece cannot be built here."""
    here = world.directory
    (here / ".venv").mkdir()
    links = {
        **_pieces(),
        ".venv/bin": Path(sys.executable).parent,
        "benchmarks": ROOT / "benchmarks",
        "perf-script": ROOT / "perf-script",
        f"bin/{VMM}": Path(str(shutil.which(QEMU))),
    }
    (here / "bin").mkdir()
    for name, target in links.items():
        (here / name).symlink_to(target)
    _write_guests(here)
    _write_scripts(world)
    _write_inputs(here)
    _write_linux_tree(here / "src/linux")
    _measure(world)


def tidy(here: Path, page: Path) -> None:
    """Take away what the page makes itself, and write the files that it shows."""
    for block in blocks(page):
        if name := block.comments.get("file"):
            (here / name).write_text("\n".join(block.lines) + "\n")
    for command in commands(page):
        words = command.text.split()
        if "--out" in words:
            shutil.rmtree(here / words[words.index("--out") + 1], ignore_errors=True)
        if words[0] == "cat" and len(words) == 2:
            (here / words[1]).write_text("\n".join(command.shown) + "\n")


def _pieces() -> Mapping[str, Path]:
    linux, seabios, optionrom = map(builds.build, (Piece.LINUX, Piece.SEABIOS, Piece.OPTIONROM))
    return {
        "bzImage": linux.files["bzImage"],
        "vmlinux": linux.files["vmlinux"],
        "vmlinuz": (stock.find() or stock.fetch()).vmlinuz,
        "bios-256k.bin": seabios.files["bios-256k.bin"],
        "optionrom": optionrom.directory,
    }


def _write_guests(here: Path) -> None:
    ours = initramfs.build()
    for name in ("initramfs", "initrd.img"):
        (here / name).write_bytes(ours)
    (here / "initrd-marked.img").write_bytes(ours + initramfs.build(name="qbt-init"))
    (here / "root.img").write_bytes(bytes(1 << 20))
    steps = (*tiny.marks(*tiny.PROTOCOL, spin=100_000), tiny.PowerOff())
    (here / "tiny.bin").write_bytes(tiny.image(*steps))
    (here / "marks.bin").write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.PowerOff()))
    for rom in ("short.rom", "long.rom"):
        (here / rom).write_bytes(_EMPTY_ROM)


def _write_scripts(world: World) -> None:
    tiny_vm = f"{VMM} -accel kvm -M pc -m 16 -nodefaults -display none -bios tiny.bin"
    world.script(_BOOT, "boot.sh")
    world.script(tiny_vm, "boot-my-vm.sh")
    world.script("\n".join([tiny_vm] * 4), "start-twenty-vms.sh")
    for starter in ("virsh", "ctr"):
        world.script(tiny_vm, f"bin/{starter}")


def _write_inputs(here: Path) -> None:
    for name, recording in _RECORDINGS.items():
        shutil.copy(ROOT / recording, here / name)
    rows = (f"{1000 * n} {n}\n" for n in range(100, 120))
    (here / "boot-serial-fc-api.dat").write_text("".join(rows))


def _write_linux_tree(tree: Path) -> None:
    """Take the files that the patch changes out of the upstream tarball: the rest takes a minute."""
    tree.mkdir(parents=True)
    tarball = distro.fetch_upstream("linux", suite=None).path
    (patch,) = patches.available(Project.LINUX)
    changed = [f"*/{file}" for file in patch.files if not file.endswith("benchmark.h")]
    options = (
        "--strip-components=1",
        "--wildcards",
        "--no-wildcards-match-slash",
        "--occurrence=1",
    )
    subprocess.run(("tar", "-xf", str(tarball), *options, *changed), cwd=tree, check=True)
    trees.commit_all(tree)


def _measure(world: World) -> None:
    for name, *words in _RUNS:
        done = world.qbt("run", "--out", name, *words, deadline_s=120)
        assert done.status == 0, done.stderr
    shutil.copytree(world.directory / "before", world.directory / "after")
    shown = world.qbt("show", "--json", "before").stdout
    for name in ("baseline.json", "base.json"):
        (world.directory / name).write_text(shown)
    (world.directory / "runs").mkdir()
    for name in ("demo", "before"):
        (world.directory / "runs" / name).symlink_to(world.directory / name)
