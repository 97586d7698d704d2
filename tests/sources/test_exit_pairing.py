"""KVM's events become exits: each once, with what it accessed, how long the guest was outside."""

from dataclasses import replace

import numpy as np
import pytest

import kvm_events
from kvm_events import FILE, PID, back, entered, left, mmio, msr, pio, ports, to_qemu, told
from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.sources import kvm_exits
from qemu_boot_time.sources.exits import stream
from qemu_boot_time.sources.exits.maps import Lookup
from qemu_boot_time.sources.exits.pairing import exits_of
from qemu_boot_time.sources.exits.stream import stream_of

IO, MMIO, INTR = 2, 6, 10


def test_a_write_is_told_before_qemu_serves_it() -> None:
    """It left at the write; what QEMU took is from KVM's exit to KVM's next run."""
    found = kvm_events.exits(pio(10, 0x3F8), to_qemu(12, IO), back(20))

    assert [(10, "port write", 0x3F8, 1, "KVM_EXIT_IO", 8)] == told(found)


def test_a_read_is_told_after_qemu_served_it() -> None:
    """It left when KVM did; a string instruction makes several accesses."""
    found = kvm_events.exits(to_qemu(12, IO), back(20), pio(21, 0x511, write=False, count=32))

    assert [(12, "port read", 0x511, 32, "KVM_EXIT_IO", 8)] == told(found)


def test_an_announced_read_is_counted_once() -> None:
    """KVM tells of a read of memory twice where QEMU serves it."""
    found = kvm_events.exits(
        mmio(10, 0xA0000, 0), to_qemu(12, MMIO), back(20), mmio(21, 0xA0000, 1)
    )

    assert [(12, "mmio read", 0xA0000, 1, "KVM_EXIT_MMIO", 8)] == told(found)


def test_what_kvm_serves_itself_has_no_time_outside() -> None:
    """Writes that it keeps for later, its own devices, registers."""
    found = kvm_events.exits(pio(10, 0x40), msr(20, 0xFE), mmio(30, 0xA0000, 2))

    assert [
        (10, "port write", 0x40, 1, "", -1),
        (20, "msr read", 0xFE, 1, "", -1),
        (30, "mmio write", 0xA0000, 1, "", -1),
    ] == told(found)


def test_a_trip_between_a_write_and_a_read_is_the_reads() -> None:
    """Port 0x70 is written for later (coalesced): QEMU is left for when 0x71 is read."""
    found = kvm_events.exits(pio(10, 0x70), to_qemu(12, IO), back(20), pio(21, 0x71, write=False))

    assert [
        (10, "port write", 0x70, 1, "", -1),
        (12, "port read", 0x71, 1, "KVM_EXIT_IO", 8),
    ] == told(found)


def test_a_trip_is_the_writes_where_kvm_answers_the_read() -> None:
    """The memory map says whose device it is."""
    lookup = Lookup([ports((0x21, 0x21, "kvm-pic"))])

    found = kvm_events.exits(
        pio(10, 0x3F8), to_qemu(12, IO), back(20), pio(21, 0x21, write=False), lookup=lookup
    )

    assert [
        (10, "port write", 0x3F8, 1, "KVM_EXIT_IO", 8),
        (21, "port read", 0x21, 1, "", -1),
    ] == told(found)


def test_a_trip_for_another_reason_serves_no_access() -> None:
    """A signal, a reset: they are exits of their own."""
    found = kvm_events.exits(
        pio(10, 0x40), to_qemu(12, 0, -4), back(20), to_qemu(30, INTR), back(35)
    )

    assert [
        (10, "port write", 0x40, 1, "", -1),
        (12, "other", -1, 0, "EINTR", 8),
        (30, "other", -1, 0, "KVM_EXIT_INTR", 5),
    ] == told(found)


def test_only_a_signal_is_an_interruption() -> None:
    """Whatever else made KVM give up is shown by its number (-14 is EFAULT, -11 EAGAIN)."""
    found = kvm_events.exits(to_qemu(10, 0, -4), to_qemu(20, 0, -14), to_qemu(30, IO, -11))

    assert ["EINTR", "error -14", "error -11"] == [line[4] for line in told(found)]


def test_a_guest_that_never_came_back() -> None:
    """How long it was outside, nobody can say."""
    found = kvm_events.exits(pio(10, 0x501), to_qemu(12, IO))

    assert [(10, "port write", 0x501, 1, "KVM_EXIT_IO", -1)] == told(found)


def test_hardware_tells_of_each_exit() -> None:
    """What comes before the next exit of the vCPU is what it accessed; outside is until its entry."""
    found = kvm_events.exits(
        *(entered(1), left(10, 0x7B), pio(11, 0x3F8), to_qemu(12, IO), back(18), entered(20)),
        *(left(30, 0x400), mmio(31, 0xA0000, 0), to_qemu(32, MMIO), back(38), mmio(39, 0xA0000, 1)),
        *(entered(40), left(50, 0x78), entered(90), left(95, 0x7C), msr(96, 0xFE), entered(99)),
    )

    assert [
        (10, "port write", 0x3F8, 1, "EXIT_IOIO", 10),
        (30, "mmio read", 0xA0000, 1, "EXIT_NPF", 10),
        (50, "other", -1, 0, "EXIT_HLT", 40),
        (95, "msr read", 0xFE, 1, "EXIT_MSR", 4),
    ] == told(found)


def test_reasons_are_intels_or_amds() -> None:
    """One number means another thing on the other's hardware; flags above it are no part of it."""
    found = kvm_events.exits(
        left(1, 12, isa=1), entered(2), left(3, 1 << 31 | 33, isa=1), left(4, 0x999, isa=2)
    )

    assert ["EXIT_HLT", "EXIT_INVALID_STATE", "EXIT_0x999"] == [each[4] for each in told(found)]


def test_vcpus_are_told_apart() -> None:
    """What two do at once is not mixed up."""
    one = kvm_events.columns(pio(10, 0x3F8), to_qemu(14, IO), back(30), tid=42)
    other = kvm_events.columns(pio(11, 0x1F0), to_qemu(13, IO), back(15), tid=43)

    found = exits_of(stream_of(kvm_events.joined(one, other), PID, FILE), Lookup(()).served_by_kvm)

    assert [
        (10, "port write", 0x3F8, 1, "KVM_EXIT_IO", 16),
        (11, "port write", 0x1F0, 1, "KVM_EXIT_IO", 2),
    ] == told(found)


def test_a_trip_of_another_vcpu_serves_nothing_of_this_one() -> None:
    """Although one's last event stands just before the other's first."""
    one = kvm_events.columns(pio(10, 0x40), tid=42)
    other = kvm_events.columns(to_qemu(20, IO), back(25), tid=43)

    found = exits_of(stream_of(kvm_events.joined(one, other), PID, FILE), Lookup(()).served_by_kvm)

    assert [
        (10, "port write", 0x40, 1, "", -1),
        (20, "other", -1, 0, "KVM_EXIT_IO", 5),
    ] == told(found)


def test_other_vms_are_left_out() -> None:
    """A recording has the exits of all VMs of the host."""
    ours = kvm_events.columns(pio(10, 0x3F8))
    theirs = kvm_events.columns(pio(11, 0x3F8), left(12, 0x78), pid=77, tid=78)

    found = exits_of(
        stream_of(kvm_events.joined(ours, theirs), PID, FILE), Lookup(()).served_by_kvm
    )

    assert [(10, "port write", 0x3F8, 1, "", -1)] == told(found)


def test_all_that_is_recorded_has_a_meaning() -> None:
    """And what has one is recorded."""
    assert kvm_exits.EVENTS.keys() == stream._SHAPES.keys()  # a table of functions


@pytest.mark.parametrize(
    ("event", "field", "value", "said"),
    [
        ("kvm:kvm_pio", "rw", 2, "kvm:kvm_pio at byte 108: rw is 2"),
        ("kvm:kvm_mmio", "type", -1, "kvm:kvm_mmio at byte 100: type is -1"),
        ("kvm:kvm_msr", "write", 1 << 31, "kvm:kvm_msr at byte 100: write is 2147483648"),
        ("kvm:kvm_pio", "port", None, "kvm:kvm_pio at byte 100: this recording has no number port"),
    ],
)
def test_what_kvm_cannot_have_written_is_damage(
    event: str, field: str, value: int | None, said: str
) -> None:
    """A number that chooses none of its meanings, a field that is not there."""
    events = kvm_events.columns(pio(10, 0x3F8), pio(20, 0x3F8), mmio(30, 0xA0000, 1), msr(40, 0xFE))
    fields = dict(events[event].fields)
    if value is None:
        del fields[field]
    else:
        fields[field][-1] = value
    events[event] = replace(events[event], fields=fields)

    with pytest.raises(CorruptFileError) as damaged:
        stream_of(events, PID, FILE)

    assert f"{FILE}: {said}" in damaged.value.what


def test_a_kernel_that_does_not_say_whose_reasons_they_are() -> None:
    """They are Intel's: kvm_exit has ``isa`` since the other ones came."""
    events = kvm_events.columns(left(10, 12), entered(20))
    events["kvm:kvm_exit"] = replace(
        events["kvm:kvm_exit"], fields={"exit_reason": np.array([12], np.int64)}
    )

    found = exits_of(stream_of(events, PID, FILE), Lookup(()).served_by_kvm)

    assert [(10, "other", -1, 0, "EXIT_HLT", 10)] == told(found)
