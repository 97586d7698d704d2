"""Exits find their phases and their devices."""

from dataclasses import replace

import pytest

import kvm_events
from boots import marks
from kvm_events import Line, back, entered, left, mmio, msr, pio, ports, to_qemu
from qemu_boot_time.exits import Counter, ExitKind
from qemu_boot_time.model import Boot, Outcome, Profile
from qemu_boot_time.phases import Rules, phases_of
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.exits.attribution import profile_of
from qemu_boot_time.sources.exits.maps import Lookup, TimedMap

ZERO, MS = 1_000, 1_000_000
FW, LINUX = 0xF5, 0xF4
MAP = ports((0x3F8, 0x3FF, "serial"), (0x510, 0x511, "fwcfg"), (0x600, 0x7FF, "io"))


def boot(**times_ns: int) -> Boot:
    """Make a boot whose marks were seen at these times since its exec."""
    seen = marks(**times_ns)
    phases = phases_of(seen, Rules(), from_exec=True)
    return Boot(3, kvm_events.PID, Outcome.REACHED, seen, phases, exec_ns=ZERO)


USUAL = boot(fw_start=1 * MS, fw_do_boot=5 * MS, linux_start_boot=9 * MS)
WRITES = (
    pio(ZERO + 1 * MS, FW, value=1),
    pio(ZERO + 5 * MS, FW, value=5),
    pio(ZERO + 9 * MS, LINUX, value=3),
)


def profile(*lines: Line, of: Boot = USUAL, maps: tuple[TimedMap, ...] = (MAP,)) -> Profile:
    """Make the profile of a boot in which these events came."""
    lookup = Lookup(maps)
    return profile_of(of, kvm_events.exits(*lines, lookup=lookup), lookup, Names())


def places(found: Profile) -> dict[tuple[str, str | None], int]:
    """Give exits by phase and device."""
    return {(counter.phase, counter.device): counter.exits for counter in found.counters}


def test_an_exit_is_in_the_phase_that_runs() -> None:
    """A phase has the write that begins it; the last mark belongs to what it ends."""
    found = profile(
        *WRITES,
        pio(ZERO + 2 * MS, 0x3F8),
        pio(ZERO + 6 * MS, 0x510),
        pio(ZERO + 7 * MS, 0x510),
    )

    assert {
        ("firmware", "boot marks"): 1,
        ("firmware", "serial"): 1,
        ("loader", "boot marks"): 2,
        ("loader", "fw_cfg"): 2,
    } == places(found)


def test_what_no_phase_explains_is_unaccounted_and_what_came_after_is_left_out() -> None:
    """Between the exec and the firmware's first code nothing is known; a boot ends at its last mark."""
    early = boot(qemu_init_end=MS // 2, fw_start=1 * MS, fw_do_boot=5 * MS)

    found = profile(
        *(pio(ZERO - 5, 0x3F8), pio(ZERO + MS * 3 // 4, 0x3F8), pio(ZERO + 8 * MS, 0x3F8)), of=early
    )

    assert {("unaccounted", "serial"): 1} == places(found)


@pytest.mark.parametrize("late_ns", [40_000, 70 * MS])
def test_a_phase_ends_where_its_mark_was_written(late_ns: int) -> None:
    """A source that sees a mark late, and be it by how much a busy host has QEMU wait, moves no exit."""
    late = boot(fw_start=1 * MS + late_ns, fw_do_boot=5 * MS + late_ns)

    found = profile(
        *WRITES[:2], pio(ZERO + 1 * MS + 10, 0x510), pio(ZERO + 5 * MS - 10, 0x510), of=late
    )

    assert {("firmware", "fw_cfg"): 2, ("firmware", "boot marks"): 2} == places(found)


def test_a_mark_that_comes_twice_is_two_writes() -> None:
    """The first one, seen when the second was all but written, ends its phase where it was written."""
    late = replace(USUAL.marks[1], time_ns=6 * MS - 5)
    again = replace(USUAL.marks[1], time_ns=6 * MS + 5)
    seen = (USUAL.marks[0], late, again, USUAL.marks[2])
    twice = replace(USUAL, marks=seen, phases=phases_of(seen, Rules(), from_exec=True))

    found = profile(
        *WRITES, pio(ZERO + 6 * MS, FW, value=5), pio(ZERO + 5 * MS + 10, 0x510), of=twice
    )

    assert 1 == places(found)["unaccounted", "fw_cfg"]


def test_a_device_is_looked_up_when_it_was_there() -> None:
    """Firmware moves devices: the first map since the access has it, else the last before."""
    before = ports((0x600, 0x7FF, "io"))
    after = ports((0x700, 0x73F, "virtio-pci"), at_ns=ZERO + 3 * MS)
    gone = ports((0x600, 0x7FF, "io"), at_ns=ZERO + 8 * MS)

    found = profile(
        *(pio(ZERO + 2 * MS, 0x700), pio(ZERO + 4 * MS, 0x700)), maps=(before, after, gone)
    )

    assert {("firmware", "virtio"): 2} == places(found)


def test_an_address_may_change_hands() -> None:
    """Of several devices it is that one's which the next map shows; after the last map, that one's."""
    first, then, last = (
        ports((0x700, 0x73F, name), at_ns=ZERO + at_ms * MS)
        for name, at_ms in (("nvme", 1), ("virtio-pci", 3), ("xhci", 5))
    )

    found = profile(
        *(pio(ZERO + 2 * MS, 0x700), pio(ZERO + 8 * MS, 0x700)), maps=(first, then, last)
    )

    assert {("firmware", "virtio"): 1, ("loader", "usb"): 1} == places(found)


def test_a_map_near_in_time_goes_before_a_far_one() -> None:
    """Where the next map shows nobody, the one just before does, whatever comes there much later."""
    vga, nobody, nvme = (
        ports(*regions, at_ns=ZERO + at_ms * MS)
        for regions, at_ms in (
            ([(0x700, 0x73F, "vga")], 1),
            ([], 3),
            ([(0x700, 0x73F, "nvme"), (0x740, 0x77F, "serial")], 5),
        )
    )

    found = profile(
        *(pio(ZERO + 2 * MS, 0x700), pio(ZERO + 2 * MS + 1, 0x740)), maps=(vga, nobody, nvme)
    )

    assert {("firmware", "vga"): 1, ("firmware", "serial"): 1} == places(found)


def test_nobodys_addresses_have_no_device() -> None:
    """Neither has memory that no map shows; registers of the processor may have a name."""
    found = profile(
        *(pio(ZERO + 2 * MS, 0x700), mmio(ZERO + 3 * MS, 1 << 40, 2)),
        *(msr(ZERO + 4 * MS, 0x800), msr(ZERO + 4 * MS + 1, 0xC0000081)),
    )

    known = {(c.kind, c.device, c.region, c.addresses) for c in found.counters}
    assert {
        (ExitKind.PORT_WRITE, "", "io", (0x700, 0x700)),
        (ExitKind.MMIO_WRITE, "", "", (1 << 40, 1 << 40)),
        (ExitKind.MSR_READ, "apic", "", (0x800, 0x800)),
        (ExitKind.MSR_READ, "", "", (0xC0000081, 0xC0000081)),
    } == known


def test_a_counter_is_the_sum_of_its_exits() -> None:
    """Accesses and the time outside too, as far as it is known."""
    at = ZERO + 2 * MS
    found = profile(
        *(pio(at, 0x510), to_qemu(at + 1, 2), back(at + 5)),
        *(pio(at + 10, 0x510, count=7), to_qemu(at + 11, 2), back(at + 21)),
        *(to_qemu(at + 31, 2), back(at + 33), pio(at + 40, 0x511, write=False, count=3)),
    )

    usual = {"phase": "firmware", "device": "fw_cfg", "region": "fwcfg", "reason": "KVM_EXIT_IO"}
    assert (
        Counter(
            kind=ExitKind.PORT_WRITE,
            exits=2,
            accesses=8,
            addresses=(0x510, 0x510),
            outside_ns=14,
            **usual,
        ),
        Counter(
            kind=ExitKind.PORT_READ,
            exits=1,
            accesses=3,
            addresses=(0x511, 0x511),
            outside_ns=2,
            **usual,
        ),
    ) == found.counters


def test_time_that_qemu_took_for_a_map_is_not_the_guests() -> None:
    """It keeps the guest waiting, and is what the profile itself costs."""
    at = ZERO + 2 * MS
    drawn = ports((0x510, 0x511, "fwcfg"), at_ns=at + 2, took_ns=50)

    found = profile(pio(at, 0x510), to_qemu(at, 2), back(at + 60), maps=(drawn,))

    assert [10] == [counter.outside_ns for counter in found.counters]


def test_whoever_serves_an_exit_a_maps_time_is_left_out() -> None:
    """It is left out of the phase's length, and a share is no more than all of what is left."""
    at = ZERO + 2 * MS
    drawn = ports((0x510, 0x511, "fwcfg"), at_ns=at + 2, took_ns=500)

    found = profile(
        *(left(at, 0x78), entered(at + 60)),
        *(left(at + 100, 0x7B), pio(at + 101, 0x510), to_qemu(at + 102, 2), back(at + 509)),
        entered(at + 510),
        maps=(drawn,),
    )

    assert {"EXIT_HLT": 2, "fw_cfg": 8} == {c.owner: c.outside_ns for c in found.counters}
    firmware = next(time for time in found.times if time.phase == "firmware")
    assert (4 * MS, 4 * MS - 500) == (firmware.length_ns, firmware.watched_ns)


def test_a_phase_has_no_time_of_the_next_one() -> None:
    """Where a guest comes back after the phase has ended, what is later is no part of it."""
    end = ZERO + 9 * MS
    found = profile(
        *(*WRITES, to_qemu(end + 1, 2), back(end + 500)),
        *(pio(end - 30, 0x510), to_qemu(end - 29, 2), back(end - 9)),
    )

    served = [counter for counter in found.counters if counter.reason]
    assert {"boot marks": 0, "fw_cfg": 20} == {each.device: each.outside_ns for each in served}


def test_exits_over_time() -> None:
    """Some hundreds of steps of each device, and the last is all."""
    found = profile(*(pio(ZERO + 2 * MS + i, 0x510) for i in range(1000)))

    of_it = [sample for sample in found.samples if sample.device == "fw_cfg"]
    assert (1, 1000, 200) == (of_it[0].exits, of_it[-1].exits, len(of_it))
    assert 2 * MS + 999 == of_it[-1].time_ns


def test_a_sample_is_called_as_its_counter() -> None:
    """Whoever draws both needs one word for what nobody owns."""
    found = profile(
        *(pio(ZERO + 2 * MS, 0x700), msr(ZERO + 3 * MS, 0xC0000081), to_qemu(ZERO + 4 * MS, 10)),
        mmio(ZERO + 5 * MS, 1 << 40, 2),
    )

    owners = {counter.owner: counter.exits for counter in found.counters}
    assert ["KVM_EXIT_INTR", "no device", "processor"] == sorted(owners)
    assert {"no device": 2, "processor": 1, "KVM_EXIT_INTR": 1} == {
        sample.device: sample.exits for sample in found.samples
    }


def test_a_boot_that_failed_before_its_first_exit_needs_no_note() -> None:
    """Interrupted, or left by QEMU: nothing is said of KVM."""
    assert () == profile(of=replace(USUAL, outcome=Outcome.INTERRUPTED)).notes


def test_what_cannot_be_told_is_said() -> None:
    """No exits, no map: one note each."""
    nothing = profile()
    no_map = profile(pio(ZERO + 2 * MS, 0x510), maps=())

    assert "no exit was seen" in nothing.notes[0]
    assert "no device has a name" in no_map.notes[-1]


def test_without_a_map_nobody_knows_whose_an_address_is() -> None:
    """It is not said that nobody answers; marks and registers are known all the same."""
    found = profile(
        *(pio(ZERO + 2 * MS, 0x510), mmio(ZERO + 3 * MS, 1 << 40, 2), *WRITES[:1]),
        *(
            msr(ZERO + 4 * MS, 0x800),
            msr(ZERO + 4 * MS + 1, 0xC0000081),
            to_qemu(ZERO + 4 * MS, 10),
        ),
        maps=(),
    )

    assert {
        ("port write", None, "device not known"),
        ("mmio write", None, "device not known"),
        ("port write", "boot marks", "boot marks"),
        ("msr read", "apic", "apic"),
        ("msr read", "", "processor"),
        ("other", "", "KVM_EXIT_INTR"),
    } == {(str(c.kind), c.device, c.owner) for c in found.counters}
    assert {"device not known", "boot marks", "apic", "processor", "KVM_EXIT_INTR"} == {
        sample.device for sample in found.samples
    }
