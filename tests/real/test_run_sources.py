"""The sources on the same boots, and beside VMs that are none of our business."""

import os
from statistics import median

import pytest

from qbt_process import World, tiny_qemu
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.guest import tiny
from real_host import require

pytestmark = pytest.mark.real

BOTH = ("--source", "perf", "--source", "debugcon")
SANE_NS = 1_000_000


def test_two_sources_see_the_same_marks(world: World, perf: str) -> None:
    """Perf's stamps are believed, debugcon's kept beside them.

    Measured on an idle machine: debugcon is 4.2 us late in the median, 45 us at the 95th
    percentile, 106 us at most.
    """
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit())

    done = world.run(*BOTH, "-n", "3", "--", *tiny_qemu(bios, accelerator=perf))

    late_ns = []
    for i, boot in enumerate(done.document["boots"]):
        also = {m["name"]: m["time_ns"] for m in boot["also_seen"] if m["source"] == "debugcon"}
        assert ["qemu_init_end", *tiny.PROTOCOL] == done.marks(i)
        assert set(tiny.PROTOCOL) == set(also)
        late_ns += [also[m["name"]] - m["time_ns"] for m in boot["marks"] if m["name"] in also]
    assert abs(median(late_ns)) < SANE_NS


def test_the_childs_stamp_is_close_to_the_exec(world: World, perf: str) -> None:
    """Debugcon's time zero is taken just before execve: the kernel's own comes right after."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.DebugExit())

    done = world.run(*BOTH, "-n", "3", "--", *tiny_qemu(bios, accelerator=perf))

    stamps = [boot["exec_stamp_ns"] for boot in world.facts()]
    execs = [boot["exec_ns"] for boot in done.document["boots"]]
    offsets = [exec_ns - stamp for exec_ns, stamp in zip(execs, stamps, strict=True)]
    assert min(offsets) > 0
    assert median(offsets) < 20 * SANE_NS


@pytest.mark.parametrize("scope", ["system", "process"])
def test_other_vms_do_not_mix_in(world: World, perf: str, scope: str) -> None:
    """A VM that somebody else boots meanwhile, with marks of its own, is none of ours."""
    ours = world.bios(*tiny.marks("fw_start", "fw_do_boot", spin=100_000), tiny.DebugExit())
    theirs = world.bios(
        *tiny.marks("fw_start", "fw_do_boot", spin=20_000) * 25, tiny.DebugExit(), name="theirs.bin"
    )
    other = f"{' '.join(tiny_qemu(theirs, accelerator=perf))} >/dev/null 2>&1 &"

    done = world.run(
        *("--source", "perf", "--scope", scope, "--timeout", "30", "--prepare", other * 2),
        *("--until", "fw_do_boot", "--", *tiny_qemu(ours, accelerator=perf)),
    )

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert [["qemu_init_end", "fw_start", "fw_do_boot"]] * 2 == [done.marks(0), done.marks(1)]


def test_auto_takes_a_guest_that_debugcon_must_refuse(world: World, perf: str) -> None:
    """A device of the user's own on 0xf4 shuts debugcon out; auto takes what needs no device."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.DebugExit())
    own = ("-device", "isa-debug-exit,iobase=0xf4,iosize=1")
    command = (*tiny_qemu(bios, accelerator=perf), *own)

    refused, seen = world.run("--source", "debugcon", "--", *command), world.run("--", *command)

    assert 2 == refused.status
    assert "of its own on port 0xf4" in refused.stderr
    assert 0 == seen.status
    assert ["qemu_init_end", "fw_start"] == seen.marks()
    assert "debugcon" not in seen.document["run"]["sources"]


def test_a_later_mark_never_slips_in(world: World, perf: str) -> None:
    """What the guest still did before it was stopped belongs to no boot, in any source."""
    names = ("fw_start", "fw_do_boot", "linux_start_boot", "linux_start_kernel")
    bios = world.bios(*tiny.marks(*names), tiny.Hang())

    done = world.run(*BOTH, "--until", "fw_start", "--", *tiny_qemu(bios, accelerator=perf))

    assert ["qemu_init_end", "fw_start"] == done.marks()


@pytest.mark.parametrize("source", ["perf_event", "perf", "tracefs"])
def test_boots_that_write_no_mark_go_on(world: World, perf: str, source: str) -> None:
    """They were entered, which shows when they are over: three of them end no measurement."""
    require(os.geteuid() == 0 or source != "tracefs", "tracefs is root's")
    guest = tiny_qemu(world.bios(tiny.DebugExit()), accelerator=perf)

    done = world.run("-n", "4", "--source", source, "--", *guest)

    assert ExitStatus.DONE == done.status, done.stderr
    assert [["qemu_init_end"]] * 4 == [done.marks(i) for i, _ in enumerate(done.outcomes)]
