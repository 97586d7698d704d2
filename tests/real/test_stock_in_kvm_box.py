"""Unpatched guests under real KVM: what they show of their boot, and how far that is off.

The distribution's kernel and QEMU's own firmware, as they are; and a guest that writes marks of its
own, against which each bound is held.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kvmbox
from kvmbox import nested
from qemu_boot_time.inputs import Options, open_input

pytestmark = [pytest.mark.real, pytest.mark.build, pytest.mark.kvmbox]

_BOOTS = 3
_DEADLINE_S = 400
_RUN = f"qbt run -n {_BOOTS} --source perf_event --json"
_APPEND = '-append "console=ttyS0 panic=-1"'
_MEASURE = f"""
{_RUN} --kvm-console --until linux_start_user --out /out/stock -- \\
  {nested.QEMU} -M q35 -serial null {nested.STOCK} {_APPEND} > /out/stock.json
{_RUN} --until linux_start_kernel --out /out/kernel -- \\
  {nested.QEMU} -M pc {nested.STOCK} -append quiet > /out/kernel.json
{_RUN} --kvm-console --out /out/marked -- \\
  {nested.QEMU} -M q35 -serial null {nested.INSTRUMENTED} {_APPEND} > /out/marked.json
"""
_UNTIL_KERNEL = [
    ("qemu_init_end", "exact"),
    ("fw_start", "ge"),
    ("linux_start_boot", "le"),
    ("decompress_start", "ge"),
    ("decompress_end", "le"),
    ("linux_start_kernel", "ge"),
]
_BOUNDED = {
    "fw_start": "ge",
    "linux_start_boot": "le",
    "linux_start_kernel": "ge",
    "linux_start_user": "le",
}
_HEAD_BYTES, _MOST_BYTES = 12_288, 4096
"""Of what is written once, and of each boot."""


@pytest.fixture(scope="module")
def out(box_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Measure nested boots with this checkout's ``qbt``, in the box; give what it left."""
    scratch = tmp_path_factory.mktemp("guest")
    with kvmbox.prepared() as box:
        pieces = {**nested.instrumented(scratch), **nested.distributed(scratch)}
        files = {**pieces, "site": box_site}
        yield nested.run_twice(box, _MEASURE, files, deadline_s=_DEADLINE_S).out


def boots_of(out: Path, name: str) -> list[Any]:
    """Give the boots of one of the runs."""
    boots: list[Any] = json.loads((out / f"{name}.json").read_text())["boots"]
    return boots


def shown(boot: Any) -> list[tuple[str, str]]:
    """Give names and bounds of a boot's marks."""
    return [(mark["name"], mark["bound"]) for mark in boot["marks"]]


def test_a_stock_guest_shows_its_boot_from_the_reset_vector_to_init(out: Path) -> None:
    """Nothing in it is patched: kernel, firmware and option ROM are the distribution's."""
    boots = boots_of(out, "stock")

    expected = [*_UNTIL_KERNEL, ("linux_start_user", "le")]
    assert [("reached", expected)] * _BOOTS == [(boot["outcome"], shown(boot)) for boot in boots]


def test_a_boot_ends_at_a_mark_that_only_bounds(out: Path) -> None:
    """No record of it wakes the reader, and QEMU is stopped all the same."""
    boots = boots_of(out, "kernel")

    facts = map(json.loads, (out / "kernel/boots.jsonl").read_text().splitlines())
    assert ["mark"] * _BOOTS == [each["ended_by"] for each in facts]
    assert [("reached", _UNTIL_KERNEL)] * _BOOTS == [(b["outcome"], shown(b)) for b in boots]


def test_a_recording_of_a_stock_guest_stays_small(out: Path) -> None:
    """Without the console the kernel lets a dozen records through."""
    size = (out / "kernel/raw/perf_event.data").stat().st_size

    assert size < _HEAD_BYTES + _BOOTS * _MOST_BYTES


def test_each_bound_holds(out: Path) -> None:
    """The mark that the guest writes itself lies where the bound says, and as near as it says."""
    for boot in boots_of(out, "marked"):
        itself = {mark["name"]: mark["time_ns"] for mark in boot["marks"]}
        bounds = boot["also_seen"]
        assert _BOUNDED == {mark["name"]: mark["bound"] for mark in bounds}
        for mark in bounds:
            after_ns = itself[mark["name"]] - mark["time_ns"]
            assert after_ns >= 0 if mark["bound"] == "ge" else after_ns <= 0, mark
            assert not mark["error_ns"] or after_ns <= mark["error_ns"], mark


def test_the_recording_alone_gives_the_same_marks(out: Path) -> None:
    """Whoever records these events, and wherever they are read."""
    recording = out / "stock/raw/perf_event.data"

    boots = open_input(str(recording), Options()).boots

    until = [[mark for mark in boot.marks if mark.name != "power_off"] for boot in boots]
    marks = [[(mark.name, mark.time_ns, mark.bound) for mark in boot] for boot in until]
    assert marks == [
        [(mark["name"], mark["time_ns"], mark["bound"]) for mark in boot["marks"]]
        for boot in boots_of(out, "stock")
    ]


def test_qemus_own_start_is_parted(out: Path) -> None:
    """By the kernel's events and by QEMU's monitor; the box's 9p keeps no inode that inotify could watch."""
    for name in ("stock", "marked"):
        for boot in boots_of(out, name):
            ends = [part["end"] for part in boot["parts"]]
            seen = {"qemu_main", "qemu_monitor", "devices_made", "qemu_init_end"}
            assert seen <= set(ends) <= seen | {"qemu_greeting"}
            assert boot["phases"][0]["duration_ns"] == sum(p["duration_ns"] for p in boot["parts"])
