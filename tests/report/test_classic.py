"""The familiar form, with the right numbers in it."""

from dataclasses import replace

from boots import booted
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.report.classic import to_classic
from qemu_boot_time.stats.summary import summarise


def test_a_block_a_boot_then_three_sections() -> None:
    """Milliseconds since the exec; in brackets each boot's own delta."""
    boots = boots_of([*booted(1_000_000, (1,)), *booted(2_000_000, (1, 5), vm=2)], Rules())

    expected = """\
1) pid 1
 qemu_init_end: 0.000010
 fw_start: 0.000020 (+0.000010)

2) pid 2
 qemu_init_end: 0.000010
 fw_start: 0.000020 (+0.000010)
 fw_do_boot: 0.000030 (+0.000010)

Avg
 qemu_init_end: 0.000010
 fw_start: 0.000020 (+0.000010)
 fw_do_boot: 0.000030 (+0.000010)

Min
 qemu_init_end: 0.000010
 fw_start: 0.000020 (+0.000010)
 fw_do_boot: 0.000030 (+0.000010)

Max
 qemu_init_end: 0.000010
 fw_start: 0.000020 (+0.000010)
 fw_do_boot: 0.000030 (+0.000010)
"""
    assert expected == to_classic(boots, summarise(boots))


def test_a_suspect_boot_says_why() -> None:
    """Beside its pid, where one looks first."""
    (boot,) = boots_of([*booted(1000, (1,))], Rules())
    boots = [replace(boot, suspect=("events_lost", "guest_reset"))]

    assert (
        "1) pid 1 (events_lost, guest_reset)" == to_classic(boots, summarise(boots)).split("\n")[0]
    )


def test_min_and_max_are_of_all_boots() -> None:
    """The first boot counts too: the original forgot it."""
    slow, fast = booted(1000, range(1, 2)), [*booted(2000, (1,), vm=2)]
    late = replace(fast[-1], time_ns=fast[-1].time_ns + 5_000_000)
    boots = boots_of([*slow, *fast[:-1], late], Rules())[::-1]

    sections = to_classic(boots, summarise(boots)).split("\n\n")

    assert ["Max", " qemu_init_end: 0.000010", " fw_start: 5.000020 (+5.000010)"] == sections[
        -1
    ].splitlines()
    assert " fw_start: 0.000020 (+0.000010)" == sections[-2].splitlines()[-1]


def test_no_boot() -> None:
    """Three empty sections."""
    assert "Avg\n\nMin\n\nMax\n" == to_classic([], summarise([]))
