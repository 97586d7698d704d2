"""Instrumented Linux under real KVM, to user space: ``qbt run`` in the box, checked against perf."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import kvmbox
from kvmbox import nested, perf_text
from qemu_boot_time.inputs import Options, open_input

pytestmark = [pytest.mark.real, pytest.mark.build, pytest.mark.kvmbox]

_SOURCES = ("perf_event", "perf")
_BOOTS = 3
_DEADLINE_S = 300
_BOOT_NAMES = [
    "qemu_init_end",
    "fw_start",
    "fw_do_boot",
    "linux_start_boot",
    "decompress_start",
    "decompress_end",
    "linux_start_kernel",
    "linux_start_user",
]
_WRITTEN = [name for name in _BOOT_NAMES if name not in {"decompress_start", "decompress_end"}]
_MEASURE = f"""
qbt run -n {_BOOTS} --source $source --until linux_start_user --json --out run -- \\
  {nested.QEMU} -M q35 {nested.INSTRUMENTED} -append "quiet panic=-1" > /out/run.json
cp -r run /out
perf script --ns -F {perf_text.FIELDS} -i run/raw/$source.data > /out/perf.txt
perf script -s /in/site/qemu_boot_time/perf-script/qemu-perf-script.py \\
  -i run/raw/$source.data > /out/perf-script.txt
qbt analyze --json run/raw/$source.data > /out/analyze.json
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What ``qbt run`` in the box left, and what others made of the same recording."""

    out: Path
    source: str

    def json(self, name: str) -> Any:
        """Read a JSON document that a command printed."""
        return json.loads((self.out / name).read_text())

    def by_perf(self) -> list[list[perf_text.Line]]:
        """Give each boot's events as perf itself printed them."""
        return perf_text.boots((self.out / "perf.txt").read_text())


@pytest.fixture(scope="module", params=_SOURCES)
def measured(
    box_site: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Measured]:
    """Measure nested boots with this checkout's ``qbt``, in the box."""
    scratch = tmp_path_factory.mktemp("guest")
    with kvmbox.prepared() as box:
        files = {**nested.instrumented(scratch), "site": box_site}
        job = f"source={request.param}{_MEASURE}"
        result = nested.run_twice(box, job, files, deadline_s=_DEADLINE_S)
        yield Measured(result.out, request.param)


def _marks(document: Any) -> list[list[tuple[str, int]]]:
    return [
        [(mark["name"], mark["time_ns"]) for mark in boot["marks"]] for boot in document["boots"]
    ]


def test_every_boot_shows_every_mark_in_order(measured: Measured) -> None:
    """From QEMU's start to the first user process nothing is missing, in any boot."""
    boots = measured.json("run.json")["boots"]

    assert [boot["outcome"] for boot in boots] == ["reached"] * _BOOTS
    assert [[mark["name"] for mark in boot["marks"]] for boot in boots] == [_BOOT_NAMES] * _BOOTS


def test_every_time_is_that_of_perf_script(measured: Measured) -> None:
    """Our reading of the recording and perf's own agree to the nanosecond."""
    by_perf = [perf_text.marks(boot) for boot in measured.by_perf()]

    written = [
        [mark for mark in boot if mark[0] in _WRITTEN] for boot in _marks(measured.json("run.json"))
    ]
    assert written == by_perf


def test_first_entry_is_at_the_reset_vector(measured: Measured) -> None:
    """What ends QEMU's own start is the vCPU's first instruction."""
    firsts = [
        next(line.text for line in boot if line.event == perf_text.ENTRY)
        for boot in measured.by_perf()
    ]

    assert firsts == ["vcpu 0, rip 0xfff0"] * _BOOTS


def test_analyze_inside_and_outside_gives_what_run_gave(measured: Measured) -> None:
    """The recording alone holds every number: for the box's Python, and for ours."""
    outside = open_input(str(measured.out / f"run/raw/{measured.source}.data"), Options())

    marks = _marks(measured.json("run.json"))
    assert _marks(measured.json("analyze.json")) == marks
    assert [[(mark.name, mark.time_ns) for mark in boot.marks] for boot in outside.boots] == marks


def test_perf_script_prints_the_numbers_of_analyze(measured: Measured) -> None:
    """Perf's own Python, running perf-script/, comes to the same table."""
    printed = (measured.out / "perf-script.txt").read_text()
    blocks = re.split(r"^\d+\) pid \d+.*\n", printed.partition("Avg\n")[0], flags=re.MULTILINE)[1:]
    marks = [
        [
            (name, int(ms) * 1_000_000 + int(fraction))
            for name, ms, fraction in re.findall(r"^ (\w+): (\d+)\.(\d{6})\b", block, re.MULTILINE)
        ]
        for block in blocks
    ]

    assert marks == _marks(measured.json("analyze.json"))
