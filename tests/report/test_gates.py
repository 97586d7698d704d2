"""Budgets in lines and in a document."""

from dataclasses import replace

from budgets import fail_if, judged, require, run_of
from qemu_boot_time.report.gates import gate_documents, gate_lines

RUN = run_of([100, 120])
HELD = judged(fail_if("kernel > 1s"), RUN)
BROKEN = judged(require("kernel < 1ms"), RUN)
UNKNOWN = judged(fail_if("ker\x1bnel > 1ms"), RUN)
UNDECIDED = judged(
    fail_if("kernel slower than 2%"),
    run_of([101, 105, 109, 114, 118, 122]),
    run_of([100, 104, 108, 112, 116, 120]),
)
ALL = (HELD, BROKEN, UNKNOWN, UNDECIDED)


def test_one_line_for_each_that_is_not_kept() -> None:
    """What cannot be judged is broken; nothing of the run reaches the terminal as it came."""
    assert [
        "budget broken: require kernel < 1ms: it is 110.000 ms",
        r"budget broken: ker\x1bnel > 1ms: cannot be judged: no boot has 'ker\x1bnel'; kernel?",
        f"budget undecided: kernel slower than 2%: {UNDECIDED.line}",
    ] == list(gate_lines(ALL, every=False))


def test_those_that_are_kept_on_request() -> None:
    """In the order in which they were given."""
    assert "budget held: kernel > 1s: it is 110.000 ms" == next(gate_lines(ALL, every=True))


def test_what_only_some_boots_have_is_told_of_budgets_that_are_kept() -> None:
    """A budget that most boots have no answer to is not kept in silence."""
    first, last = RUN.boots
    run = replace(RUN, boots=(first, replace(last, phases=())))

    kept = judged(fail_if("kernel > 1s"), run)

    assert ["budget held: kernel > 1s: it is 100.000 ms (1 of 2 boots have it)"] == list(
        gate_lines([kept], every=False)
    )


def test_documents() -> None:
    """The condition as it was given, the state, and the value with its unit in its name."""
    held, broken, unknown, undecided = gate_documents(ALL)

    assert {
        "kind": "fail_if",
        "condition": "kernel > 1s",
        "state": "held",
        "value_ns": 110_000_000,
        "line": "it is 110.000 ms",
    } == held
    assert ("require", "kernel < 1ms", "broken") == tuple(
        broken[key] for key in ("kind", "condition", "state")
    )
    assert {"kind", "condition", "state", "line"} == unknown.keys()
    assert ("undecided", 1_500_000) == (undecided["state"], undecided["value_ns"])
