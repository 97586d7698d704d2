"""Every source of the kernel's events under real KVM, at the same boots, beside perf itself."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import kvmbox
from kvmbox import perf_text
from qbt_process import tiny_qemu
from qemu_boot_time.formats import perfdata, tracedat
from qemu_boot_time.formats.tracedat import parts
from qemu_boot_time.guest import tiny
from qemu_boot_time.sources import kvm_trace

pytestmark = [pytest.mark.real, pytest.mark.kvmbox]

_SOURCES = ("perf_event", "perf", "tracefs")
_BOOTS = 10
_MOST_ENTRIES = 4
"""At the reset vector, of one boot: its page may not be there yet, an interrupt may come first."""
_MARKS = ["qemu_init_end", *tiny.PROTOCOL]
_QEMU = shlex.join(tiny_qemu(Path("/in/tiny.bin"), accelerator="kvm", machine="q35"))
_ASKED = " ".join(f"--source {source}" for source in _SOURCES)
_MEASURE = f"""
perf record -q -o perf.data -a -e kvm:kvm_entry -e kvm:kvm_pio -e sched:sched_process_exec -- \\
  qbt run -n {_BOOTS} {_ASKED} --json --out run -- {_QEMU} > /out/run.json
perf script --ns -F {perf_text.FIELDS} -i perf.data > /out/perf.txt
cp -r run /out
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What ``qbt run`` in the box left, and what an unfiltered perf saw meanwhile."""

    out: Path

    def boots(self) -> list[dict[str, Any]]:
        """Give the boots of the JSON document."""
        boots: list[dict[str, Any]] = json.loads((self.out / "run.json").read_text())["boots"]
        return boots

    def by_perf(self) -> list[list[perf_text.Line]]:
        """Give the events of each QEMU that entered a guest, as perf itself printed them."""
        processes = perf_text.boots((self.out / "perf.txt").read_text())
        return [lines for lines in processes if any(x.event == perf_text.ENTRY for x in lines)]

    def entries(self, source: str) -> list[tuple[int, object]]:
        """Give thread and address of each guest entry that a source has recorded."""
        raw = self.out / "run/raw"
        if source != "tracefs":
            recorded = perfdata.open_recording(raw / f"{source}.data", wanted=[kvm_trace.ENTRY])
            samples = (each for each in recorded.records() if isinstance(each, perfdata.Sample))
            return [(sample.tid, sample.fields["rip"]) for sample in samples]
        parts.assemble(raw / "tracefs", self.out / "trace.dat")
        records = tracedat.open_recording(
            self.out / "trace.dat", wanted=[kvm_trace.ENTRY]
        ).records()
        events = (each for each in records if isinstance(each, tracedat.TraceEvent))
        return [(event.tid, event.fields["rip"]) for event in events]


@pytest.fixture(scope="module")
def measured(box_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """Boot a tiny firmware ten times while all sources look, and perf without any filter."""
    scratch = tmp_path_factory.mktemp("tiny")
    firmware = scratch / "tiny.bin"
    firmware.write_bytes(tiny.image(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit()))
    with kvmbox.prepared() as box:
        result = box.run(_MEASURE, {firmware.name: firmware, "site": box_site})
        assert result.exit_status == 0, result.console
        yield Measured(result.out)


@pytest.mark.parametrize("source", _SOURCES)
def test_a_source_sees_every_mark_of_every_boot(measured: Measured, source: str) -> None:
    """Ten of ten, each mark once and in order, and the guest's first entry by its own event."""
    own = [
        [mark for mark in (*boot["marks"], *boot["also_seen"]) if mark["source"] == source]
        for boot in measured.boots()
    ]

    seen = [[mark for mark in marks if mark["bound"] == "exact"] for marks in own]
    bounds = [[mark["name"] for mark in marks if mark["bound"] != "exact"] for marks in own]
    assert [["fw_start"]] * _BOOTS == bounds
    assert [_MARKS] * _BOOTS == [[mark["name"] for mark in marks] for marks in seen]
    firsts = [(marks[0]["event"], marks[0]["bound"]) for marks in seen]
    assert [(kvm_trace.ENTRY, "exact")] * _BOOTS == firsts


@pytest.mark.parametrize("source", _SOURCES)
def test_a_source_records_the_first_entry_alone(measured: Measured, source: str) -> None:
    """One vCPU thread a boot, at the reset vector, and not on and on."""
    entries = measured.entries(source)

    assert {kvm_trace.RESET_VECTOR_RIP} == {rip for _, rip in entries}
    assert _BOOTS == len({tid for tid, _ in entries})
    assert len(entries) <= _MOST_ENTRIES * _BOOTS


def test_an_unfiltered_perf_agrees(measured: Measured) -> None:
    """The first of all entries is at the reset vector, and the writes are those of the sources."""
    boots = measured.by_perf()

    firsts = [next(line.text for line in boot if line.event == perf_text.ENTRY) for boot in boots]
    assert ["vcpu 0, rip 0xfff0"] * _BOOTS == firsts
    marks = [[name for name, _ in perf_text.marks(boot)] for boot in boots]
    assert [_MARKS] * _BOOTS == marks
