"""Boots that looked inside, on disk: never counted, made again from facts and raw files."""

from pathlib import Path

import pytest

from qemu_boot_time.errors import InputError
from qemu_boot_time.model import EndedBy, Outcome, Purpose
from qemu_boot_time.store.load import load_run
from runs import boot_facts, debugcon_lines, make_run

HANDED_OUT = """\
@clock
1
5000000
@manager
UserspaceTimestampMonotonic=6000
FinishTimestampMonotonic=9000
@end
"""


def a_run(directory: Path, handed_out: str | None = HANDED_OUT) -> Path:
    """Write a run of one measured boot, and one that looked at units and ended when that was done."""
    looked = boot_facts(1, purpose=Purpose.UNITS, ended_by=EndedBy.MARK)
    raw = debugcon_lines(0) + debugcon_lines(1, (6, 250, 251, 252, 7, 253))
    run = make_run(directory, [boot_facts(0), looked], raw=raw)
    if handed_out is not None:
        (run / "raw/boot-0001.inside").write_text(handed_out)
    return run


def test_only_measured_boots_are_boots_of_the_run(tmp_path: Path) -> None:
    """What looked stands beside them."""
    run = load_run(a_run(tmp_path / "run"))

    (inside,) = run.inside
    assert ([0], 1, Purpose.UNITS) == (
        [boot.index for boot in run.boots],
        inside.boot.index,
        inside.purpose,
    )


@pytest.mark.parametrize(
    ("index", "purpose", "counts"),
    [(0, Purpose.MEASURED, True), (-1, Purpose.MEASURED, False), (1, Purpose.UNITS, False)],
)
def test_which_boots_count(index: int, purpose: Purpose, *, counts: bool) -> None:
    """Those that were asked for."""
    assert counts == boot_facts(index, purpose=purpose).counts


def test_what_ties_clocks_is_no_mark(tmp_path: Path) -> None:
    """The boot's own marks are, and the one that ends it."""
    (inside,) = load_run(a_run(tmp_path / "run")).inside

    assert (Outcome.REACHED, ["linux_start_kernel", "linux_start_user", "handed_out"]) == (
        inside.boot.outcome,
        [mark.name for mark in inside.boot.marks],
    )


def test_spans_count_from_the_exec(tmp_path: Path) -> None:
    """The guest read 5 ms between 11 and 12 ms after it, and systemd began at 6."""
    (inside,) = load_run(a_run(tmp_path / "run")).inside

    found = [(span.name, span.begin_ns, span.end_ns) for span in inside.spans]
    assert [
        ("kernel", 6_500_000, 12_500_000),
        ("initramfs", 11_500_000, 12_500_000),
        ("userspace", 12_500_000, 15_500_000),
    ] == found


def test_a_guest_that_handed_out_nothing(tmp_path: Path) -> None:
    """QEMU has not even made the file: that is told, and is no error."""
    (inside,) = load_run(a_run(tmp_path / "run", None)).inside

    assert ((), None) == (inside.spans, inside.alignment)
    assert inside.notes[0].startswith("nothing was handed out")


def test_a_raw_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A directory in its place is no guest's doing."""
    run = a_run(tmp_path / "run", None)
    (run / "raw/boot-0001.inside").mkdir()

    with pytest.raises(InputError, match=r"boot-0001\.inside: Is a directory"):
        load_run(run)
