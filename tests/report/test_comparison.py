"""Two runs side by side, for a person and for a program: nothing lost, nothing obeyed."""

import pytest

from boots import marks
from qemu_boot_time.model import Clock, Mark, Run
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.report import comparison, exact
from qemu_boot_time.report.comparison import Compared
from qemu_boot_time.stats import compare
from qemu_boot_time.stats import exact as stats_exact
from qemu_boot_time.stats.verdict import Margin

MARKUP = "[red]net[/red]"
EVIL = "\x1b[31m\udcff"


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
