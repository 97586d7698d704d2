"""Budgets judged: held, broken, not shown either way, or not to be judged at all."""

from dataclasses import replace

import pytest

from budgets import MS, counted_run, fail_if, judged, require, run_of, suspect
from qemu_boot_time.model import Clock, Phase, Run
from qemu_boot_time.stats.gates import Gate, Kind
from qemu_boot_time.stats.judging import State, judge
from qemu_boot_time.stats.moves import moves_between, nothing_shown

STEADY = [100 + i / 10 for i in range(60)]
"""60 kernels, from 100 ms to 105.9 ms; their median is 102.95 ms."""


def state(gate: Gate, run: Run, baseline: Run | None = None) -> State:
    """Judge one budget, and give no more than its state."""
    return judged(gate, run, baseline).state


# --- a limit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("kernel > 1s", 102_950_000),
        ("kernel.median > 1s", 102_950_000),
        ("kernel.mean > 1s", 102_950_000),
        ("kernel.min > 1s", 100 * MS),
        ("kernel.max > 1s", 105_900_000),
        ("kernel.sd > 1s", 1_746_425),
        ("kernel.p90 > 1s", 105_310_000),
        ("kernel.p95 > 1s", 105_605_000),
        ("kernel.n > 99", 60),
        ("linux_start_user > 1s", 112_950_000),
        ("total > 1s", 112_950_000),
        ("unaccounted > 1s", 0),
        ("exec..linux_start_kernel > 1s", 10 * MS),
        ("boots.n > 99", 60),
    ],
)
def test_what_is_compared(condition: str, value: int) -> None:
    """Each statistic of a phase or of a mark; by hand."""
    found = judged(fail_if(condition), run_of(STEADY))

    assert (State.HELD, value) == (found.state, found.value)


def test_the_deviation_as_a_share_of_the_mean() -> None:
    """In per cent."""
    found = judged(fail_if("kernel.cv > 2%"), run_of(STEADY))

    assert (State.HELD, "percent", "it is 1.70 %") == (found.state, found.unit, found.line)


@pytest.mark.parametrize(
    ("operator", "broken"),
    [
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_operators_at_the_limit(operator: str, broken: list[bool]) -> None:
    """Just below it, at it, just above it, to the nanosecond; a requirement is the opposite."""
    runs = [run_of([100 + off]) for off in (-1e-6, 0, 1e-6)]

    assert broken == [judged(fail_if(f"kernel {operator} 100ms"), run).breaks for run in runs]
    assert broken == [not judged(require(f"kernel {operator} 100ms"), run).breaks for run in runs]


def test_lines_say_what_it_is() -> None:
    """The value in the unit of its kind."""
    run = run_of([100, 200], failed=1)

    assert [
        "it is 150.000 ms",
        "it is 2",
        "it is 1",
        "it is 3",
    ] == [
        judged(fail_if(text), run).line
        for text in ("kernel > 1ms", "kernel.n > 5", "boots.failed > 0", "boots.n > 5")
    ]


def test_boots_that_failed_and_boots_that_are_suspect() -> None:
    """They are counted over all boots."""
    run = suspect(run_of([100, 100], failed=2))

    found = [judged(fail_if(f"boots.{word} > 0"), run) for word in ("failed", "suspect", "n")]

    assert [(2, True), (1, True), (4, True)] == [(each.value, each.breaks) for each in found]


def test_a_percentile_of_too_few_boots_is_not_judged() -> None:
    """It says how many it takes, and counts as broken; one more boot and it is."""
    few, enough = run_of([100] * 58), run_of([100] * 59)

    found = judged(fail_if("kernel.p95 > 1s"), few)

    assert (State.UNKNOWN, True) == (found.state, found.breaks)
    assert "cannot be judged: p95 needs 59 boots, not 58" == found.line
    assert State.HELD is state(fail_if("kernel.p95 > 1s"), enough)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("condition", "run", "why"),
    [
        ("kernle > 1s", run_of([100]), "no boot has 'kernle'; kernel?"),
        ("net > 1s", run_of([100]), "no boot has 'net'"),
        ("kernel > 1s", run_of([], failed=3), "no boot counts"),
        ("total.n > 1", run_of([], failed=3), "no boot counts"),
        ("kernel.sd > 1s", run_of([100]), "sd needs 2 boots, not 1"),
        ("kernel.cv > 1%", run_of([100]), "cv needs 2 boots, not 1"),
        ("kernel.cv > 1%", run_of([0, 0]), "the mean is 0, so no share of it is known"),
        ("kernel.instructions > 1", run_of([100]), "no instructions were counted"),
        ("kernel slower than 2%", run_of([100]), "there is no baseline"),
    ],
)
def test_what_cannot_be_judged_is_broken(kind: Kind, condition: str, run: Run, why: str) -> None:
    """Whether it must be so or must not."""
    gate = replace(fail_if(condition), kind=kind)

    found = judged(gate, run)

    assert (State.UNKNOWN, f"cannot be judged: {why}") == (found.state, found.line)
    assert found.breaks


def test_a_name_that_means_two_things_is_not_judged() -> None:
    """A phase that ends elsewhere in one boot is another one, and no number is of both."""
    run = run_of([100, 100, 100])
    other = replace(run.boots[2], phases=(Phase("kernel", "linux_start_kernel", "up", 0, 9),))

    found = judged(fail_if("kernel > 1s"), replace(run, boots=(*run.boots[:2], other)))

    assert found.line == (
        "cannot be judged: kernel is linux_start_kernel..linux_start_user in 2 boots"
        " and linux_start_kernel..up in 1 boots"
    )


def lacking(run: Run) -> Run:
    """Take all phases from the last boot, which got there all the same."""
    *others, last = run.boots
    return replace(run, boots=(*others, replace(last, phases=())))


def test_boots_that_lack_a_phase_are_told() -> None:
    """The value is of those that have it, and that is said."""
    found = judged(fail_if("kernel > 1s"), lacking(run_of([100, 100, 100])))

    assert (State.HELD, "it is 100.000 ms (2 of 3 boots have it)", "2 of 3 boots have it") == (
        found.state,
        found.line,
        found.remark,
    )


@pytest.mark.parametrize(
    ("gate", "found"),
    [
        (require("kernel.instructions <= 505"), State.UNKNOWN),
        (fail_if("kernel.instructions > 505"), State.UNKNOWN),
        (fail_if("kernel.instructions > 400"), State.BROKEN),
        (require("kernel.cv < 1%"), State.UNKNOWN),
        (fail_if("kernel.cv > 1%"), State.HELD),
        (require("kernel.n >= 2"), State.HELD),
        (require("kernel.n >= 3"), State.BROKEN),
    ],
)
def test_what_must_hold_for_every_boot_takes_every_boot(gate: Gate, found: State) -> None:
    """A boot that lacks the quantity has no answer, unless it is asked how many have it."""
    run = lacking(counted_run([500, 500, 500]))

    assert found is state(gate, run)


# --- counts -----------------------------------------------------------------------------------


def test_instructions_hold_for_every_boot() -> None:
    """The worst boot counts, whichever side of the limit is the wrong one."""
    run = counted_run([500, 510, 490])

    found = [
        judged(require("kernel.instructions <= 505"), run),
        judged(require("kernel.instructions >= 495"), run),
        judged(require("kernel.instructions == 500"), run),
        judged(fail_if("kernel.instructions > 509"), run),
        judged(require("kernel.instructions <= 510"), run),
        judged(require("kernel.instructions >= 490"), run),
    ]

    assert [
        (True, "it is 510 in boot 2"),
        (True, "it is 490 in boot 3"),
        (True, "it is 510 in boot 2"),
        (True, "it is 510 in boot 2"),
        (False, "it is 510 in boot 2"),
        (False, "it is 490 in boot 3"),
    ] == [(each.breaks, each.line) for each in found]


def test_instructions_of_a_mark() -> None:
    """They count from the guest's first one."""
    found = judged(require("linux_start_user.instructions == 1_500"), counted_run([500]))

    assert (State.HELD, 1500, "instructions") == (found.state, found.value, found.unit)


def test_the_deviation_of_counts() -> None:
    """A share is taken on the clock of the run."""
    assert "it is 28.28 %" == judged(fail_if("kernel.cv > 1%"), counted_run([400, 600])).line


# --- against a baseline -----------------------------------------------------------------------

BASE = run_of([100 + i / 10 for i in range(20)])


def shifted(by_ms: float) -> Run:
    """Make the baseline again, slower."""
    return run_of([100 + by_ms + i / 10 for i in range(20)])


@pytest.mark.parametrize(
    ("condition", "by_ms", "expected"),
    [
        ("kernel slower than 2%", 10, State.BROKEN),
        ("kernel slower than 2%", 0, State.HELD),
        ("kernel slower than 2%", -10, State.HELD),
        ("kernel slower than 20%", 10, State.HELD),
        ("kernel slower than 9ms", 10, State.BROKEN),
        ("kernel slower than 20ms", 10, State.HELD),
        ("kernel faster than 2%", -10, State.BROKEN),
        ("kernel faster than 2%", 10, State.HELD),
        ("total slower than 2%", 10, State.BROKEN),
        ("linux_start_user slower than 2%", 10, State.BROKEN),
        ("linux_start_kernel slower than 2%", 10, State.HELD),
        ("kernel slower than 1.9ms", 2, State.BROKEN),
        ("kernel slower than 2%", 1.9, State.UNDECIDED),
    ],
)
def test_slower_than(condition: str, by_ms: float, expected: State) -> None:
    """Broken where that is shown; held where the other is; else told."""
    assert expected is state(fail_if(condition), shifted(by_ms), BASE)


@pytest.mark.parametrize(("by_ms", "broken"), [(-10, False), (-1.9, True), (0, True), (10, True)])
def test_a_requirement_must_be_shown(by_ms: float, broken: bool) -> None:  # noqa: FBT001  # a parameter
    """What is not shown either way is no fulfilment."""
    assert broken is judged(require("kernel faster than 2%"), shifted(by_ms), BASE).breaks


def test_a_limit_below_the_margin_is_the_margin() -> None:
    """Whoever asks for a tenth of a per cent does not take half of one for the same."""
    base, run = run_of([100] * 20), run_of([100.5] * 20)

    assert State.BROKEN is state(fail_if("kernel slower than 0.1%"), run, base)
    assert State.HELD is state(fail_if("kernel slower than 0.6%"), run, base)
    assert State.HELD is state(fail_if("kernel slower than 2%"), run, base)


def test_what_is_not_shown_says_what_it_takes() -> None:
    """The interval, and how many more boots."""
    base = run_of([100, 104, 108, 112, 116, 120])
    run = run_of([101, 105, 109, 114, 118, 122])

    found = judged(fail_if("kernel slower than 2%"), run, base)

    assert (State.UNDECIDED, False) == (found.state, found.breaks)
    assert found.line.startswith("not shown either way: +1.500 ms (+1.36 %), between -11.000 and ")
    assert found.line.endswith(" more boots a side would settle this budget")


def test_lines_of_what_moved() -> None:
    """The shift in its unit and in per cent, and its interval."""
    found = judged(fail_if("kernel slower than 2%"), shifted(10), run_of([100] * 20))

    assert "it is +10.950 ms (+10.95 %), between +10.500 and +11.400 ms" == found.line
    assert (10_950_000, "ns") == (found.value, found.unit)


def test_too_few_boots_to_compare() -> None:
    """Nothing is known, so nothing passes."""
    found = judged(fail_if("kernel slower than 2%"), run_of([100]), run_of([100]))

    assert State.UNKNOWN is found.state
    assert "cannot be judged: 1 against 1 boots are too few for an interval at 95%" == found.line


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("kernle slower than 2%", "no 'kernle' that both the run and its baseline have; kernel?"),
        ("kernel slower than 500", "both were measured in time, the limit is in another unit"),
        (
            "unaccounted slower than 2%",
            "unaccounted takes 0 in the baseline, so no share of it is known",
        ),
    ],
)
def test_comparisons_without_an_answer(condition: str, why: str) -> None:
    """Why is said."""
    assert f"cannot be judged: {why}" == judged(fail_if(condition), BASE, BASE).line


def test_a_phase_that_the_run_has_lost() -> None:
    """What is no longer there is not faster."""
    without = replace(BASE, boots=tuple(replace(b, phases=(), marks=()) for b in BASE.boots))

    assert State.UNKNOWN is state(fail_if("kernel slower than 2%"), without, BASE)


def test_sides_that_do_not_mean_the_same() -> None:
    """Why is said, and the budget is broken."""
    gates = [fail_if("kernel slower than 2%"), fail_if("kernel > 1s")]

    found = judge(gates, BASE, nothing_shown("other hosts"))

    assert [State.UNKNOWN, State.HELD] == [each.state for each in found]
    assert "cannot be judged: other hosts" == found[0].line


@pytest.mark.parametrize(
    ("condition", "second", "expected", "line"),
    [
        ("kernel slower than 0%", [500], State.HELD, "it is +0 instructions (+0.00 %)"),
        ("kernel slower than 0%", [501], State.BROKEN, "it is +1 instructions (+0.20 %)"),
        ("kernel slower than 1", [501], State.HELD, "it is +1 instructions"),
        ("total slower than 0", [501], State.BROKEN, "it is +1 instructions (+0.07 %)"),
        ("linux_start_user slower than 0", [501], State.BROKEN, "it is +1 instructions"),
        ("kernel faster than 0", [499], State.BROKEN, "it is -1 instructions"),
        ("kernel slower than 2ms", [501], State.UNKNOWN, "cannot be judged: both were measured in"),
        (
            "kernel slower than 0",
            [499, 501],
            State.UNDECIDED,
            "not shown either way: +0 instructions (+0.00 %), between -1 and +1 instructions; the boots",
        ),
    ],
)
def test_counts_are_compared_exactly(
    condition: str, second: list[int], expected: State, line: str
) -> None:
    """One boot a side is enough, and one instruction is a difference."""
    found = judged(fail_if(condition), counted_run(second), counted_run([500]))

    assert (expected, True) == (found.state, found.line.startswith(line)), found.line
    assert found.line.count("between") == (len(second) > 1)


def test_time_is_not_compared_with_instructions() -> None:
    """The units are never mixed."""
    moves = moves_between(BASE, counted_run([500]), ["total"])

    (found,) = judge([fail_if("total slower than 2%")], counted_run([500]), moves)

    assert (Clock.INSTRUCTIONS, State.UNKNOWN) == (counted_run([500]).clock, found.state)
    assert "the baseline was measured in time, the run in instructions" in found.line


def test_who_names_one_phase_pays_for_no_other() -> None:
    """Five boots a side: among seven phases nothing could be shown, of one budget it is."""
    base, run = run_of([100, 101, 102, 103, 104]), run_of([200, 201, 202, 203, 204])

    (found,) = judge([fail_if("kernel slower than 2%")], run, moves_between(base, run, ["kernel"]))

    assert State.BROKEN == found.state


def test_so_few_boots_show_nothing() -> None:
    """Three a side differ by chance in one deal of ten, however far they are apart: not passed."""
    base, run = run_of([100, 101, 102]), run_of([900, 901, 902])

    found = judged(fail_if("kernel slower than 2%"), run, base)

    assert State.UNKNOWN == found.state


def test_budgets_are_a_family() -> None:
    """What one budget shows with four boots a side, three together do not; nor do three configurations."""
    base, run = run_of([100, 101, 102, 103]), run_of([200, 201, 202, 203])
    gates = [fail_if(f"{name} slower than 2%") for name in ("kernel", "total", "linux_start_user")]
    named = [gate.condition.quantity for gate in gates]

    (alone,) = judge(gates[:1], run, moves_between(base, run, named[:1]))
    together = judge(gates, run, moves_between(base, run, named))
    (thrice,) = judge(gates[:1], run, moves_between(base, run, named[:1], times=3))

    assert State.BROKEN == alone.state
    assert [State.UNKNOWN] * 3 == [each.state for each in together]
    assert State.BROKEN != thrice.state
