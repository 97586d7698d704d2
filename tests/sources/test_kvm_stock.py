"""What an unpatched guest does, by hand: which trace points it gives away, and what is no sign."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qemu_boot_time.sources.kvm_stock import IPI, MSR, NAMES, PIO, SIGNS, StockBoot

Step = tuple[str, dict[str, int]]
Told = tuple[str, int, str, int]
"""Trace point (or kind), time, bound, and how far off."""

EFER, UCODE_REV, KVMCLOCK = 0xC0000080, 0x8B, 0x4B564D01


def out(port: int, value: int) -> Step:
    """Write a port."""
    return PIO, {"rw": 1, "port": port, "val": value}


def wrmsr(register: int, value: int) -> Step:
    """Write a model-specific register."""
    return MSR, {"write": 1, "ecx": register, "data": value}


def rdmsr(register: int) -> Step:
    """Read one."""
    return MSR, {"write": 0, "ecx": register, "data": 0x1000065}


def ipi(command: int) -> Step:
    """Interrupt another CPU."""
    return IPI, {"icr_low": command, "dest_id": 1}


FIRMWARE = (wrmsr(KVMCLOCK, 0xE8CA1), ipi(0xC4500), ipi(0xC4610), out(0x64, 0xAD))
SET_UP = (out(0xF0, 0), out(0xF1, 0))
LONG_MODE, SYSCALLS = wrmsr(EFER, 0x100), wrmsr(EFER, 0xD01)
KERNEL = (LONG_MODE, SYSCALLS, rdmsr(UCODE_REV), wrmsr(KVMCLOCK, 0x1BA2001))
SECOND_CPU = (ipi(0xC500), ipi(0x8500), ipi(0x69A), wrmsr(EFER, 0x901), rdmsr(UCODE_REV))
BOOT = (*FIRMWARE, *SET_UP, *KERNEL, *SECOND_CPU)
"""As SeaBIOS and Linux 6.1 with two CPUs do it."""


def told(steps: Iterable[Step]) -> list[Told]:
    """Take a step every ten nanoseconds."""
    boot = StockBoot()
    seen = [each for i, step in enumerate(steps) for each in boot.feed(10 * i, *step)]
    return [
        (
            str(each.fields.get("name", each.kind)),
            each.time_ns,
            str(each.fields.get("bound", "")),
            int(each.fields.get("error_ns", 0)),
        )
        for each in seen
    ]


def named(steps: Iterable[Step]) -> list[str]:
    """Give the names alone."""
    return [name for name, *_ in told(steps)]


def test_a_boot_shows_each_place_once() -> None:
    """The hand-over, both ends of the decompression, start_kernel() and smp_init()."""
    assert [
        ("linux_start_boot", 50, "le", 0),
        ("decompress_start", 50, "ge", 10),
        ("decompress_end", 70, "le", 0),
        ("linux_start_kernel", 70, "ge", 10),
        ("linux_smp_init", 100, "le", 0),
    ] == told(BOOT)


def test_a_mark_names_the_event_whose_stamp_it_has() -> None:
    """What lies between two events has that of the first."""
    boot = StockBoot()
    seen = [each for i, step in enumerate(BOOT) for each in boot.feed(i, *step)]

    efer = "kvm:kvm_msr 0xc0000080"
    expected = ["kvm:kvm_pio 0xf1"] * 2 + [efer] * 2 + ["kvm:kvm_apic_ipi 0xc500"]
    assert expected == [each.fields["event"] for each in seen]


@pytest.mark.parametrize("left_out", range(len(FIRMWARE), len(BOOT)))
def test_whatever_is_not_seen_no_place_is_invented(left_out: int) -> None:
    """Without any one of the events there are fewer places or the same, in the same order."""
    names = named(step for i, step in enumerate(BOOT) if i != left_out)

    full = named(BOOT)
    assert [name for name in full if name in names] == names


def test_where_the_microcode_is_not_asked_for_the_clock_tells() -> None:
    """It comes a little later in setup_arch()."""
    steps = [*SET_UP, LONG_MODE, SYSCALLS, wrmsr(KVMCLOCK, 0x1BA2001)]

    assert ("linux_start_kernel", 30, "ge", 10) == told(steps)[-1]


def test_a_kernel_that_was_not_handed_over_so_shows_its_clock_alone() -> None:
    """PVH and UEFI: anything goes to long mode there, but this clock is far above firmware's."""
    steps = [wrmsr(KVMCLOCK, 0xE8CA1), *KERNEL, *SECOND_CPU]

    expected = [("linux_start_kernel", 20, "ge", 20), ("linux_smp_init", 50, "le", 0)]
    assert expected == told(steps)


@pytest.mark.parametrize(
    "steps",
    [
        FIRMWARE,
        [out(0xF1, 0)],
        [out(0xF0, 1), out(0xF1, 0)],
        [out(0xF0, 0), out(0xF1, 1)],
        [out(0xF0, 0), (PIO, {"rw": 0, "port": 0xF1, "val": 0})],
        [*FIRMWARE, ipi(0xC500)],
        [LONG_MODE, SYSCALLS, rdmsr(UCODE_REV)],
        [LONG_MODE, SYSCALLS, wrmsr(KVMCLOCK, 0xE8CA1)],
        [(PIO, {}), (MSR, {}), (IPI, {}), (MSR, {"ecx": EFER, "write": 1})],
    ],
)
def test_what_is_no_sign(steps: Iterable[Step]) -> None:
    """Firmware, half a sign, a read, a CPU that firmware starts, another system, missing fields."""
    assert [] == told(steps)


def test_a_second_hand_over_begins_again() -> None:
    """After a reset that nobody saw all places are passed once more."""
    assert named(BOOT) * 2 == named([*BOOT, *BOOT])


def test_a_kernel_that_begins_again_without_a_hand_over_is_seen_again() -> None:
    """A CPU in long mode does not go there: the PVH kernel was started anew."""
    assert ["linux_start_kernel", "linux_smp_init"] * 2 == named([*KERNEL, *SECOND_CPU] * 2)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (out(0x604, 0x2001), ["power_off"]),
        (out(0xB004, 0x2000), ["power_off"]),
        (out(0x604, 0x1), []),
        (out(0x604, 0x2401), []),
        (out(0x64, 0xFE), ["reset"]),
        (out(0x64, 0x60), []),
        (out(0xCF9, 0x06), ["reset"]),
        (out(0xCF9, 0x02), []),
    ],
)
def test_the_end_of_a_boot(write: Step, expected: list[str]) -> None:
    """S5 and both ways to reset; S3 and what only prepares for them are none."""
    assert expected == named([write])


def test_switching_off_is_exact() -> None:
    """The write itself does it."""
    assert [("power_off", 0, "exact", 0)] == told([out(0x604, 0x2001)])


def test_after_a_reset_the_guest_may_switch_off_again() -> None:
    """Each attempt has its own end."""
    off = out(0x604, 0x2001)

    assert ["power_off", "reset", "power_off"] == named([off, off, out(0x64, 0xFE), off])


def test_the_console_tells_when_init_is_run() -> None:
    """Once a boot, at or before the stamp of the line's first byte; others may say so again."""
    line = [out(0x3F8, byte) for byte in b"Run /init as init process\n"]
    off_by = len(BOOT)

    marks = told([*BOOT, *line, *line])

    assert [("linux_start_user", 10 * off_by, "le", 0)] == marks[len(named(BOOT)) :]


@given(st.lists(st.sampled_from([*BOOT, out(0x604, 0x2001), out(0x64, 0xFE)]), max_size=60))
def test_whatever_the_order_a_stamp_and_its_error_reach_to_what_was_seen_last(
    steps: list[Step],
) -> None:
    """Nothing lies in the future, and nothing claims to be surer than it is."""
    boot = StockBoot()
    for now_ns, step in enumerate(steps):
        for each in boot.feed(now_ns, *step):
            assert 0 <= each.time_ns <= now_ns
            assert now_ns == each.time_ns + int(each.fields.get("error_ns", 0))


def test_what_a_sign_waits_for_is_in_the_table() -> None:
    """No row names another one that is not there."""
    names = {sign.name for sign in SIGNS}

    waited_for = {name for sign in SIGNS for name in (sign.after, sign.since) if name}
    assert (set(), True) == (waited_for - names, names >= NAMES)
