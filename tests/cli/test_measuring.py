"""What the commands that keep a run refuse before they begin."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from budgets import NIGHT, run_of
from qbt_process import World
from qemu_boot_time.cli.measuring import require_alike_planned
from qemu_boot_time.errors import UsageError
from qemu_boot_time.model import Clock, Definitions, Run
from runs import run_facts


@pytest.mark.parametrize("words", [("demo",), ("record",), ("run", "--", "no-such-program")])
def test_a_run_is_not_kept_among_other_files(tmp_path: Path, words: tuple[str, ...]) -> None:
    """One line and a hint before anything else is looked at, and status 2."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/notes").touch()
    command, *rest = words

    done = World(tmp_path, tmp_path).qbt(command, "--out", "here", *rest)

    said = [
        "qbt: here: holds other files (notes)",
        "hint: --out takes a new directory, or an empty one",
    ]
    assert (2, "", said) == (done.status, done.stdout, done.stderr.splitlines())
    assert ["notes"] == [file.name for file in (tmp_path / "here").iterdir()]


# --- a baseline -------------------------------------------------------------------------------

BASELINE = replace(
    run_of(NIGHT), accelerator="kvm", definitions=Definitions(names={42: "up"}), host={"smt": True}
)
"""Its totals end at linux_start_user."""


@pytest.mark.parametrize(
    ("planned", "trouble"),
    [
        ({"clock": Clock.INSTRUCTIONS}, "the first was measured in time, the second in instr"),
        ({"until": "fw_start"}, "totals of the first end at linux_start_user, those of"),
        ({"names": {43: "up"}}, "up is port value 42 in the first, port value 43 in the second"),
        ({"phases": {"kernel": ("fw_start", "up")}}, "phase kernel is linux_start_kernel.."),
        ({"host": {"smt": False}}, "SMT: on in the first, off in the second"),
    ],
)
def test_a_baseline_that_cannot_mean_the_same(planned: dict[str, Any], trouble: str) -> None:
    """What is known before the first boot is refused then, with what insists on it, or the way out."""
    with pytest.raises(UsageError) as caught:
        require_alike_planned(BASELINE, run_facts(**planned), insisted=())

    said = f"the baseline (first) and what is to be booted (second): {trouble}"
    assert caught.value.what.startswith(said)
    way_out = "the same --clock" if "measured in" in trouble else "to compare nevertheless: --"
    assert way_out in caught.value.hint


@pytest.mark.parametrize(
    ("baseline", "planned", "insisted"),
    [
        (BASELINE, {}, ()),
        (BASELINE, {"until": "linux_start_user", "host": {"smt": True}}, ()),
        (BASELINE, {"host": {"smt": False}}, ("--anyway",)),
        (BASELINE, {"until": "fw_start"}, ("--same-definition",)),
        (
            replace(BASELINE, accelerator="tcg", host={"kvm_parameters": {"a": "1"}}),
            {"command": ("qemu-system-x86_64",), "host": {"kvm_parameters": {"a": "2"}}},
            (),
        ),
    ],
)
def test_a_baseline_that_may_mean_the_same(
    baseline: Run, planned: dict[str, Any], insisted: tuple[str, ...]
) -> None:
    """What only boots show is left to them; who insists is warned when they are there."""
    require_alike_planned(baseline, run_facts(**planned), insisted=insisted)
