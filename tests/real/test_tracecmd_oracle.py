"""Our reader of trace.dat against the trace-cmd of this host: every record, every field."""

import shutil
from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.formats.cursor import ByteOrder
from qemu_boot_time.formats.tracedat import open_recording
from qemu_boot_time.formats.tracedat.abi import Option
from real_host import require
from tracecmd_oracle import REPORT, Line, parse, render
from tracedat_build import Ring, TraceDat

pytestmark = pytest.mark.real

_DATA = Path(__file__).parents[1] / "data"
_SHARED = Path(__file__).parents[2].parent / "shared/data/recordings"
_RECORDINGS = [*sorted(_DATA.glob("tracecmd-*/trace.dat")), *sorted(_SHARED.glob("*.trace.dat"))]
_DEADLINE_S = 60.0


@pytest.fixture(autouse=True)
def _trace_cmd() -> None:
    require(bool(shutil.which("trace-cmd")), "trace-cmd is not installed: apt install trace-cmd")


def _report(file: Path) -> list[Line]:
    return parse(process.run((*REPORT, str(file)), timeout_s=_DEADLINE_S).stdout)


def _ours(file: Path) -> list[Line]:
    return render(open_recording(file).records())


@pytest.mark.parametrize("file", _RECORDINGS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_recordings_are_read_as_trace_cmd_does(file: Path) -> None:
    """Recordings of real KVM guests, whole: losses, instances, clocks."""
    lines = _ours(file)

    assert _report(file) == lines
    assert lines


@pytest.mark.parametrize("options", [("--file-version", "6"), ("--compression", "none")])
@pytest.mark.parametrize(
    "file",
    [file for file in _RECORDINGS if not file.parent.name.endswith("-v6")],
    ids=lambda file: f"{file.parent.name}/{file.name}",
)
def test_what_trace_cmd_converts_holds_the_same(
    file: Path, options: tuple[str, str], tmp_path: Path
) -> None:
    """A recording says the same in another version and without compression."""
    other = tmp_path / "other.dat"
    command = ("trace-cmd", "convert", *options, "-i", str(file), "-o", str(other))
    process.run(command, timeout_s=_DEADLINE_S)

    assert _ours(file) == _ours(other)


@pytest.mark.parametrize("version", [6, 7])
@pytest.mark.parametrize("long_bytes", [4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_other_machines_are_read_as_trace_cmd_does(
    tmp_path: Path, order: ByteOrder, long_bytes: int, version: int
) -> None:
    """Both byte orders and sizes of long, with every kind of entry."""
    ring = Ring(order, long_bytes)
    first = ring.page(
        1000,
        *(ring.pio(0, 0xF5, 1), ring.extend(1 << 30), ring.pio(5, 0xF5, 5), ring.padding(9, 8)),
        *(ring.long_event(7, ring.pio_data(0xF4, 3)), ring.stamp(3 << 30), ring.pio(11, 0xF4, 6)),
    )
    second = ring.page(4 << 30, ring.pio(0, 0xF4, 7), missed=449)
    built = TraceDat([first + second, ring.page(2000, ring.pio(3, 1, 0, tid=7), missed=None)], ring)
    file = tmp_path / "trace.dat"
    file.write_bytes(built.version6() if version == 6 else built.version7())

    assert _report(file) == _ours(file)


@pytest.mark.parametrize(
    "options",
    [
        [(Option.OFFSET, b"123456789\0")],
        [(Option.DATE, b"0x1000\0"), (Option.OFFSET, b"5\0")],
        [(Option.TSC2NSEC, Ring().words(825964144, 31, 0, 0))],
        [(Option.TSC2NSEC, Ring().words(2000000001, 32, 7, 0)), (Option.OFFSET, b"9\0")],
    ],
)
def test_times_are_moved_as_trace_cmd_does(
    tmp_path: Path, options: list[tuple[int, bytes]]
) -> None:
    """Offsets, dates and the scale of the TSC."""
    ring = Ring()
    page = ring.page((5 << 40) + 3, ring.pio(0, 0xF5, 1), ring.pio(987654321 >> 4, 0xF4, 7))
    file = tmp_path / "trace.dat"
    file.write_bytes(TraceDat([page], options=options).version6())

    assert _report(file) == _ours(file)
