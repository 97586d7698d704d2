"""The perf_event source without a kernel to ask: what it would ask for, its rings, its refusals."""

import contextlib
import errno
import mmap
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build import EXEC, event_format
from qemu_boot_time.errors import HostError
from qemu_boot_time.host import Probe
from qemu_boot_time.sources import kvm_stock, kvm_trace, perf_event
from qemu_boot_time.sources.perf_event import opened
from qemu_boot_time.sources.perf_event.ring import Ring
from qemu_boot_time.sources.tracepoints import (
    Enabled,
    each_event_once,
    find_tracepoints,
    tracing_files,
)
from qemu_boot_time.sources.vmm import Vmm

FORMATS = {
    kvm_trace.PIO: event_format("kvm_pio", 7, "unsigned int rw;8;4;0"),
    kvm_trace.EXEC: EXEC,
    kvm_trace.ENTRY: event_format("kvm_entry", 8, "unsigned long rip;8;8;0"),
    kvm_trace.MASTER_CLOCK: event_format("kvm_update_master_clock", 10, "bool use;8;1;0"),
    kvm_stock.MSR: event_format("kvm_msr", 11, "u32 ecx;12;4;0"),
    kvm_stock.IPI: event_format("kvm_apic_ipi", 12, "__u32 icr_low;8;4;0"),
}
WRITES = (
    "rw==1&&(port==0xf4||port==0xf5||(val==0&&(port==0xf0||port==0xf1))"
    "||(val&0x2000&&(port==0x604||port==0xb004))||(port==0x64&&val==0xfe)||(port==0xcf9&&val&0x4))"
)
CONSOLE = "rw==1&&(port==0x3f8||port==0x3fb)"
_MSRS = "ecx==0x8b||(write==1&&(ecx==0xc0000080||ecx==0x4b564d01))"
PAGE = mmap.PAGESIZE


def _tracefs(directory: Path, formats: dict[str, str]) -> Path:
    for event, text in formats.items():
        file = directory / "events" / event.replace(":", "/") / "format"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    for name in ("header_page", "header_event"):
        (directory / "events" / name).write_text(name)
    return directory


def test_the_kernel_keeps_what_matters_alone(tmp_path: Path) -> None:
    """Each event has its filter; those of every exit are not always enabled, and wake nobody."""
    found = find_tracepoints(_tracefs(tmp_path, FORMATS), Vmm(("qemu-kvm",)))

    assert [
        ("kvm:kvm_pio", 7, WRITES, Enabled.ALWAYS, True),
        ("sched:sched_process_exec", 9, 'filename ~ "*qemu-kvm"', Enabled.ALWAYS, True),
        ("kvm:kvm_entry", 8, "rip==0xfff0", Enabled.UNTIL_MARK, False),
        ("kvm:kvm_update_master_clock", 10, "", Enabled.ALWAYS, False),
        ("kvm:kvm_msr", 11, _MSRS, Enabled.ALWAYS, False),
        ("kvm:kvm_apic_ipi", 12, "icr_low==0x4500||icr_low==0xc500", Enabled.ALWAYS, False),
    ] == [
        (each.format.full_name, each.id, each.condition, each.enabled, each.wakes) for each in found
    ]


def test_the_console_is_let_through_only_if_asked_for(tmp_path: Path) -> None:
    """It is a record a byte, and wakes nobody."""
    found = find_tracepoints(_tracefs(tmp_path, FORMATS), Vmm(), console=True)

    conditions = [each.condition for each in found if each.format.full_name == kvm_trace.PIO]
    assert [WRITES, CONSOLE] == conditions
    assert [True, False] == [each.wakes for each in found if each.format.full_name == kvm_trace.PIO]


def test_an_event_that_can_be_had_once_has_both_filters(tmp_path: Path) -> None:
    """An instance of tracefs has one filter an event; the first says whether it wakes."""
    found = each_event_once(find_tracepoints(_tracefs(tmp_path, FORMATS), Vmm(), console=True))

    assert [7, 9, 8, 10, 11, 12] == [each.id for each in found]
    assert (f"({WRITES})||({CONSOLE})", True) == (found[0].condition, found[0].wakes)


def test_an_entry_that_cannot_be_filtered_is_not_recorded(tmp_path: Path) -> None:
    """An old kernel's kvm_entry has no rip, and comes too often to take it all."""
    formats = {**FORMATS, kvm_trace.ENTRY: event_format("kvm_entry", 8, "unsigned vcpu_id;8;4;0")}

    found = find_tracepoints(_tracefs(tmp_path, formats), Vmm())

    assert "kvm:kvm_entry" not in [each.format.full_name for each in found]


def test_port_writes_are_indispensable(tmp_path: Path) -> None:
    """A kernel without kvm_pio, or one whose tracefs is closed, is refused with a hint."""
    del (formats := dict(FORMATS))[kvm_trace.PIO]

    with pytest.raises(HostError, match=r"kvm:kvm_pio: No such file") as refused:
        find_tracepoints(_tracefs(tmp_path, formats), Vmm())

    assert "qbt doctor" in refused.value.hint


def test_a_recording_carries_its_formats_by_system(tmp_path: Path) -> None:
    """The texts are those of the kernel, to the byte."""
    tracefs = _tracefs(tmp_path, FORMATS)

    files = tracing_files(tracefs, find_tracepoints(tracefs, Vmm()))

    kvm = [text.encode() for event, text in FORMATS.items() if event.startswith("kvm:")]
    assert {"kvm": kvm, "sched": [EXEC.encode()]} == files.formats
    assert (b"header_page", b"header_event") == (files.header_page, files.header_event)


class _Kernel:
    """The other side of a ring."""

    def __init__(self, pages: int) -> None:
        self.descriptor = os.memfd_create("ring")
        os.ftruncate(self.descriptor, (1 + pages) * PAGE)
        self._size = pages * PAGE
        self._head = 0

    def write(self, record: bytes) -> None:
        """Write as the kernel does: data first, wrapped, then the head, which only grows."""
        for byte in record:
            os.pwrite(self.descriptor, bytes([byte]), PAGE + self._head % self._size)
            self._head += 1
        os.pwrite(self.descriptor, self._head.to_bytes(8, "little"), 1024)

    @property
    def tail(self) -> int:
        """Up to where the reader has given room back."""
        return int.from_bytes(os.pread(self.descriptor, 8, 1032), "little")


@contextlib.contextmanager
def _ring(pages: int) -> Iterator[tuple[_Kernel, Ring]]:
    kernel = _Kernel(pages)
    ring = Ring(kernel.descriptor, pages=pages)
    try:
        yield kernel, ring
    finally:
        ring.close()
        os.close(kernel.descriptor)


@given(st.lists(st.tuples(st.integers(0, PAGE), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_ring_gives_what_was_written(writes: list[tuple[int, int]]) -> None:
    """Whatever fits is read back whole, over the edge too, and its room is given back."""
    with _ring(1) as (kernel, ring):
        total = 0
        for length, value in writes:
            kernel.write(bytes([value]) * length)
            total += length

            assert bytes([value]) * length == ring.take()
            assert (total, b"") == (kernel.tail, ring.take())


def _refuse(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refused(_attr: bytes, *, pid: int, cpu: int) -> int:
        raise OSError(code, os.strerror(code), f"{pid} {cpu}")

    monkeypatch.setattr(opened, "open_event", refused)


@pytest.mark.parametrize(
    ("code", "what", "hint"),
    [
        (
            errno.EMFILE,
            "too many open files: perf_event takes 91",
            "ulimit -Hn 182; or --source debugcon",
        ),
        (errno.EACCES, "perf_event_open: Permission denied", "qbt doctor"),
    ],
)
def test_a_refusal_tells_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: int, what: str, hint: str
) -> None:
    """Every refusal of the kernel is one line with a next step."""
    _refuse(monkeypatch, code)
    monkeypatch.setattr(opened, "online_cpus", lambda: frozenset({0, 1}))
    monkeypatch.setattr(opened, "_open_files", lambda: 5)

    with pytest.raises(HostError) as refused, contextlib.ExitStack() as stack:
        opened.open_cpus(stack, [], [b"attr"], pid=opened.EVERYONE)

    assert what in refused.value.what
    assert hint in refused.value.hint


def test_locked_memory_that_is_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another recorder of the same user may hold all the memory it may lock: the limits are named."""

    def refused(_descriptor: int, *, pages: int) -> Ring:
        raise PermissionError(errno.EPERM, f"{pages} pages")

    found = find_tracepoints(_tracefs(tmp_path, FORMATS), Vmm())[:1]
    monkeypatch.setattr(opened, "open_event", lambda *_, **__: os.open("/dev/null", os.O_RDONLY))
    monkeypatch.setattr(opened, "Ring", refused)

    with (
        pytest.raises(HostError, match="no 392 KiB of locked memory a CPU") as told,
        contextlib.ExitStack() as stack,
    ):
        opened.open_cpus(stack, found, [b"pio", b"dummy"], pid=opened.EVERYONE)

    assert "kernel.perf_event_mlock_kb" in told.value.hint
    assert "ulimit -l" in told.value.hint


def test_a_cpu_that_has_gone_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /sys still lists a CPU that the kernel has just taken offline, the others go on."""
    _refuse(monkeypatch, errno.ENODEV)

    with (
        pytest.raises(HostError, match="no CPU is online"),
        contextlib.ExitStack() as stack,
    ):
        opened.open_cpus(stack, [], [b"attr"], pid=opened.EVERYONE)


def test_room_is_made_beside_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another recorder of ours may hold most of what the limit allows."""
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(opened, "_open_files", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))

    needed = opened.make_room(100)

    assert (1164, [(1164, 4096)]) == (needed, limits)


def test_too_few_descriptors_are_known_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a large machine with a small limit the probe says so, and auto takes another source."""
    monkeypatch.setattr(opened, "online_cpus", lambda: frozenset(range(128)))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    fine = Probe(ok=True, what="fine")
    monkeypatch.setattr(perf_event, "kvm_device", lambda: fine)
    monkeypatch.setattr(perf_event, "tracepoint_access", lambda: fine)

    probe = perf_event.probe()

    expected = (False, "1472 open files are needed, 1024 allowed", "ulimit -Hn 1472")
    assert expected == (probe.ok, probe.what, probe.remedy)


@pytest.mark.parametrize(
    ("limits", "raised"),
    [((1024, 4096), [(1472, 4096)]), ((64, 512), [(512, 512)]), ((4096, 4096), [])],
)
def test_the_limit_of_descriptors_is_raised_as_far_as_it_takes(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: list[tuple[int, int]]
) -> None:
    """What programs get at first is too little for 128 CPUs; where it is enough it stays."""
    _refuse(monkeypatch, errno.EMFILE)
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(opened, "_open_files", lambda: 0)
    monkeypatch.setattr(opened, "online_cpus", lambda: frozenset(range(128)))
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: asked.append(wanted))

    with pytest.raises(HostError), contextlib.ExitStack() as stack:
        opened.open_cpus(stack, [], [b"attr"], pid=opened.EVERYONE)

    assert raised == asked
