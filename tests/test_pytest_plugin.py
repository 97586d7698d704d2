"""The fixture for pytest: what it asks of ``qbt run``, what it says of a run, what it costs."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest

from budgets import NIGHT, counted_run, run_of, table
from qemu_boot_time.pytest_plugin import BootedRun, Booting, BudgetWarning, _run, _words

HEAVY = ("click", "rich", "msgspec", "numpy", "scipy", "qemu_boot_time.cli")
_LOADED = """
import sys, pytest
before = set(sys.modules)
import qemu_boot_time.pytest_plugin
print(sorted(name for name in set(sys.modules) - before if not name.startswith("_")))
"""


def booted(kernels_ms: Sequence[float], **changes: object) -> BootedRun:
    """Give a run as the fixture does."""
    run = replace(run_of(kernels_ms), path="/runs/it's")
    return BootedRun(replace(run, **changes))  # type: ignore[arg-type]  # fields of Run


# --- what it costs, what it asks --------------------------------------------------------------


def test_the_plugin_is_light() -> None:
    """Pytest loads it in every session: it brings in nothing but itself."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    )

    assert "['qemu_boot_time', 'qemu_boot_time.pytest_plugin']\n" == done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"until": "linux_start_user"}, ["--until", "linux_start_user"]),
        ({"timeout": 2.5, "warmup": 1}, ["--timeout", "2.5", "--warmup", "1"]),
        ({"source": ["plugin", "console"]}, ["--source", "plugin", "--source", "console"]),
        ({"kvm_console": True, "keep_going": False}, ["--kvm-console"]),
        ({"prepare": None, "symbols": Path("/vmlinux")}, ["--symbols", "/vmlinux"]),
    ],
)
def test_keywords_are_options_of_qbt_run(options: Mapping[str, object], words: list[str]) -> None:
    """Each by its long name; True is a flag, and several are several."""
    assert words == list(_words(options))


@pytest.mark.parametrize("name", ["out", "json", "fail_if", "budgets", "junit", "anyway"])
def test_options_that_are_the_fixtures_own(tmp_path: Path, name: str) -> None:
    """They are refused; a budget has a method."""
    with pytest.raises(TypeError, match=f"takes no '{name}'"):
        Booting(tmp_path)("qemu-system-x86_64", **{name: "x"})  # type: ignore[arg-type]  # any


@pytest.mark.parametrize(
    ("options", "trouble"),
    [
        ({"untill": "x"}, "qbt run: No such option '--untill'"),
        ({"until": "linux_start_usr"}, "no mark is called 'linux_start_usr': linux_start_user?"),
        ({"n": 0}, "qbt run: Invalid value"),
    ],
)
def test_what_qbt_run_refuses_fails_the_test(
    tmp_path: Path, options: dict[str, object], trouble: str
) -> None:
    """In its own words."""
    with pytest.raises(pytest.fail.Exception, match=trouble):
        Booting(tmp_path)("qemu-system-x86_64 -accel tcg", **options)  # type: ignore[arg-type]  # any


@pytest.mark.parametrize(
    ("insist", "kind"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
@pytest.mark.parametrize("words", ["/nowhere/qemu -accel tcg", ["/nowhere/qemu", "-accel", "tcg"]])
def test_a_host_that_cannot_skips_the_test(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    insist: str,
    kind: type[BaseException],
    words: str | list[str],
) -> None:
    """With the reason; but who insists gets a failure."""
    monkeypatch.setenv("QBT_REAL", insist)

    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception)) as caught:
        Booting(tmp_path)(words)

    assert kind is caught.type
    assert "/nowhere/qemu: not found" in str(caught.value)


def test_ctrl_c_is_no_failure_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the whole session, as everywhere in pytest."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    ours = click.Command("run", callback=interrupted)
    monkeypatch.setattr("qemu_boot_time.cli.run.command", ours)

    with pytest.raises(KeyboardInterrupt):
        _run([])


# --- what it says of a run --------------------------------------------------------------------


def test_medians_of_phases_and_marks() -> None:
    """In nanoseconds, or in what the run was measured in."""
    medians = booted(NIGHT).medians

    assert (110_000_000, 120_000_000) == (medians["kernel"], medians["linux_start_user"])
    assert 500 == BootedRun(counted_run([500])).medians["kernel"]
    assert 6 == booted(NIGHT).summary.ok


def test_budgets_that_are_kept_say_nothing(tmp_path: Path) -> None:
    """Not even a warning."""
    run = booted(NIGHT)
    file = tmp_path / "budgets.toml"
    file.write_text('require = ["kernel < 1s"]')

    run.require("kernel.median <= 120ms", "boots.n == 6")
    run.fail_if("kernel > 1s")
    run.budgets(file)


def test_a_broken_budget_shows_where_the_time_went() -> None:
    """Each that is broken, the table, and how to look again."""
    with pytest.raises(AssertionError) as caught:
        booted(NIGHT).require("kernel < 1ms", "kernel < 1s", "net < 1ms")

    first, second, *table = str(caught.value).splitlines()
    assert "budget broken: require kernel < 1ms: it is 110.000 ms" == first
    assert second.startswith("budget broken: require net < 1ms: cannot be judged: ")
    assert any(line.startswith("kernel ") and "110.000" in line for line in table)
    assert "look again: qbt show '/runs/it'\"'\"'s'" == table[-1]


def test_a_broken_budget_of_a_file(tmp_path: Path) -> None:
    """As on the command line."""
    file = tmp_path / "budgets.toml"
    file.write_text('fail_if = ["kernel > 1ms"]')

    with pytest.raises(AssertionError, match="budget broken: kernel > 1ms"):
        booted(NIGHT).budgets(file)


def test_a_condition_that_nobody_can_read_is_no_broken_budget() -> None:
    """It fails in its own words."""
    with pytest.raises(pytest.fail.Exception, match=r"'kernel\.p96 < 1s': 'p96' is no statistic"):
        booted(NIGHT).require("kernel.p96 < 1s")


def test_slower_than_a_table(tmp_path: Path) -> None:
    """A file of boots, or a run."""
    base = table(tmp_path / "base.csv", [each / 2 for each in NIGHT])

    with pytest.raises(AssertionError, match="budget broken: kernel slower than 2%: it is"):
        booted(NIGHT).fail_if("kernel slower than 2%", baseline=base)


def test_what_is_not_shown_is_a_warning(tmp_path: Path) -> None:
    """It says what it takes, and points at the test."""
    base = table(tmp_path / "base.csv", [each - 1.5 for each in NIGHT])

    with pytest.warns(BudgetWarning, match="undecided: kernel slower than 2%") as caught:
        booted(NIGHT).fail_if("kernel slower than 2%", baseline=base)

    assert __file__ == caught[0].filename


def test_comparing_fails_where_the_total_is_slower(tmp_path: Path) -> None:
    """With the table of both; else the comparison is given."""
    slow, fast = NIGHT, [each / 2 for each in NIGHT]

    found = booted(fast).compare(table(tmp_path / "slow.csv", slow))
    with pytest.raises(AssertionError, match=r"slower than .*fast\.csv\n\nfirst: ") as caught:
        booted(slow).compare(table(tmp_path / "fast.csv", fast))

    assert "FASTER" == found.total.verdict
    assert "SLOWER: +" in str(caught.value)


def test_comparing_what_is_not_alike(tmp_path: Path) -> None:
    """It is refused, and whoever insists is warned."""
    base = table(tmp_path / "base.csv", NIGHT)
    run = booted(NIGHT)
    doubtful = replace(run.run.boots[0], suspect=("clock_step",))
    run = booted(NIGHT, boots=(doubtful, *run.run.boots[1:]))

    with pytest.raises(pytest.fail.Exception, match="hint: to compare nevertheless: --anyway"):
        run.compare(base)
    with pytest.warns(BudgetWarning, match="clock_step") as caught:
        run.compare(base, insist="--anyway")

    assert __file__ == caught[0].filename


def test_instructions_are_compared_by_a_budget(tmp_path: Path) -> None:
    """The failure says which."""
    with pytest.raises(pytest.fail.Exception, match="total slower than 0%"):
        BootedRun(counted_run([500])).compare(table(tmp_path / "base.csv", NIGHT))
