"""Budgets on the command line: what is refused at once, what is printed, what the shell is told."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from budgets import NIGHT, table, told
from qemu_boot_time.cli import analyze, run, show
from qemu_boot_time.cli.gating import gating_of
from qemu_boot_time.errors import ExitStatus, InputError, UsageError
from qemu_boot_time.model import EndedBy
from runs import boot_facts, debugcon_lines, make_run

QEMU = ("--", "qemu-system-x86_64", "-accel", "tcg")


# --- what is printed --------------------------------------------------------------------------


def test_a_budget_that_is_kept_says_nothing(tmp_path: Path) -> None:
    """The table is as ever, and so is the status."""
    file = table(tmp_path / "night.csv")

    plain, judged = (
        told(analyze.command, file),
        told(analyze.command, file, "--fail-if", "kernel > 1s"),
    )

    assert plain == judged
    assert ExitStatus.DONE == judged.status


def test_a_budget_that_is_broken(tmp_path: Path) -> None:
    """One line each below the table, and status 1."""
    file = table(tmp_path / "night.csv")

    found = told(
        analyze.command,
        file,
        *("--fail-if", "kernel > 1ms", "--fail-if", "kernel > 1s"),
        *("--require", "kernel < 1ms", "--require", "kernel.p95 < 1s"),
    )

    assert ExitStatus.NO == found.status
    assert [
        "budget broken: kernel > 1ms: it is 110.000 ms",
        "budget broken: require kernel < 1ms: it is 110.000 ms",
        "budget broken: require kernel.p95 < 1s: cannot be judged: p95 needs 59 boots, not 6",
    ] == found.budgets
    assert found.text.endswith(f"{found.budgets[-1]}\n")


def test_kept_budgets_are_told_on_request(tmp_path: Path) -> None:
    """With -v."""
    words = ("-v", "--fail-if", "kernel > 1s")

    found = told(analyze.command, table(tmp_path / "night.csv"), *words)

    assert ["budget held: kernel > 1s: it is 110.000 ms"] == found.budgets


def test_the_document_has_them_all(tmp_path: Path) -> None:
    """Kept or not; without budgets there is no key."""
    file = table(tmp_path / "night.csv")

    found = told(
        analyze.command, "--json", file, "--fail-if", "kernel > 1s", "--require", "kernel < 1ms"
    )

    document = json.loads(found.text)
    assert ["held", "broken"] == [gate["state"] for gate in document["gates"]]
    assert ExitStatus.NO == found.status
    assert "gates" not in json.loads(told(analyze.command, "--json", file).text)


def test_a_boot_that_failed_comes_first(tmp_path: Path) -> None:
    """Status 4, whatever the budgets say; they are told all the same."""
    boots = [boot_facts(0), boot_facts(1, ended_by=EndedBy.TIMEOUT)]
    kept = make_run(tmp_path / "night", boots)

    found = told(show.command, str(kept), "--fail-if", "boots.failed > 0")

    assert ExitStatus.BOOT_FAILED == found.status
    assert ["budget broken: boots.failed > 0: it is 1"] == found.budgets


# --- a baseline -------------------------------------------------------------------------------


def test_a_baseline(tmp_path: Path) -> None:
    """Another file of boots is what "slower than" compares with."""
    night = table(tmp_path / "night.csv", [each + 50 for each in NIGHT])
    words = ("--baseline", table(tmp_path / "base.csv"), "--fail-if", "kernel slower than 2%")

    found = told(analyze.command, night, *words)

    assert ExitStatus.NO == found.status
    assert found.budgets[0].startswith(
        "budget broken: kernel slower than 2%: it is +50.000 ms (+45.45 %), between "
    )


def test_a_document_is_a_baseline(tmp_path: Path) -> None:
    """What --json printed can be kept beside the code."""
    file = table(tmp_path / "night.csv")
    (tmp_path / "base.json").write_text(told(analyze.command, "--json", file).text)
    words = ("--baseline", str(tmp_path / "base.json"), "--fail-if", "kernel slower than 20%")

    assert ExitStatus.DONE == told(analyze.command, file, *words).status


def measured(directory: Path, cpu: str) -> str:
    """Write a run of eight boots that was measured on such a CPU."""
    boots = [boot_facts(i) for i in range(8)]
    raw = "".join(debugcon_lines(i) for i in range(8))
    return str(make_run(directory, boots, raw=raw, host={"cpu_model": cpu}))


def test_a_baseline_that_means_something_else(tmp_path: Path) -> None:
    """The budget cannot be judged, and says how to insist; whoever does is warned."""
    night = measured(tmp_path / "night", "A")
    words = ("--baseline", measured(tmp_path / "base", "B"), "--fail-if", "total slower than 2%")

    refused = told(show.command, night, *words)
    insisted = told(show.command, night, *words, "--anyway")
    document = json.loads(told(show.command, "--json", night, *words, "--anyway").text)
    comment = told(show.command, night, *words, "--anyway", "--markdown", "-").text

    assert ExitStatus.NO == refused.status
    assert refused.budgets[0].startswith(
        "budget broken: total slower than 2%: cannot be judged: CPU: B in the first, A in "
    )
    assert refused.budgets[0].endswith("(to compare nevertheless: --anyway)")
    assert (ExitStatus.DONE, []) == (insisted.status, insisted.budgets)
    warning = "CPU: B in the first, A in the second"
    assert f"\nwarning: baseline: {warning}" in insisted.text
    assert "base" == document["baseline"]["name"]
    assert document["baseline"]["warnings"][0].startswith(warning)
    assert f"\n⚠️ {warning}" in comment


def test_a_comparison_without_a_baseline(tmp_path: Path) -> None:
    """It is refused, and what to add is said."""
    file = table(tmp_path / "night.csv")

    found = told(analyze.command, file, "--fail-if", "kernel slower than 2%")

    assert (ExitStatus.USAGE, "'kernel slower than 2%': there is no baseline") == (
        found.status,
        found.text,
    )
    assert found.hint.startswith("--baseline ")


def test_a_baseline_that_nothing_asks_for(tmp_path: Path) -> None:
    """Nobody is to think that it was compared."""
    file = table(tmp_path / "night.csv")

    found = told(analyze.command, file, "--baseline", file, "--fail-if", "kernel > 1s")

    assert ExitStatus.USAGE == found.status
    assert f"--baseline {file}: no budget compares with it" == found.text


# --- a file of budgets ------------------------------------------------------------------------


def test_a_file_of_budgets(tmp_path: Path) -> None:
    """Its baseline lies beside it, and the command line's own conditions are added to it."""
    (tmp_path / "ci").mkdir()
    table(tmp_path / "ci/base.csv")
    (tmp_path / "ci/budgets.toml").write_text(
        'baseline = "base.csv"\nfail_if = ["kernel slower than 2%"]\nrequire = ["kernel < 1s"]\n'
    )
    night = table(tmp_path / "night.csv", [each + 50 for each in NIGHT])
    words = ("--budgets", str(tmp_path / "ci/budgets.toml"), "--require", "boots.n == 6", "-v")

    found = told(analyze.command, night, *words)

    assert ["held: require boots.n", "broken: kernel slower", "held: require kernel"] == [
        " ".join(line.split()[1:4]) for line in found.budgets
    ]


def test_the_command_lines_baseline_beats_the_files(tmp_path: Path) -> None:
    """So that one file serves several branches."""
    file = tmp_path / "budgets.toml"
    file.write_text('baseline = "base.json"\nrequire = ["total faster than 2%"]')

    found = gating_of(budgets=file, baseline="last")

    assert "last" == found.baseline
    assert str(tmp_path / "base.json") == gating_of(budgets=file).baseline


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ('fail_if = ["kernel > 3"]', "fail_if 'kernel > 3': '3': median is a time"),
        ('require = ["kernel"]', "require 'kernel': no condition"),
        ("budget = 1", "`budget`"),
    ],
)
def test_a_bad_file_is_bad_input(tmp_path: Path, text: str, trouble: str) -> None:
    """The file is named, and what in it nobody can read."""
    file = tmp_path / "budgets.toml"
    file.write_text(text)

    with pytest.raises(InputError) as caught:
        gating_of(budgets=file)

    assert caught.value.what.startswith(f"{file}: ")
    assert trouble in caught.value.what


# --- before the first boot --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (
            ("-n", "30", "--fail-if", "kernel.p95 > 3ms"),
            "'kernel.p95 > 3ms': takes 59 boots, not 30",
            "-n 59",
        ),
        (
            ("-n", "298", "--require", "kernel.p99 < 3ms"),
            "'require kernel.p99 < 3ms': takes 299 boots, not 298",
            "-n 299",
        ),
        (
            ("--precision", "1%", "--fail-if", "kernel.p95 > 3ms"),
            "'kernel.p95 > 3ms': takes 59 boots, not 20",
            "--min-boots 59",
        ),
        (
            ("--fail-if", "kernal > 3ms"),
            "'kernal > 3ms': no phase or mark is called 'kernal': kernel?",
            "phases: ",
        ),
        (("--fail-if", "fw_start..net > 3ms"), "no phase or mark is called 'fw_start..net'", ""),
        (
            ("--require", "kernel.instructions < 3"),
            "'require kernel.instructions < 3': no instructions are counted",
            "--clock instructions",
        ),
        (("--fail-if", "total slower than 2%"), "there is no baseline", "--baseline"),
        (("--fail-if", "kernel > 3"), "--fail-if 'kernel > 3': '3': median is a time", ""),
    ],
)
def test_what_is_refused_before_the_first_boot(words: Sequence[str], what: str, hint: str) -> None:
    """Nobody waits for thirty boots to be told."""
    found = told(run.command, *words, *QEMU)

    assert ExitStatus.USAGE == found.status
    assert what in found.text
    assert hint in found.hint


@pytest.mark.parametrize(
    "name",
    [
        "kernel",
        "total",
        "unaccounted",
        "linux_start_user",
        "qemu_init_end",
        "exec..fw_start",
        "fw_start..linux_start_kernel",
        "decompress_start",
        "login_prompt",
        "Exit point 9",
        "network_up",
        "linux_start_user..network_up",
        "net",
    ],
)
def test_names_that_boots_may_have(name: str) -> None:
    """Phases, marks, the user's own, and merged phases: all are known; a missing program is not."""
    own = ("--mark", "42=network_up", "--phase", "net=linux_start_user..network_up")

    found = told(
        run.command, *own, "--fail-if", f"{name} > 3ms", "--", "/nowhere/qemu-system-x86_64"
    )

    assert (ExitStatus.CANNOT, "/nowhere/qemu-system-x86_64: not found") == (
        found.status,
        found.text,
    )


def test_just_enough_boots_for_a_percentile() -> None:
    """What can be judged is not refused."""
    words = ("-n", "59", "--fail-if", "kernel.p95 > 3ms", "--", "/nowhere/qemu-system-x86_64")

    assert ExitStatus.CANNOT == told(run.command, *words).status


def test_a_missing_baseline_is_told_before_the_first_boot(tmp_path: Path) -> None:
    """It is bad input."""
    words = ("--baseline", str(tmp_path / "nowhere"), "--fail-if", "total slower than 2%")

    assert ExitStatus.BAD_INPUT == told(run.command, *words, *QEMU).status


def test_bad_conditions_are_usage_errors() -> None:
    """On the command line; the option is named."""
    with pytest.raises(UsageError, match="--require 'x': no condition"):
        gating_of(require=["x"])
