"""The arithmetic of what lies between two sources' stamps."""

from dataclasses import replace

import pytest

import agreement
from qemu_boot_time.errors import HostError
from qemu_boot_time.model import Boot, Mark, Outcome

BOOT = Boot(
    0,
    1,
    Outcome.REACHED,
    marks=(
        Mark("qemu_init_end", 10, "a", "kvm:kvm_entry"),
        Mark("fw_start", 100, "a", "kvm:kvm_pio"),
    ),
    also_seen=(
        Mark("qemu_init_end", 17, "b", "kvm:kvm_entry"),
        Mark("fw_start", 95, "b", "kvm:kvm_pio"),
    ),
)


def test_the_second_is_compared_with_the_first() -> None:
    """Above 0: it is later; boot by boot."""
    assert {"qemu_init_end": [7, 7], "fw_start": [-5, -5]} == agreement.apart([BOOT] * 2, "a", "b")
    assert {"qemu_init_end": [-7], "fw_start": [5]} == agreement.apart([BOOT], "b", "a")


def test_different_events_are_not_compared() -> None:
    """A stand-in is another moment: its line is not there."""
    entry, write = BOOT.also_seen
    boot = replace(BOOT, also_seen=(replace(entry, event="kvm:kvm_fpu"), write))

    assert {"fw_start": [-5]} == agreement.apart([boot], "a", "b")
    assert ["first write"] == [title for title, *_ in agreement.rows([boot], "a", "b")]


def test_a_mark_that_one_of_them_missed_is_an_error() -> None:
    """The boot is named as people count."""
    with pytest.raises(HostError, match="boot 1: the sources did not see the same marks"):
        agreement.apart([replace(BOOT, also_seen=BOOT.also_seen[:1])], "a", "b")
