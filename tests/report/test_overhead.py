"""What watching costs, for a person of 80 columns and for a program."""

from dataclasses import replace
from typing import Any

import pytest

from qemu_boot_time.model import Boot, Outcome, Run
from qemu_boot_time.report.overhead import Overhead, document, quotation, sentence, to_text
from qemu_boot_time.stats.intervals import Interval
from qemu_boot_time.stats.overhead import Cost, Quantity, Ratio
from qemu_boot_time.stats.verdict import Verdict

_GOOD = Boot(0, 1, Outcome.REACHED)
_TEXT = """\
alone:   alone · 2 boots · kvm
watched: watched · 2 boots · seen by perf_event · kvm

a boot (ms)          alone  watched    cost    from       to    verdict
wall time          315.000  324.000  +9.000  -6.000  +25.000  UNDECIDED
  watched / alone                    1.0300  0.9810   1.0780
CPU time           272.000  278.000  +6.000  +4.000   +9.000     SLOWER
  watched / alone                    1.0220  1.0150   1.0330

watched by perf_event a boot takes 1.030 [0.981, 1.078] times its wall time and 1.022 [1.015, 1.033] times its CPU time (40 boots, 39 alone)
undecided, wall time: chance; about 1 more boot a side would settle it
"""


def cost(quantity: Quantity, **changes: Any) -> Cost:
    """Give what 40 watched boots cost beside 39 alone: of CPU time."""
    usual: dict[str, Any] = {
        "n": (39, 40),
        "medians_ns": (272_000_000, 278_000_000),
        "cost_ns": 6_000_000,
        "interval_ns": Interval(4_000_000, 9_000_000),
        "ratio": Ratio(1.022, 1.015, 1.033),
        "margin": 0.01,
        "p": 0.001,
        "verdict": Verdict.SLOWER,
        "reason": "",
        "more": None,
    }
    return Cost(quantity, **{**usual, **changes})


WALL = cost(
    Quantity.WALL,
    medians_ns=(315_000_000, 324_000_000),
    cost_ns=9_000_000,
    interval_ns=Interval(-6_000_000, 25_000_000),
    ratio=Ratio(1.03, 0.981, 1.078),
    verdict=Verdict.UNDECIDED,
    reason="chance",
    more=1,
)


def overhead(*costs: Cost, alone: tuple[Boot, ...] = (_GOOD, _GOOD)) -> Overhead:
    """Give two runs and what came of them."""
    return Overhead(
        Run("alone", alone, accelerator="kvm", path="out/alone"),
        Run("watched", (_GOOD, _GOOD), ("perf_event",), accelerator="kvm"),
        costs,
        ("perf_event",),
    )


def test_the_table_and_the_sentence() -> None:
    """Lengths in milliseconds, and below them the ratios; why a quantity is undecided."""
    assert _TEXT == to_text(overhead(WALL, cost(Quantity.CPU)))


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        (
            (cost(Quantity.WALL, interval_ns=None, ratio=Ratio(1.5, None, None)),),
            "watched by perf_event a boot takes 1.500 times its wall time (40 boots, 39 alone)",
        ),
        ((), "nothing is known of what perf_event costs: one side has no boot that counts"),
    ],
)
def test_few_boots_have_no_interval_and_none_no_cost(costs: tuple[Cost, ...], said: str) -> None:
    """No number is made up."""
    found = overhead(*costs)

    assert said == sentence(found)
    assert said in to_text(found)


@pytest.mark.parametrize(
    ("costs", "ends"),
    [
        ((cost(Quantity.WALL), cost(Quantity.CPU)), "CPU time (40 boots, 39 alone)"),
        ((WALL, cost(Quantity.CPU)), "39 alone); undecided: wall time"),
        (
            (replace(WALL, interval_ns=None, more=3),),
            "undecided: wall time, 3 more a side are the fewest that could show anything",
        ),
    ],
)
def test_a_quotation_says_what_is_undecided(costs: tuple[Cost, ...], ends: str) -> None:
    """For no verdict stands beside it."""
    assert quotation(overhead(*costs)).endswith(ends)


def test_without_an_interval_nothing_is_settled_by_a_few_more() -> None:
    """They are the fewest that could show anything."""
    text = to_text(overhead(replace(WALL, interval_ns=None, more=3)))

    assert "chance; 3 more a side are the fewest that could show anything\n" in text


def test_boots_that_failed_are_told_by_how() -> None:
    """A guest that runs on is the usual mistake; what QEMU said reaches no terminal as it is."""
    failures = (
        Boot(0, 1, Outcome.TIMEOUT),
        Boot(1, 1, Outcome.TIMEOUT),
        Boot(2, 1, Outcome.QEMU_FAILED, message="no \x1b[31mdisk"),
    )

    lines = to_text(overhead(alone=failures)).splitlines()

    assert [
        "failed: 2 of 3 boots alone: timeout",
        "failed: 1 of 3 boots alone: qemu_failed: no \\x1b[31mdisk",
        "note: the guest must end by itself: without a source nobody sees a mark to end a boot at",
    ] == lines[-3:]


def test_the_document() -> None:
    """Lengths in nanoseconds, ratios as they are, and null where there is no interval."""
    found = document(overhead(WALL, cost(Quantity.CPU, interval_ns=None)))

    assert {"alone": "out/alone", "watched": ""} == found["runs"]
    assert ("perf_event",) == tuple(found["sources"])
    wall, cpu = found["costs"]
    assert {
        "name": "wall",
        "verdict": "UNDECIDED",
        "reason": "chance",
        "n": (39, 40),
        "alone_ns": 315_000_000,
        "watched_ns": 324_000_000,
        "cost_ns": 9_000_000,
        "cost_low_ns": -6_000_000,
        "cost_high_ns": 25_000_000,
        "ratio": 1.03,
        "ratio_low": 0.981,
        "ratio_high": 1.078,
        "p": 0.001,
        "margin": 0.01,
        "more_boots": 1,
    } == wall
    assert ("cpu", None, None) == (cpu["name"], cpu["cost_low_ns"], cpu["cost_high_ns"])


def test_a_watched_boot_without_a_mark_has_failed() -> None:
    """What was paid for has shown nothing; the other command knows more of it."""
    found = Overhead(
        Run("alone", (_GOOD,)),
        Run("watched", (Boot(0, 1, Outcome.QEMU_FAILED),), ("debugcon",)),
        (),
        ("debugcon",),
    )

    assert [
        "failed: 1 of 1 boots watched: qemu_failed",
        "note: no mark was seen: what to do is told by qbt run with the same command",
    ] == to_text(found).splitlines()[-2:]
