"""Two runs side by side, for a person and for a program: nothing lost, nothing obeyed."""

from dataclasses import replace

import pytest

from boots import marks
from qemu_boot_time.model import Boot, Clock, Kind, Mark, Outcome, Run
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.report import comparison, comparison_document, exact
from qemu_boot_time.report.comparison import Compared
from qemu_boot_time.stats import compare
from qemu_boot_time.stats import exact as stats_exact
from qemu_boot_time.stats.verdict import Margin

MARKUP = "[red]net[/red]"
STUCK = (
    Boot(6, 1, Outcome.TIMEOUT, marks(fw_start=10), message="no disk \x1b[31m"),
    Boot(7, 1, Outcome.QEMU_FAILED, message="killed by SIGKILL"),
    Boot(8, 1, Outcome.TIMEOUT, marks(fw_start=20), message="no disk \x1b[31m"),
)
"""Boots that failed in two ways."""
TOLD = [
    r"second: failed: boot 7, 9: timeout after fw_start: no disk \x1b[31m",
    "second: failed: boot 8: qemu_failed: killed by SIGKILL",
]
FAILURES = [
    {
        "outcome": "timeout",
        "after": "fw_start",
        "message": "no disk \x1b[31m",
        "indices": [6, 8],
    },
    {"outcome": "qemu_failed", "after": "", "message": "killed by SIGKILL", "indices": [7]},
]


def run(name: str, *, phase: str = "mine", n: int = 6) -> Run:
    """Make a run of boots that have a phase of the user's own."""
    rules = Rules(phases={phase: ("linux_start_kernel", "linux_start_user")})
    seen = marks(linux_start_kernel=10**6, linux_start_user=2 * 10**6)
    boots = [boot_of_marks(seen, index=i, rules=rules) for i in range(n)]
    return Run(name, tuple(boots))


def compared(first: Run, second: Run) -> Compared:
    """Compare two runs."""
    return Compared(first, second, compare.compare(first, second, Margin()))


def counted(name: str, phase: str) -> Run:
    """Make a run of one boot that was counted."""
    rules = Rules(phases={phase: ("fw_start", "linux_start_user")})
    seen = [
        Mark(each, at, "plugin", instructions=at)
        for each, at in (("fw_start", 10), ("linux_start_user", 20))
    ]
    boot = boot_of_marks(seen, index=0, rules=rules)
    return Run(name, (boot,), clock=Clock.INSTRUCTIONS)


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [MARKUP, "[bold]", "a[/b]"])
def test_a_name_is_no_markup(name: str) -> None:
    """What looks like rich's own language is a name like any other."""
    text = comparison.to_text(compared(run("a", phase=name), run("b", phase=name)))

    assert [name] == [line.split()[0] for line in text.splitlines() if line.startswith(name)][:1]


@pytest.mark.parametrize("name", [MARKUP, "[bold]", "a[/b]"])
def test_a_name_of_counts_is_no_markup(name: str) -> None:
    """Neither is it there."""
    sides = counted("a", name), counted("b", name)

    text = exact.to_text(*sides, stats_exact.compare(*sides))

    assert [name] == [line.split()[0] for line in text.splitlines() if line.startswith(name)]


# --- failures ---------------------------------------------------------------------------------


def failing(run: Run) -> Run:
    """Add the boots that failed."""
    return replace(run, boots=(*run.boots, *STUCK))


def test_what_failed_and_how_is_told() -> None:
    """Of both sides; boots with the same trouble on one line."""
    found = compared(run("a"), failing(run("b")))

    text = comparison.to_text(found)

    assert TOLD == [
        line for line in text.splitlines() if line.startswith(("first: f", "second: f"))
    ]
    assert [[], FAILURES] == comparison_document.document(found)["failures"]


def test_what_failed_of_counts_is_told() -> None:
    """The same."""
    sides = counted("a", "mine"), failing(counted("b", "mine"))
    found = stats_exact.compare(*sides)

    text = exact.to_text(*sides, found)

    assert TOLD == text.splitlines()[-2:]
    document = exact.document(*sides, found)
    assert ([[], FAILURES], [1, 4], [0, 3]) == (
        document["failures"],
        document["boots"],
        document["failed"],
    )


# --- documents --------------------------------------------------------------------------------


def test_where_the_runs_are_and_how_they_were_measured() -> None:
    """A program reads what a person reads: paths, and that they were not measured in turn."""
    sides = [replace(run(name), path=f"/runs/{name}") for name in "ab"]

    one, other = (
        comparison_document.document(compared(*(replace(side, measurement=name) for side in sides)))
        for name in ("", "5")
    )

    assert ["/runs/a", "/runs/b"] == one["paths"]
    assert (
        ["not measured in turn: where the host changed meanwhile, that shows as a shift"],
        [],
    ) == (one["notes"], other["notes"])


def test_modes_of_both_totals() -> None:
    """Where they lie, and which boots are in each."""
    two = [
        boot_of_marks(
            marks(linux_start_user=(10 + 10 * (i % 2)) * 10**6 + i), index=i, rules=Rules()
        )
        for i in range(20)
    ]

    found = comparison_document.document(compared(run("a"), Run("b", tuple(two), kind=Kind.TABLE)))

    first, second = found["modes"]
    assert (None, [list(range(0, 20, 2)), list(range(1, 20, 2))]) == (
        first,
        [mode["indices"] for mode in second["modes"]],
    )


def test_names_that_are_no_utf_8() -> None:
    """JSON carries no such bytes."""
    found = comparison_document.document(
        compared(run("a", phase="\udcff"), run("b", phase="\udcff"))
    )
    alone = comparison_document.document(compared(run("a", phase="\udcff"), run("b")))

    assert r"\udcff" in [phase["name"] for phase in found["phases"]]
    assert [[r"\udcff"], ["mine"]] == alone["only"]
