"""A real KVM host, booted inside TCG: what perf sees of nested VMs there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmbox
from kvmbox import perf_text
from qemu_boot_time.guest import tiny
from qemu_boot_time.protocol import PORTS

pytestmark = [pytest.mark.real, pytest.mark.kvmbox]

_PROTOCOL_WRITES = [(0xF5, 1), (0xF5, 5), (0xF4, 3), (0xF4, 6), (0xF4, 7)]
_TINY_BOOTS = 3
_RECORD_TINY = f"""
boot="qemu-system-x86_64 -accel kvm -M q35 {" ".join(tiny.qemu_args(Path("/in/tiny.bin")))}"
events="-e kvm:kvm_entry -e kvm:kvm_pio -e sched:sched_process_exec"
perf record -q -o /out/perf.data -a $events \\
  sh -c "for i in $(seq -s ' ' {_TINY_BOOTS}); do $boot || true; done"
perf script --ns -F {perf_text.FIELDS} -i /out/perf.data > /out/perf.txt
"""


@pytest.fixture(scope="module")
def box() -> Iterator[kvmbox.Box]:
    """Give a box for all tests here."""
    with kvmbox.prepared() as box:
        yield box


@pytest.fixture(scope="module")
def tiny_boots(
    box: kvmbox.Box, tmp_path_factory: pytest.TempPathFactory
) -> list[list[perf_text.Line]]:
    """Record nested boots of a guest that writes the protocol and leaves; give each one's events."""
    firmware = tmp_path_factory.mktemp("tiny") / "tiny.bin"
    firmware.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
    result = box.run(_RECORD_TINY, {firmware.name: firmware})
    assert result.exit_status == 0, result.console
    return perf_text.boots((result.out / "perf.txt").read_text())


def test_script_gets_its_files_and_its_status_and_files_come_back(
    box: kvmbox.Box, tmp_path: Path
) -> None:
    """What goes in is in /in, what is put in /out comes back, and so does the exit status."""
    given = tmp_path / "given"
    given.mkdir()
    (given / "file").write_bytes(bytes(range(256)))

    result = box.run("cp -r /in/renamed /out/returned; exit 7", {"renamed": given})

    assert (7, bytes(range(256))) == (
        result.exit_status,
        (result.out / "returned/file").read_bytes(),
    )


def test_deadline_ends_the_box_and_leaves_nothing_behind(box: kvmbox.Box) -> None:
    """A box past its deadline has no exit status, says what it was, and no longer runs."""
    result = box.run("sleep 1000", deadline_s=1)

    assert result.exit_status is None
    assert result.console.startswith("$ qemu-system-x86_64 ")
    assert _processes_that_name(box.scratch) == []


def _processes_that_name(path: Path) -> list[str]:
    lines = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline")]
    return [line.decode(errors="replace") for line in lines if str(path).encode() in line]


def test_kvm_tells_every_port_write_of_every_boot(tiny_boots: list[list[perf_text.Line]]) -> None:
    """Each nested boot shows the protocol's writes, all of them, in order."""
    writes = [
        [write for line in boot if (write := line.port_write()) and write[0] in PORTS]
        for boot in tiny_boots
    ]

    assert writes == [_PROTOCOL_WRITES] * _TINY_BOOTS


def test_first_entry_of_every_boot_is_at_the_reset_vector(
    tiny_boots: list[list[perf_text.Line]],
) -> None:
    """A real kvm_entry fires: after the exec, first at 0xfff0, before any port write."""
    first_three = [
        [
            next(line for line in boot if line.event == event)
            for event in ("sched:sched_process_exec", "kvm:kvm_entry", "kvm:kvm_pio")
        ]
        for boot in tiny_boots
    ]

    assert [entry.text for _, entry, _ in first_three] == ["vcpu 0, rip 0xfff0"] * _TINY_BOOTS
    for events in first_three:
        assert sorted(events, key=lambda line: line.time_ns) == events
