"""The parts of QEMU's start over boots."""

from dataclasses import replace

from boots import booted, started
from qemu_boot_time.model import Boot, Outcome
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.stats.start import summarise_parts
from qemu_boot_time.stats.summary import Stats


def boot(*places: tuple[int, str]) -> Boot:
    """Make a boot that is entered 10 ns after its exec."""
    events = [*booted(1000), *(started(1000 + at, place) for at, place in places)]
    (found,) = boots_of(events, Rules())
    return found


def test_statistics_are_of_each_boots_own_part() -> None:
    """In the order of the start, with the phase that they are a part of."""
    boots = [
        boot((2, "qemu_main"), (3, "qemu_monitor")),
        boot((4, "qemu_main"), (9, "qemu_monitor")),
    ]

    rows = [(row.of, row.name, row.length) for row in summarise_parts(boots)]

    assert [
        ("vmm", "qemu_libraries", Stats(2, 3, 3, 2, 4)),
        ("vmm", "qemu_options", Stats(2, 3, 3, 1, 5)),
        ("vmm", "qemu_monitor..qemu_init_end", Stats(2, 4, 4, 1, 7)),
    ] == rows


def test_parts_that_end_elsewhere_are_other_parts() -> None:
    """Each counts the boots that had it, and the phase over just those."""
    rows = summarise_parts([boot((2, "qemu_main")), boot((3, "qemu_monitor"))])

    expected = [
        ("exec", "qemu_main"),
        ("exec", "qemu_monitor"),
        ("qemu_main", "qemu_init_end"),
        ("qemu_monitor", "qemu_init_end"),
    ]
    assert expected == [(row.begin, row.end) for row in rows]
    assert [(1, 1)] * 4 == [(row.length.n, row.whole.n) for row in rows]


def test_a_boot_that_failed_does_not_count() -> None:
    """Nor does one without phases (a document may say anything)."""
    failed = replace(boot((2, "qemu_main")), outcome=Outcome.TIMEOUT)
    odd = replace(boot((2, "qemu_main")), phases=())

    assert () == summarise_parts([failed, odd])
