"""What a kept run says of the precision that was asked for."""

from pathlib import Path

import pytest

from qemu_boot_time.model import EndedBy
from qemu_boot_time.stats.precision import Precision
from qemu_boot_time.store.facts import read_facts
from qemu_boot_time.store.load import load_run
from qemu_boot_time.store.precision import said
from runs import boot_facts, debugcon_lines, make_run


@pytest.mark.parametrize(
    ("share", "totals", "tried", "text"),
    [
        (0.05, [96, 104] * 10, 20, "precision ±4 % after 20 boots"),
        (
            0.005,
            [96, 104] * 10,
            40,
            "precision ±4 % after 20 boots, not the 0.5 % asked for (--max-boots 40)",
        ),
        (0.005, [96, 104] * 10, 20, "precision ±4 % after 20 boots, not the 0.5 % asked for"),
        (0.01, [100] * 20, 20, "precision ±0 % after 20 boots"),
        (0.01, [100] * 5, 5, "no precision: 5 boots have no interval of the median"),
    ],
)
def test_what_was_achieved_is_told(share: float, totals: list[int], tried: int, text: str) -> None:
    """And what was asked for, where that was not reached; what gave it up, where that did."""
    assert text == said(Precision(share, least=20, most=40), totals, tried)


def test_it_is_made_again_of_the_boots(tmp_path: Path) -> None:
    """A number that is no fact: nothing of it is in ``run.json``."""
    asked = Precision(0.01, least=6, most=20)
    boots = [boot_facts(i) for i in range(6)]
    raw = "".join(map(debugcon_lines, range(6)))

    directory = make_run(tmp_path / "run", boots, raw=raw, precision=asked)

    assert () == read_facts(directory)[0].notes
    assert ("precision ±0 % after 6 boots",) == load_run(directory).notes


def test_no_boot_has_no_precision(tmp_path: Path) -> None:
    """Where all failed, why they did is what there is to tell."""
    asked = Precision(0.01, least=6, most=20)
    boots = [boot_facts(0, ended_by=EndedBy.TIMEOUT)]

    run = load_run(make_run(tmp_path / "run", boots, raw="", precision=asked))

    (why,) = run.notes
    assert why.startswith("no mark within 60 s")
