"""Every way in which a boot can end, as ``qbt run`` tells it."""

import pytest

from qbt_process import QEMU, World, tiny_qemu
from qemu_boot_time.guest import tiny

pytestmark = pytest.mark.real

LONG = 30_000_000
"""Loops: tens of milliseconds under TCG, time for the monitor's first words."""
HANGS_FOR_S = "5"
"""Time for a guest's first mark on a busy host, where QEMU alone may take a second to start."""


def debugcon(*words: str) -> tuple[str, ...]:
    """Give options that see the same under any accelerator."""
    return ("--source", "debugcon", *words)


def test_a_guest_that_leaves_by_itself_has_reached(world: World, accelerator: str) -> None:
    """Without --until, QEMU's leaving after a mark is the end; isa-debug-exit is always odd."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit(3))

    done = world.run(*debugcon("--", *tiny_qemu(bios, accelerator=accelerator)))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert list(tiny.PROTOCOL) == done.marks()
    assert accelerator == done.document["run"]["accelerator"]
    assert [7, 7] == [boot["exit_status"] for boot in world.facts()]


def test_a_boot_ends_at_the_mark_asked_for(world: World, accelerator: str) -> None:
    """A guest that would run for ever is stopped at the mark, and nothing later counts."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL))

    done = world.run(
        *debugcon("--until", "linux_start_boot", "--", *tiny_qemu(bios, accelerator=accelerator))
    )

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert ["fw_start", "fw_do_boot", "linux_start_boot"] == done.marks()
    assert ["mark", "mark"] == [boot["ended_by"] for boot in world.facts()]


def test_a_guest_that_leaves_before_the_mark_has_ended(world: World) -> None:
    """QEMU leaving before --until is a failure: it counts, and the status is 4."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.PowerOff())

    done = world.run(*debugcon("--until", "linux_start_user", "--", *tiny_qemu(bios)))

    assert (4, ["ended"] * 2) == (done.status, done.outcomes)
    assert 0 == done.document["summary"]["ok"]


def test_a_guest_that_hangs_times_out(world: World) -> None:
    """A guest that never gets there is ended at the deadline, and its marks are kept."""
    bios = world.bios(*tiny.marks("fw_start"))
    once = ("-n", "1", "--timeout", HANGS_FOR_S, "--until", "linux_start_user")

    done = world.run(*debugcon(*once, "--", *tiny_qemu(bios)))

    assert (4, ["timeout"]) == (done.status, done.outcomes)
    assert ["fw_start"] == done.marks()


def test_a_qemu_that_refuses_its_options_is_quoted(world: World) -> None:
    """QEMU's own words are the message, and a failing command stays short."""
    done = world.qbt("run", "-n", "1", "--", QEMU, "-no-such-option")

    assert 4 == done.status
    assert f"failed: boot 1: qemu_failed: {QEMU}: -no-such-option: invalid option" in done.stdout
    assert len(done.stderr.splitlines()) <= 4


def test_a_qemu_that_is_killed_says_by_what(world: World) -> None:
    """A crash has no last words: the signal's name is the message."""
    script = world.script("kill -SEGV $$")

    done = world.run(*debugcon("-n", "1", "--", script))

    assert "killed by SIGSEGV" == done.document["boots"][0]["message"]


def test_a_guest_that_panics_is_told(world: World) -> None:
    """The pvpanic device ends the boot as guest_panic, whatever marks came before."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.Spin(LONG), tiny.Panic())

    done = world.run(*debugcon("--", *tiny_qemu(bios), "-device", "pvpanic"))

    assert (4, ["guest_panic"] * 2) == (done.status, done.outcomes)


def test_a_panic_that_qemu_survives_ends_the_boot(world: World) -> None:
    """With -no-shutdown QEMU would stay, paused, for ever."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.Spin(LONG), tiny.Panic())
    command = (*tiny_qemu(bios), "-device", "pvpanic", "-no-shutdown")

    done = world.run(*debugcon("--", *command))

    assert ["guest_panic"] * 2 == done.outcomes


def test_kvm_that_gives_up_is_noticed_at_once(world: World, kvm: str) -> None:
    """QEMU would stay paused for ever: the boot ends long before its deadline, with KVM's words."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.Stray())

    done = world.run(
        "--source", "debugcon", "--timeout", "50", "--", *tiny_qemu(bios, accelerator=kvm)
    )

    assert (4, ["internal_error"] * 2) == (done.status, done.outcomes)
    assert done.document["boots"][0]["message"].startswith("KVM internal error. Suberror: ")
    assert ["internal_error"] * 2 == [boot["ended_by"] for boot in world.facts()]


def test_a_guest_that_powers_off_without_leaving_has_ended(world: World) -> None:
    """With -no-shutdown QEMU stays after the power-off; the boot does not."""
    bios = world.bios(*tiny.marks("fw_start"), tiny.Spin(LONG), tiny.PowerOff())

    done = world.run(*debugcon("--", *tiny_qemu(bios), "-no-shutdown"))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)


@pytest.mark.parametrize("machine", ["pc", "q35", "microvm"])
def test_resets_are_counted(world: World, machine: str) -> None:
    """A guest that resets itself twice has three attempts; the one that got there counts."""
    by = tiny.ResetBy.TRIPLE_FAULT if machine == "microvm" else tiny.ResetBy.PORT_CF9
    spin = tiny.Spin(LONG)
    bios = world.bios(
        *tiny.marks("fw_start"),
        spin,
        tiny.Reset(2, by),
        *tiny.marks("fw_do_boot"),
        tiny.DebugExit(),
    )

    done = world.run(*debugcon("--", *tiny_qemu(bios, machine=machine)))

    boot = done.document["boots"][0]
    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert (3, ["guest_reset"]) == (boot["attempts"], boot["suspect"])
    assert ["fw_start", "fw_do_boot"] == done.marks()
    assert ["fw_start"] * 2 == [mark["name"] for mark in boot["other_attempts"]]


def test_three_failures_in_a_row_are_enough(world: World) -> None:
    """A command that fails from the start is not tried a hundred times, unless asked to."""
    wrong = ("-n", "5", "--", QEMU, "-no-such-option")

    assert ["qemu_failed"] * 3 == world.run(*debugcon(*wrong)).outcomes
    assert ["qemu_failed"] * 5 == world.run(*debugcon("--keep-going", *wrong)).outcomes
