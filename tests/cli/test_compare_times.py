"""``qbt compare`` of times: verdicts, refusals, several configurations, and what the shell is told."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qemu_boot_time.cli.compare import command
from qemu_boot_time.errors import ExitStatus, QbtError
from runs import boot_facts, debugcon_lines, make_run, run_facts

TENS = [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]
"""Totals in milliseconds."""


def totals(file: Path, values: Sequence[float]) -> str:
    """Write a list of totals."""
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{value}\n" for value in values))
    return str(file)


def compared(*words: str) -> tuple[int, str]:
    """Compare; give the status and what was printed, or why it was refused."""
    result = CliRunner().invoke(command, words, standalone_mode=False)
    if isinstance(result.exception, QbtError):
        return int(result.exception.status), f"{result.exception.what}\n{result.exception.hint}"
    assert result.exception is None, result.exception
    return int(result.return_value), result.stdout


def document(*words: str) -> dict[str, Any]:
    """Compare; give the JSON document."""
    _, text = compared("--json", *words)
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("second", "status", "verdict"),
    [
        ([value + 20 for value in TENS], ExitStatus.NO, "SLOWER"),
        ([value - 20 for value in TENS], ExitStatus.DONE, "FASTER"),
        ([value + 0.5 for value in TENS], ExitStatus.DONE, "UNDECIDED"),
    ],
)
def test_the_shell_is_told(tmp_path: Path, second: list[float], status: int, verdict: str) -> None:
    """Only SLOWER is a no."""
    sides = totals(tmp_path / "a.txt", TENS), totals(tmp_path / "b.txt", second)

    found_status, text = compared(*sides)

    assert (status, True) == (found_status, f"\n{verdict}: " in text)


def test_the_promised_keys(tmp_path: Path) -> None:
    """DESIGN.md's keys: second minus first, in nanoseconds, with the interval."""
    slower = [value + 20 for value in TENS]
    sides = totals(tmp_path / "a.txt", TENS), totals(tmp_path / "b.txt", slower)

    found = document(*sides)

    total = found["total"]
    assert (1, "SLOWER", 20_000_000) == (found["schema"], total["verdict"], total["shift_ns"])
    assert total["low_ns"] < 20_000_000 < total["high_ns"]
    assert [] == found["phases"]


def test_the_margin_is_the_users(tmp_path: Path) -> None:
    """What is within it is the same, whatever the test says."""
    slower = [value + 20 for value in TENS]
    sides = totals(tmp_path / "a.txt", TENS), totals(tmp_path / "b.txt", slower)

    assert ["SAME", "SAME", "SLOWER"] == [
        document(*sides, "--margin", margin)["total"]["verdict"]
        for margin in ("30%", "30ms", "2.5ms")
    ]


@pytest.mark.parametrize("margin", ["1", "1_000", "%", "-1%", "1 parsec", "nan%"])
def test_what_is_no_margin(tmp_path: Path, margin: str) -> None:
    """It is refused with what one looks like."""
    side = totals(tmp_path / "a.txt", TENS)

    result = CliRunner().invoke(command, [side, side, f"--margin={margin}"])

    assert (ExitStatus.USAGE, True) == (result.exit_code, "as 1%" in result.output)


def test_two_columns_are_two_definitions(tmp_path: Path) -> None:
    """A user who knows that they are not says so, and is reminded."""
    table = totals(tmp_path / "t.txt", ())
    Path(table).write_text("".join(f"{value} {value}\n" for value in TENS))
    sides = f"{table}:1:ms", f"{table}:2:ms"

    status, refusal = compared(*sides)
    insisted_status, text = compared(*sides, "--same-definition")

    assert (ExitStatus.USAGE, True) == (status, "--same-definition" in refusal)
    assert (ExitStatus.DONE, True) == (insisted_status, "warning: the first is column" in text)


def test_impossible_boots_are_refused(tmp_path: Path) -> None:
    """Marks that go backwards are no samples; --anyway takes them, and says so."""
    good = "fw_start,linux_start_kernel\n" + "10,20\n" * 9
    (tmp_path / "a.csv").write_text(good)
    (tmp_path / "b.csv").write_text(good + "20,10\n")
    sides = str(tmp_path / "a.csv"), str(tmp_path / "b.csv")

    status, refusal = compared(*sides)
    insisted_status, text = compared(*sides, "--anyway", "--same-definition")

    assert ExitStatus.BAD_INPUT == status
    assert "second: boot 10: marks_out_of_order" in refusal
    assert (ExitStatus.DONE, True) == (insisted_status, "warning: second: boot 10" in text)


def test_another_host_is_refused(tmp_path: Path) -> None:
    """The processor is no change that anybody made to the guest."""
    sides = [
        str(
            make_run(
                tmp_path / name,
                [boot_facts(i) for i in range(6)],
                raw="".join(debugcon_lines(i) for i in range(6)),
                host={"cpu_model": name},
            )
        )
        for name in ("Xeon", "EPYC")
    ]

    status, refusal = compared(*sides)

    assert (ExitStatus.USAGE, True, True) == (status, "EPYC" in refusal, "--anyway" in refusal)


def test_all_boots_of_one_side_failed(tmp_path: Path) -> None:
    """There is nothing to compare, and that is said; the status tells of the failures."""
    good = make_run(
        tmp_path / "a",
        [boot_facts(i) for i in range(6)],
        raw="".join(debugcon_lines(i) for i in range(6)),
        until="linux_start_user",
    )
    bad = make_run(
        tmp_path / "b",
        [boot_facts(i) for i in range(6)],
        raw="".join(debugcon_lines(i, (1, 5)) for i in range(6)),
        until="linux_start_user",
    )

    status, text = compared(str(good), str(bad))
    found = document(str(good), str(bad))

    assert ExitStatus.BOOT_FAILED == status
    assert "UNDECIDED: no boot of the second counts" in text
    assert "note: 0 boots of the first failed, 6 of the second" in text
    assert ("UNDECIDED", None, [6, 0]) == tuple(
        found["total"][key] for key in ("verdict", "shift_ns", "n")
    )


def test_several_configurations_have_one_verdict_each(tmp_path: Path) -> None:
    """One regression does not hide behind the others, and nothing is averaged."""
    for name, by in (("pc", 0), ("microvm", 20), ("q35", -20)):
        totals(tmp_path / "old" / f"{name}.txt", TENS)
        totals(tmp_path / "new" / f"{name}.txt", [value + by for value in TENS])
    sides = str(tmp_path / "old"), str(tmp_path / "new")

    status, text = compared(*sides)
    found = document(*sides)

    assert ExitStatus.NO == status
    assert ["microvm: SLOWER", "pc: UNDECIDED", "q35: FASTER"] == [
        line.rsplit(":", 1)[0] for line in text.splitlines()[-3:]
    ]
    assert {"microvm": "SLOWER", "pc": "UNDECIDED", "q35": "FASTER"} == {
        each["name"]: each["total"]["verdict"] for each in found["configurations"]
    }


def test_a_refused_configuration_is_named(tmp_path: Path) -> None:
    """The line says which one."""
    for side, header in (("old", "a,b"), ("new", "a,c")):
        totals(tmp_path / side / "pc.txt", TENS)
        (tmp_path / side / "q35.csv").write_text(f"fw_start,linux_start_user\n{header}\n")
    (tmp_path / "old" / "q35.csv").write_text("fw_start,linux_start_kernel\n10,20\n")
    (tmp_path / "new" / "q35.csv").write_text("fw_start,linux_start_user\n10,20\n")

    status, refusal = compared(str(tmp_path / "old"), str(tmp_path / "new"))

    assert (ExitStatus.USAGE, True) == (status, refusal.startswith("q35: "))


def test_configurations_against_one_run(tmp_path: Path) -> None:
    """Nobody can tell which one is meant."""
    one = totals(tmp_path / "a.txt", TENS)
    totals(tmp_path / "old" / "pc.txt", TENS)

    status, refusal = compared(one, str(tmp_path / "old"))

    assert (ExitStatus.USAGE, True) == (status, "holds several configurations" in refusal)


def test_a_baseline_is_a_document(tmp_path: Path) -> None:
    """A run and what --json wrote of it are the same."""
    run = make_run(
        tmp_path / "a",
        [boot_facts(i) for i in range(6)],
        raw="".join(debugcon_lines(i) for i in range(6)),
    )
    from qemu_boot_time.cli.show import command as show

    shown = CliRunner().invoke(show, [str(run), "--json"], standalone_mode=False)
    (tmp_path / "baseline.json").write_text(shown.stdout)

    found = document(str(tmp_path / "baseline.json"), str(run))

    assert ("SAME", 0) == (found["total"]["verdict"], found["total"]["shift_ns"])
    assert run_facts().sources == ("debugcon",)
